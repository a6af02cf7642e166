# SPDX-License-Identifier: MPL-2.0
name := virtio-pci
sources := virtio_pci.c
deps := abi lib arch sched mm object vfs pci virtio
tests :=
