name := sched
sources :=
deps := abi lib arch
tests :=
