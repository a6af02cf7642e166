// SPDX-License-Identifier: MPL-2.0
// Images by libsquashfs (volume.h). The library checks what it reads; what it is told, such as node numbers, is checked
// here, and whatever it calls an error is EIO.
#include "volume.h"

#include "expander.h"

#include <dirent.h>
#include <errno.h>
#include <sqfs/data_reader.h>
#include <sqfs/dir.h>
#include <sqfs/error.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/meta_reader.h>
#include <sqfs/super.h>
#include <sqfs/xattr.h>
#include <sqfs/xattr_reader.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct volume {
    sqfs_file_t file; // what the library reads from
    volume_reader *read;
    void *context;
    uint64_t size;
    sqfs_super_t super;
    sqfs_compressor_t *expander;
    sqfs_id_table_t *owners;
    sqfs_meta_reader_t *inodes, *folders;
    sqfs_data_reader_t *contents;
    sqfs_xattr_reader_t *xattrs;
    uint64_t node; // the last one that was looked at: 0: none
    sqfs_inode_generic_t *inode;
};

// The library's errors, and those of memory.
static int error_of(int status) {
    return status >= 0 ? 0 : status == SQFS_ERROR_ALLOC ? ENOMEM : EIO;
}

// ---------------------------------------------------------------- the image as a file

static int read_at(sqfs_file_t *file, sqfs_u64 offset, void *buffer, size_t size) {
    struct volume *volume = (struct volume *)file;
    if (offset > volume->size || size > volume->size - offset)
        return SQFS_ERROR_OUT_OF_BOUNDS;
    return volume->read(volume->context, offset, buffer, size) ? 0 : SQFS_ERROR_IO;
}

static int write_at(sqfs_file_t *file, sqfs_u64 offset, const void *buffer, size_t size) {
    (void)file, (void)offset, (void)buffer, (void)size;
    return SQFS_ERROR_IO;
}

static sqfs_u64 get_size(const sqfs_file_t *file) {
    return ((const struct volume *)file)->size;
}

static int truncate_file(sqfs_file_t *file, sqfs_u64 size) {
    (void)file, (void)size;
    return SQFS_ERROR_IO;
}

// ---------------------------------------------------------------- opening

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

bool volume_has_xattrs(const struct volume *volume) {
    return !(volume->super.flags & SQFS_FLAG_NO_XATTRS) && volume->super.xattr_id_table_start != UINT64_MAX;
}

// Where the table of folders ends: at the next table that there is.
static uint64_t folders_end(const sqfs_super_t *super) {
    return least(super->id_table_start, least(super->fragment_table_start, super->export_table_start));
}

static int open_tables(struct volume *volume) {
    const sqfs_super_t *super = &volume->super;
    sqfs_file_t *file = &volume->file;
    volume->owners = sqfs_id_table_create(0);
    volume->inodes =
        sqfs_meta_reader_create(file, volume->expander, super->inode_table_start, super->directory_table_start);
    volume->folders = sqfs_meta_reader_create(file, volume->expander, super->directory_table_start, folders_end(super));
    volume->contents = sqfs_data_reader_create(file, super->block_size, volume->expander, 0);
    volume->xattrs = sqfs_xattr_reader_create(0);
    if (!volume->owners || !volume->inodes || !volume->folders || !volume->contents || !volume->xattrs)
        return ENOMEM;
    int status = sqfs_id_table_read(volume->owners, file, super, volume->expander);
    if (status == 0)
        status = sqfs_data_reader_load_fragment_table(volume->contents, super);
    if (status == 0 && volume_has_xattrs(volume))
        status = sqfs_xattr_reader_load(volume->xattrs, super, file, volume->expander);
    return error_of(status);
}

static int open_image(struct volume *volume) {
    int error = error_of(sqfs_super_read(&volume->super, &volume->file));
    if (error != 0)
        return error;
    if (volume->super.compression_id != SQFS_COMP_ZSTD)
        return EIO;
    volume->expander = expander_create();
    return volume->expander ? open_tables(volume) : ENOMEM;
}

int volume_open(volume_reader *read, void *context, uint64_t size, struct volume **out) {
    struct volume *volume = calloc(1, sizeof *volume);
    if (!volume)
        return ENOMEM;
    volume->file =
        (sqfs_file_t){.read_at = read_at, .write_at = write_at, .get_size = get_size, .truncate = truncate_file};
    volume->read = read;
    volume->context = context;
    volume->size = size;
    int error = open_image(volume);
    if (error == 0)
        *out = volume;
    else
        volume_close(volume);
    return error;
}

