name := dev
sources :=
deps := abi lib arch sched mm object vfs tty
tests :=
