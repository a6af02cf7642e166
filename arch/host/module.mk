# SPDX-License-Identifier: MPL-2.0
name := host
deps := abi lib arch
sources := aspace.c boot.c clock.c context.c globals.c idle.c log.c panic.c random.c smp.c thread.c uaccess.c
tests := context_test
