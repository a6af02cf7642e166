name := mm
sources :=
deps := abi lib arch sched
tests :=