void volume_close(struct volume *volume) {
    sqfs_free(volume->inode);
    sqfs_destroy(volume->xattrs);
    sqfs_destroy(volume->contents);
    sqfs_destroy(volume->folders);
    sqfs_destroy(volume->inodes);
    sqfs_destroy(volume->owners);
    sqfs_destroy(volume->expander);
    free(volume);
}

uint64_t volume_root(const struct volume *volume) {
    return volume->super.root_inode_ref + 1;
}

uint32_t volume_block_size(const struct volume *volume) {
    return volume->super.block_size;
}

uint64_t volume_bytes(const struct volume *volume) {
    return volume->super.bytes_used;
}

uint32_t volume_nodes(const struct volume *volume) {
    return volume->super.inode_count;
}

// ---------------------------------------------------------------- nodes

// The inode of that number, until the next one is asked for.
static int find(struct volume *volume, uint64_t node, const sqfs_inode_generic_t **out) {
    if (node == 0 || node - 1 >= 1ull << 48)
        return ESTALE;
    if (volume->node != node) {
        sqfs_free(volume->inode);
        volume->inode = NULL;
        volume->node = 0;
        uint64_t block = (node - 1) >> 16;
        size_t offset = (node - 1) & 0xffff;
        int status = sqfs_meta_reader_read_inode(volume->inodes, &volume->super, block, offset, &volume->inode);
        if (status != 0) {
            volume->inode = NULL;
            return status == SQFS_ERROR_OUT_OF_BOUNDS ? ESTALE : error_of(status);
        }
        volume->node = node;
    }
    *out = volume->inode;
    return 0;
}

static bool is_link(const sqfs_inode_generic_t *inode) {
    return inode->base.type == SQFS_INODE_SLINK || inode->base.type == SQFS_INODE_EXT_SLINK;
}

static bool is_folder(const sqfs_inode_generic_t *inode) {
    return inode->base.type == SQFS_INODE_DIR || inode->base.type == SQFS_INODE_EXT_DIR;
}

static bool is_file(const sqfs_inode_generic_t *inode) {
    return inode->base.type == SQFS_INODE_FILE || inode->base.type == SQFS_INODE_EXT_FILE;
}

static uint64_t size_of(const sqfs_inode_generic_t *inode) {
    sqfs_u64 size = 0;
    if (is_file(inode))
        (void)sqfs_inode_get_file_size(inode, &size);
    else if (inode->base.type == SQFS_INODE_DIR)
        size = inode->data.dir.size;
    else if (inode->base.type == SQFS_INODE_EXT_DIR)
        size = inode->data.dir_ext.size;
    else if (is_link(inode))
        size = inode->data.slink.target_size; // the same place in both kinds
    return size;
}

static uint32_t links_of(const sqfs_inode_generic_t *inode) {
    switch (inode->base.type) {
    case SQFS_INODE_DIR:
        return inode->data.dir.nlink;
    case SQFS_INODE_EXT_DIR:
        return inode->data.dir_ext.nlink;
    case SQFS_INODE_EXT_FILE:
        return inode->data.file_ext.nlink;
    case SQFS_INODE_SLINK:
    case SQFS_INODE_EXT_SLINK:
        return inode->data.slink.nlink;
    case SQFS_INODE_BDEV:
    case SQFS_INODE_CDEV:
    case SQFS_INODE_EXT_BDEV:
    case SQFS_INODE_EXT_CDEV:
        return inode->data.dev.nlink;
    case SQFS_INODE_FIFO:
    case SQFS_INODE_SOCKET:
    case SQFS_INODE_EXT_FIFO:
    case SQFS_INODE_EXT_SOCKET:
        return inode->data.ipc.nlink;
    default:
        return 1; // a file has one name, or it is an extended one
    }
}

// Squashfs keeps Linux's encoding of 32 bits.
static uint64_t device_of(const sqfs_inode_generic_t *inode) {
    switch (inode->base.type) {
    case SQFS_INODE_BDEV:
    case SQFS_INODE_CDEV:
    case SQFS_INODE_EXT_BDEV:
    case SQFS_INODE_EXT_CDEV:
        return inode->data.dev.devno;
    default:
        return 0;
    }
}

// The kind of a folder's entry or an inode, as S_IFMT has it; 0: no such kind. Extended kinds are 7 behind the others.
static uint32_t kind_of(unsigned type) {
    static const uint32_t kinds[] = {0, S_IFDIR, S_IFREG, S_IFLNK, S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK};
    type = type > SQFS_INODE_SOCKET ? type - SQFS_INODE_SOCKET : type;
    return type < sizeof kinds / sizeof *kinds ? kinds[type] : 0;
}

