name := posix
sources := syscall.c memory.c memfd.c
deps := abi lib arch sched mm object vfs tty net dev
tests :=
