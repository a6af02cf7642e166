name := object
sources :=
deps := abi lib arch sched mm
tests :=
