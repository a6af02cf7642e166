# SPDX-License-Identifier: MPL-2.0
name := virtio-mmio
sources := virtio_mmio.c
deps := abi lib arch sched mm object vfs virtio
tests :=
