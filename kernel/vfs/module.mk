name := vfs
sources :=
deps := abi lib arch sched mm object
tests :=
