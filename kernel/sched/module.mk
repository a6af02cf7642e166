name := sched
sources := realtime.c
deps := abi lib arch
tests :=
