# SPDX-License-Identifier: MPL-2.0
name := dev
sources := dev.c klog_ring.c klog.c kmsg.c syslog.c memdev.c crng.c random_device.c
deps := abi lib arch sched mm object vfs tty
tests := klog_ring
