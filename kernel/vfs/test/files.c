// SPDX-License-Identifier: MPL-2.0
// File contents: random reads, writes, truncation, holes and appends on a tmpfs file against a byte array; quotas.
#include "vfs_test.h"

enum { SIZE_MAX_TESTED = 200000, STEPS = 20000 };
static uint8_t model[SIZE_MAX_TESTED], scratch[SIZE_MAX_TESTED];
static uint64_t model_size;
static struct object *object;

static struct file *the_file(void) {
    return file_of(object);
}

static bool step_write(bool append) {
    uint64_t at = append ? model_size : (uint64_t)random() % SIZE_MAX_TESTED;
    size_t size = MIN((size_t)random() % 10000, (size_t)(SIZE_MAX_TESTED - at));
    for (size_t i = 0; i < size; i++)
        scratch[i] = (uint8_t)random();
    struct uio uio;
    uio_init_kernel(&uio, scratch, size);
    loff_t position = append ? 3 : (loff_t)at; // an append goes to the end wherever it is told to go
    if (object->ops->write(object, &uio, &position, append ? RWF_APPEND : 0) != (ssize_t)size)
        return false;
    memcpy(model + at, scratch, size);
    if (size)
        model_size = MAX(model_size, at + size);
    return true;
}

static bool step_read(void) {
    uint64_t at = (uint64_t)random() % SIZE_MAX_TESTED;
    size_t size = (size_t)random() % 20000;
    ssize_t want = at < model_size ? (ssize_t)MIN(size, model_size - at) : 0;
    return read_at(object, scratch, size, (loff_t)at) == want && memcmp(scratch, model + at, (size_t)want) == 0;
}

static bool step_truncate(void) {
    uint64_t size = (uint64_t)random() % SIZE_MAX_TESTED;
    if (object->ops->truncate(object, size) != 0)
        return false;
    if (size < model_size)
        memset(model + size, 0, model_size - size);
    model_size = size;
    return true;
}

static bool step_allocate(void) {
    static const int modes[4] = {0, FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, FALLOC_ZERO_RANGE};
    int mode = modes[random() % 4];
    uint64_t start = (uint64_t)random() % (SIZE_MAX_TESTED - 10000), size = 1 + (uint64_t)random() % 9999;
    if (vfs_allocate(the_file(), mode, (loff_t)start, (loff_t)size) != 0)
        return false;
    if (mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE))
        memset(model + start, 0, size);
    if (!(mode & FALLOC_KEEP_SIZE))
        model_size = MAX(model_size, start + size);
    return true;
}

static bool step(void) {
    switch (random() % 8) {
    case 0:
    case 1:
        return step_write(false);
    case 2:
        return step_write(true);
    case 3:
        return step_truncate();
    case 4:
        return step_allocate();
    default:
        return step_read();
    }
}

static void contents(void) {
    bool right = true, size_right = true;
    ok(vfs_open(nullptr, "/file", O_RDWR | O_CREAT, 0600, &object) == 0, "a file");
    for (int i = 0; i < STEPS && right; i++) {
        struct stat_info info;
        right &= step();
        size_right &= vfs_stat(the_file()->vnode, &info) == 0 && info.size == model_size;
    }
    ok(right, "%d random operations", STEPS);
    ok(size_right, "and the size after each");
    is(object->ops->seek(object, -1, SEEK_SET), -EINVAL, "no position before the start");
    is(object->ops->seek(object, 10, SEEK_END), (loff_t)model_size + 10, "but behind the end");
    is(write_at(object, "x", 1, INT64_MAX), -EINVAL, "the last position is a number");
    close_object(object);
    is(vfs_unlink(nullptr, "/file"), 0, "unlink");
}

static void quota(void) {
    struct path target;
    is(vfs_mkdir(nullptr, "/small", 0755), 0, "mkdir");
    is(path_lookup(nullptr, "/small", LOOKUP_DIRECTORY, &target), 0, "a mount point");
    struct mount_request request = {
        .source = "none", .type = "tmpfs", .options = "size=16k,nr_inodes=4", .target = &target};
    is(vfs_mount(&request), 0, "mount tmpfs with limits");
    is(vfs_open(nullptr, "/small/a", O_RDWR | O_CREAT, 0600, &object), 0, "a file in it");
    is(write_at(object, model, 16384, 0), 16384, "four pages fit");
    is(write_at(object, model, 1, 16384), -ENOSPC, "ENOSPC");
    is(object->ops->truncate(object, 0), 0, "make room");
    is(write_at(object, model, 20000, 0), 16384, "a write takes what fits");
    is(vfs_mkdir(nullptr, "/small/b", 0755), 0, "a third node");
    is(vfs_mkdir(nullptr, "/small/c", 0755), 0, "a fourth");
    is(vfs_mkdir(nullptr, "/small/d", 0755), -ENOSPC, "a fifth is too many");
    struct path root;
    is(path_lookup(nullptr, "/small", 0, &root), 0, "look it up");
    is(vfs_unmount(&root, 0), -EBUSY, "an open file keeps it mounted");
    close_object(object);
    is(vfs_unmount(&root, 0), 0, "then it goes");
    path_put(&root);
    path_put(&target);
    is(vfs_rmdir(nullptr, "/small"), 0, "and the mount point");
}

static void body(void) {
    struct page_stats before, after;
    srandom(11);
    rcu_barrier();
    page_stats(&before);
    contents();
    quota();
    rcu_barrier();
    page_stats(&after);
    is(after.cached, before.cached, "all pages are free again");
}

int main(void) {
    vfs_test(body);
}