int volume_attributes(struct volume *volume, uint64_t node, struct volume_attributes *out) {
    const sqfs_inode_generic_t *inode;
    sqfs_u32 uid, gid;
    int error = find(volume, node, &inode);
    if (error != 0)
        return error;
    if (kind_of(inode->base.type) == 0 || sqfs_id_table_index_to_id(volume->owners, inode->base.uid_idx, &uid) != 0 ||
        sqfs_id_table_index_to_id(volume->owners, inode->base.gid_idx, &gid) != 0)
        return EIO;
    *out = (struct volume_attributes){.mode = kind_of(inode->base.type) | (inode->base.mode & 07777),
                                      .links = links_of(inode),
                                      .uid = uid,
                                      .gid = gid,
                                      .device = device_of(inode),
                                      .size = size_of(inode),
                                      .modified = inode->base.mod_time};
    return 0;
}

int volume_target(struct volume *volume, uint64_t node, char *to, size_t room) {
    const sqfs_inode_generic_t *inode;
    int error = find(volume, node, &inode);
    if (error != 0)
        return error;
    if (!is_link(inode))
        return EINVAL;
    uint32_t size = inode->data.slink.target_size;
    if (size == 0 || size >= room || size > inode->payload_bytes_used)
        return EIO;
    memcpy(to, inode->extra, size);
    to[size] = '\0';
    return 0;
}

int volume_list(struct volume *volume, uint64_t node, uint64_t after, volume_entry *entry, void *context) {
    const sqfs_inode_generic_t *inode;
    sqfs_readdir_state_t state;
    int error = find(volume, node, &inode);
    if (error != 0)
        return error;
    if (!is_folder(inode))
        return ENOTDIR;
    int status = sqfs_readdir_state_init(&state, &volume->super, inode);
    for (uint64_t position = 0; status == 0; position++) {
        sqfs_dir_entry_t *found = NULL;
        sqfs_u32 number;
        sqfs_u64 place;
        status = sqfs_meta_reader_readdir(volume->folders, &state, &found, &number, &place);
        if (status != 0) // 1: the end
            break;
        bool more = true;
        if (position >= after)
            more = entry(context, place + 1, kind_of(found->type) >> 12, (const char *)found->name, found->size + 1u);
        sqfs_free(found);
        if (!more)
            break;
    }
    return error_of(status);
}

int volume_read(struct volume *volume, uint64_t node, uint64_t offset, void *to, uint32_t size, uint32_t *got) {
    const sqfs_inode_generic_t *inode;
    int error = find(volume, node, &inode);
    if (error != 0)
        return error;
    if (!is_file(inode))
        return is_folder(inode) ? EISDIR : EINVAL;
    uint64_t end = size_of(inode), left = offset < end ? end - offset : 0;
    size = (uint32_t)least(size, left);
    sqfs_s32 done = size > 0 ? sqfs_data_reader_read(volume->contents, inode, offset, to, size) : 0;
    if (done < 0)
        return error_of(done);
    *got = (uint32_t)done;
    return *got == size ? 0 : EIO;
}

// ---------------------------------------------------------------- extended attributes

#define XATTRS_MOST 4096 // of a node

static int next_xattr(struct volume *volume, volume_attribute *attribute, void *context, bool *more) {
    sqfs_xattr_entry_t *key = NULL;
    sqfs_xattr_value_t *value = NULL;
    int status = sqfs_xattr_reader_read_key(volume->xattrs, &key);
    if (status == 0)
        status = sqfs_xattr_reader_read_value(volume->xattrs, key, &value);
    if (status == 0)
        *more = attribute(context, (const char *)key->key, value->value, value->size);
    sqfs_free(value);
    sqfs_free(key);
    return error_of(status);
}

int volume_xattrs(struct volume *volume, uint64_t node, volume_attribute *attribute, void *context) {
    const sqfs_inode_generic_t *inode;
    sqfs_xattr_id_t place;
    sqfs_u32 number;
    int error = find(volume, node, &inode);
    if (error != 0)
        return error;
    if (!volume_has_xattrs(volume) || sqfs_inode_get_xattr_index(inode, &number) != 0 || number == UINT32_MAX)
        return 0;
    int status = sqfs_xattr_reader_get_desc(volume->xattrs, number, &place);
    if (status == 0)
        status = sqfs_xattr_reader_seek_kv(volume->xattrs, &place);
    error = status == 0 && place.count > XATTRS_MOST ? EIO : error_of(status);
    bool more = true;
    for (uint32_t i = 0; error == 0 && more && i < place.count; i++)
        error = next_xattr(volume, attribute, context, &more);
    return error;
}
