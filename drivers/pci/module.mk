# SPDX-License-Identifier: MPL-2.0
name := pci
sources := pci.c scan.c bars.c assign.c config.c line.c message.c sysfs.c
deps := abi lib arch sched mm object vfs
tests := scan
