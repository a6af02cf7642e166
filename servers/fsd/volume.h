// SPDX-License-Identifier: MPL-2.0
// A squashfs image, read through Debian's libsquashfs. Nothing here makes system calls but by `read`, so that tests and
// the fuzzer give it any bytes they like.
//
// Node numbers are where an inode lies in the image, plus one: they mean the same to every instance of the server. All
// functions return 0 or a positive error number: EIO for whatever is wrong in the image, ESTALE for a number that leads
// to no inode.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Fills the buffer from that offset of the image. False: it fails, or the image is shorter.
typedef bool volume_reader(void *context, uint64_t offset, void *buffer, size_t size);

struct volume_attributes {
    uint32_t mode, links, uid, gid;
    uint64_t device, size, modified; // seconds
};

struct volume;
// Reads what describes the image. `size`: of what `read` can read, in bytes. ENOMEM.
int volume_open(volume_reader *read, void *context, uint64_t size, struct volume **out);
void volume_close(struct volume *volume);

uint64_t volume_root(const struct volume *volume);
uint32_t volume_block_size(const struct volume *volume); // contents are read in pieces of this size
uint64_t volume_bytes(const struct volume *volume);
uint32_t volume_nodes(const struct volume *volume);

bool volume_has_xattrs(const struct volume *volume);

int volume_attributes(struct volume *volume, uint64_t node, struct volume_attributes *out);
// The target of a symbolic link, ended by a zero; at most room - 1 bytes. EINVAL: it is none.
int volume_target(struct volume *volume, uint64_t node, char *to, size_t room);
// Calls `entry` for the names of a folder behind the first `after` ones, until it returns false. Types are DT_*.
// ENOTDIR.
typedef bool volume_entry(void *context, uint64_t node, unsigned type, const char *name, size_t length);
int volume_list(struct volume *volume, uint64_t node, uint64_t after, volume_entry *entry, void *context);
// Contents; *got: fewer than asked for at the end only. EISDIR, EINVAL: not a file.
int volume_read(struct volume *volume, uint64_t node, uint64_t offset, void *to, uint32_t size, uint32_t *got);
// Calls `attribute` for each extended attribute, until it returns false.
typedef bool volume_attribute(void *context, const char *name, const void *value, uint32_t size);
int volume_xattrs(struct volume *volume, uint64_t node, volume_attribute *attribute, void *context);
