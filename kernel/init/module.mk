# SPDX-License-Identifier: MPL-2.0
name := init
sources := main.c options.c panic.c symbols.c drivers.c selftest.c ktest_smp.c ktest_memory.c ktest_fatal.c ktest_crew.c ktest_order.c ktest_aspace.c
deps := abi lib arch sched mm object vfs tty net dev block served posix
tests :=
