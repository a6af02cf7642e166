# SPDX-License-Identifier: MPL-2.0
name := served
sources := served.c served_ask.c served_dir.c served_node.c served_xattr.c
deps := abi lib arch sched mm object vfs ipc
