name := init
sources :=
deps := abi lib arch sched mm object vfs tty net dev posix
tests :=
