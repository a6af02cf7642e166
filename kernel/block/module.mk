# SPDX-License-Identifier: MPL-2.0
name := block
sources := queue.c wait.c cache.c cache_sync.c file.c direct.c ioctl.c device.c sysfs.c proc.c
deps := abi lib arch sched mm object vfs
tests := queue
