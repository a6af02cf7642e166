name := posix
sources :=
deps := abi lib arch sched mm object vfs tty net
tests :=
