# SPDX-License-Identifier: MPL-2.0
name := serial-pl011
sources := serial.c
deps := abi lib arch sched mm object tty serial
tests :=
