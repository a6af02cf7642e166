name := tty
sources :=
deps := abi lib arch sched mm object vfs
tests :=
