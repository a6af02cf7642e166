# SPDX-License-Identifier: MPL-2.0
name := serial
sources := serial.c ring.c
deps := abi lib arch sched mm object tty
tests :=
