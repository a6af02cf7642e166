// SPDX-License-Identifier: MPL-2.0
// filed: a folder by the protocol `fs`, as far as reading and writing files goes: the generated stubs in earnest, with
// memory objects both ways. A node is an open file here; node 1 is the folder.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <protocols/fs.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <tessera/handle.h>
#include <unistd.h>

#define NODES 64
#define ROOT 1
#define PIECE 65536

static int nodes[NODES]; // files; 0: free

static int file_of(uint64_t node) {
    return node < NODES && nodes[node] ? nodes[node] : -1;
}

static int volume(void *context, uint64_t badge, struct fs_volume_reply *out) {
    struct statvfs about;
    if (fstatvfs(nodes[ROOT], &about) < 0)
        return errno;
    *out = (struct fs_volume_reply){.root = ROOT,
                                    .block_size = (uint32_t)about.f_bsize,
                                    .blocks = about.f_blocks,
                                    .free_blocks = about.f_bfree,
                                    .nodes = about.f_files,
                                    .free_nodes = about.f_ffree,
                                    .name_max = 255};
    return 0;
}

static int lookup(void *context, uint64_t badge, const struct fs_lookup *in, struct fs_lookup_reply *out) {
    int folder = file_of(in->folder);
    unsigned node = ROOT + 1;
    if (folder < 0)
        return ESTALE;
    if (in->name[0] == '\0' || strchr(in->name, '/') || strcmp(in->name, ".") == 0 || strcmp(in->name, "..") == 0)
        return ENOENT;
    while (node < NODES && nodes[node])
        node++;
    if (node == NODES)
        return ENFILE;
    int file = openat(folder, in->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0 && errno == EISDIR)
        file = openat(folder, in->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return errno;
    nodes[node] = file;
    out->node = node;
    return 0;
}

static int forget(void *context, uint64_t badge, const struct fs_forget *in) {
    int file = file_of(in->node);
    if (file < 0 || in->node == ROOT)
        return ESTALE;
    close(file);
    nodes[in->node] = 0;
    return 0;
}

static int64_t nanoseconds(struct timespec t) {
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

static int attributes(void *context, uint64_t badge, const struct fs_attributes *in, struct fs_attributes_reply *out) {
    struct stat about;
    if (fstat(file_of(in->node), &about) < 0)
        return ESTALE;
    *out = (struct fs_attributes_reply){.mode = about.st_mode,
                                        .links = (uint32_t)about.st_nlink,
                                        .uid = about.st_uid,
                                        .gid = about.st_gid,
                                        .size = (uint64_t)about.st_size,
                                        .blocks = (uint64_t)about.st_blocks,
                                        .accessed = nanoseconds(about.st_atim),
                                        .modified = nanoseconds(about.st_mtim),
                                        .changed = nanoseconds(about.st_ctim)};
    return 0;
}

static bool add_entry(struct fs_list_reply *out, const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    if (out->entries_size + 10 + length > sizeof out->entries)
        return false;
    uint8_t *to = out->entries + out->entries_size;
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(entry->d_ino >> 8 * i);
    to[8] = entry->d_type;
    to[9] = (uint8_t)length;
    memcpy(to + 10, entry->d_name, length);
    out->entries_size += 10 + length;
    return true;
}

static int list(void *context, uint64_t badge, const struct fs_list *in, struct fs_list_reply *out) {
    int file = file_of(in->folder);
    DIR *folder = file < 0 ? NULL : fdopendir(openat(file, ".", O_RDONLY | O_CLOEXEC));
    struct dirent *entry;
    if (!folder)
        return file < 0 ? ESTALE : ENOTDIR;
    out->next = in->after;
    for (uint64_t position = 0; (entry = readdir(folder)) != NULL; position++) {
        if (position < in->after)
            continue;
        if (!add_entry(out, entry))
            break;
        out->next = position + 1;
    }
    closedir(folder);
    return 0;
}

static int read_some(void *context, uint64_t badge, const struct fs_read *in, struct fs_read_reply *out) {
    int file = file_of(in->node);
    uint32_t size = in->size < sizeof out->data ? in->size : sizeof out->data;
    ssize_t got = file < 0 ? -1 : pread(file, out->data, size, (off_t)in->offset);
    if (got < 0)
        return file < 0 ? ESTALE : errno;
    out->data_size = (uint32_t)got;
    return 0;
}

static int write_some(void *context, uint64_t badge, const struct fs_write *in) {
    int file = file_of(in->node);
    ssize_t done = file < 0 ? -1 : pwrite(file, in->data, in->data_size, (off_t)in->offset);
    return file < 0 ? ESTALE : done < 0 ? errno : done < in->data_size ? ENOSPC : 0;
}

// Up to the end of `from`. How many bytes, or a negative error number.
static int64_t copy(int from, off_t at, int to, off_t there, uint64_t size) {
    static uint8_t piece[PIECE];
    uint64_t done = 0;
    while (done < size) {
        size_t next = size - done < PIECE ? (size_t)(size - done) : PIECE;
        ssize_t got = pread(from, piece, next, at + (off_t)done);
        if (got < 0 || pwrite(to, piece, (size_t)got, there + (off_t)done) != got)
            return -errno;
        if (got == 0)
            break;
        done += (uint64_t)got;
    }
    return (int64_t)done;
}

static int read_pages(void *context, uint64_t badge, const struct fs_read_pages *in, struct fs_read_pages_reply *out) {
    int file = file_of(in->node), memory = file < 0 ? -1 : memfd_create("pages", MFD_CLOEXEC);
    if (memory < 0)
        return file < 0 ? ESTALE : ENOMEM;
    int64_t size = copy(file, (off_t)in->offset, memory, 0, in->size);
    if (size < 0) {
        close(memory);
        return (int)-size;
    }
    out->data = memory;
    out->size = (uint64_t)size;
    return 0;
}

static int write_pages(void *context, uint64_t badge, const struct fs_write_pages *in) {
    int file = file_of(in->node);
    struct stat data;
    if (file < 0)
        return ESTALE;
    if (fstat(in->data, &data) < 0 || (uint64_t)data.st_size < in->size)
        return EINVAL;
    int64_t size = copy(in->data, 0, file, (off_t)in->offset, in->size);
    if (size < 0)
        return (int)-size;
    close(in->data);
    return 0;
}

int main(void) {
    struct fs_server server = {.volume = volume,
                               .lookup = lookup,
                               .forget = forget,
                               .attributes = attributes,
                               .list = list,
                               .read = read_some,
                               .read_pages = read_pages,
                               .write = write_some,
                               .write_pages = write_pages};
    int port = handle_named("port");
    nodes[ROOT] = handle_named("folder");
    if (nodes[ROOT] < 0 || tessera_register("files", port) < 0)
        return 1;
    tessera_ready();
    return tessera_serve(port, fs_dispatch, &server) != 0;
}
