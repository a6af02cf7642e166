name := posix
sources := syscall.c
deps := abi lib arch sched mm object vfs tty net dev
tests :=
