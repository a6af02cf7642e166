# SPDX-License-Identifier: MPL-2.0
name := virtio
sources := queue.c virtio.c
deps := abi lib arch sched mm object vfs
tests := queue
