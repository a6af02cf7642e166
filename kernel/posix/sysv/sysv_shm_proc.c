// SPDX-License-Identifier: MPL-2.0
// /proc/sysvipc/shm and the limits in /proc/sys/kernel: of the space that the reader is in. As on Linux, what has no
// read permission for the reader is listed all the same (ipcs and SHM_STAT_ANY show the same).
#include "proc/proc_priv.h"
#include "sysv_shm.h"

#include <lib/string.h>
#include <stddef.h>

// One line at a time: text may need memory, and that is not asked for under a spinlock. False: there is no more.
static bool line(struct text_buffer *text, struct shm_space *space, uint64_t *index) {
    spin_lock(&shm_lock);
    struct shm_segment *found = shm_next(space, index);
    struct shm_segment s = {};
    if (found)
        s = *found; // a picture for the text below, not a segment
    uint64_t resident = found ? atomic_load_explicit(&found->vmo->resident, memory_order_relaxed) : 0;
    spin_unlock(&shm_lock);
    if (!found)
        return false;
    text_printf(text, "%10d %10d  %4o %21llu %5u %5u  %5llu %5u %5u %5u %5u %10lld %10lld %10lld %21llu %21u\n", s.key,
                s.id, s.mode, (unsigned long long)s.size, s.creator, s.last, (unsigned long long)s.attached, s.uid,
                s.gid, s.creator_uid, s.creator_gid, (long long)s.attach_time, (long long)s.detach_time,
                (long long)s.change_time, (unsigned long long)resident << PAGE_SHIFT, 0);
    ++*index;
    return true;
}

static void segments_show(struct text_buffer *text, void *context) {
    struct shm_space *space = shm_space_current();
    uint64_t index = 0;
    (void)context;
    text_printf(text, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
                      "      atime      dtime      ctime                   rss                  swp\n");
    while (space && line(text, space, &index))
        ;
}

// ---------------------------------------------------------------- limits; context: the offset in struct shm_space

static uint64_t *limit_of(struct shm_space *space, void *context) {
    return (uint64_t *)((char *)space + (uintptr_t)context);
}

static void limit_show(struct text_buffer *text, void *context) {
    struct shm_space *space = shm_space_current();
    if (space)
        text_printf(text, "%llu\n", (unsigned long long)*limit_of(space, context));
}

static ssize_t limit_store(void *context, const char *from, size_t size) {
    uint64_t value;
    bool count = (uintptr_t)context == offsetof(struct shm_space, count_max);
    if (!proc_parse_number(from, size, &value) || (count && value > SHM_INDEXES))
        return -EINVAL;
    struct shm_space *space = shm_space_current();
    if (!space)
        return -ENOMEM;
    spin_lock(&shm_lock);
    *limit_of(space, context) = value;
    spin_unlock(&shm_lock);
    return (ssize_t)size;
}

void shm_proc_init(void) {
    static const struct proc_file files[] = {
        {"sysvipc/shm", 0444, segments_show},
        {"sys/kernel/shmmax", 0644, limit_show, limit_store, (void *)offsetof(struct shm_space, size_max)},
        {"sys/kernel/shmall", 0644, limit_show, limit_store, (void *)offsetof(struct shm_space, pages_max)},
        {"sys/kernel/shmmni", 0644, limit_show, limit_store, (void *)offsetof(struct shm_space, count_max)},
    };
    proc_add_all(files, ARRAY_SIZE(files));
}
