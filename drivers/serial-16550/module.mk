# SPDX-License-Identifier: MPL-2.0
name := serial-16550
sources := serial.c
deps := abi lib arch sched mm object tty serial pci
tests :=
