# SPDX-License-Identifier: MPL-2.0
name := virtio-blk
sources := virtio_blk.c
deps := abi lib arch sched mm object vfs virtio block
tests :=
