# SPDX-License-Identifier: MPL-2.0
name := vfs
sources := entry.c walk.c path.c vnode.c mount.c mount_show.c file.c file_node.c open.c namespace.c rename.c attributes.c text.c tmpfs.c xattr.c \
    device.c device_sysfs.c cpio.c initramfs.c memory_file.c pipe.c splice.c nodes.c procfs.c proc_fd.c ranges.c locks.c inotify.c \
    overlay.c overlay_node.c overlay_lookup.c overlay_list.c overlay_copy.c overlay_work.c overlay_change.c \
    overlay_rename.c overlay_attributes.c init.c
deps := abi lib arch sched mm object
tests := cpio files pipes ranges tree
