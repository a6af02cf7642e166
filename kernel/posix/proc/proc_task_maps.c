// SPDX-License-Identifier: MPL-2.0
// /proc/PID/maps, smaps, smaps_rollup and mem: the address space. A region's line is made while the address space is
// locked; that needs no user memory.
#include "proc_priv.h"
#include <abi/fcntl.h>
#include <abi/stat.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <object/stat.h>
#include <vfs/namespace.h>

struct maps {
    struct text_buffer *text;
    struct aspace *aspace;
    struct path root;
    char *buffer; // for paths
    bool detailed;
    struct region_usage total;
    vaddr_t first, last;
};

static const char *region_name(struct maps *m, const struct region *r) {
    if (r->file) {
        const struct path *path = object_path(r->file);
        if (path) {
            const char *text = path_text(path, &m->root, m->buffer, PATH_MAX);
            return is_error_pointer(text) ? "(unreachable)" : text;
        }
        if (r->file->ops->link_text) {
            int length = r->file->ops->link_text(r->file, m->buffer, PATH_MAX);
            return length > 0 ? m->buffer : "";
        }
        return r->file->ops->name ? r->file->ops->name : "";
    }
    if (r->name)
        return r->name;
    if (r->start < m->aspace->brk_end && r->end > m->aspace->brk_start)
        return "[heap]";
    return "";
}

static void line(struct maps *m, const struct region *r) {
    uint64_t device = 0, inode = 0, offset = 0;
    struct vnode *vnode = r->file ? object_vnode(r->file) : nullptr;
    if (vnode) {
        device = vnode->super ? vnode->super->device : 0;
        inode = vnode->inode;
    } else if (r->file && r->file->ops->mapped) { // System V shared memory
        struct stat_info info;
        if (r->file->ops->stat(r->file, &info) == 0) {
            device = info.device;
            inode = info.inode;
        }
    }
    if (r->vmo && !(r->flags & REGION_SPECIAL))
        offset = r->offset;
    size_t before = m->text->length;
    text_printf(m->text, "%08lx-%08lx %c%c%c%c %08llx %02x:%02x %llu ", r->start, r->end,
                r->flags & REGION_READ ? 'r' : '-', r->flags & REGION_WRITE ? 'w' : '-',
                r->flags & REGION_EXEC ? 'x' : '-', r->flags & REGION_SHARED ? 's' : 'p', (unsigned long long)offset,
                abi_device_major(device), abi_device_minor(device), (unsigned long long)inode);
    const char *name = region_name(m, r);
    int width = (int)(m->text->length - before);
    if (name[0] && width < 73)
        text_printf(m->text, "%*s", 73 - width, "");
    text_printf(m->text, "%s\n", name);
}

// Anonymous pages count as dirty: they are nowhere else.
static void usage_lines(struct text_buffer *text, const struct region_usage *u) {
    unsigned long long k = PAGE_SIZE / 1024;
    uint64_t clean = u->resident - u->anonymous, shared_clean = u->shared - u->shared_anonymous;
    text_printf(text, "Rss:            %8llu kB\nPss:            %8llu kB\n", u->resident * k, u->resident * k);
    text_printf(text, "Shared_Clean:   %8llu kB\nShared_Dirty:   %8llu kB\n", shared_clean * k,
                u->shared_anonymous * k);
    text_printf(text, "Private_Clean:  %8llu kB\nPrivate_Dirty:  %8llu kB\n", (clean - shared_clean) * k,
                (u->anonymous - u->shared_anonymous) * k);
    text_printf(text, "Referenced:     %8llu kB\nAnonymous:      %8llu kB\n", u->resident * k, u->anonymous * k);
    text_printf(text, "AnonHugePages:  %8u kB\nSwap:           %8u kB\nSwapPss:        %8u kB\n", 0, 0, 0);
}

static bool visit(const struct region *r, void *context) {
    struct maps *m = context;
    line(m, r);
    if (m->detailed) {
        struct region_usage u;
        region_usage(r, &u);
        unsigned long size = (r->end - r->start) / 1024;
        text_printf(m->text, "Size:           %8lu kB\nKernelPageSize: %8u kB\nMMUPageSize:    %8u kB\n", size, 4, 4);
        usage_lines(m->text, &u);
        text_printf(m->text, "Locked:         %8llu kB\n",
                    r->flags & REGION_LOCKED ? u.resident * (PAGE_SIZE / 1024) : 0ull);
    }
    return !m->text->failed;
}

static bool add_up(const struct region *r, void *context) {
    struct maps *m = context;
    struct region_usage u;
    region_usage(r, &u);
    m->total.resident += u.resident;
    m->total.anonymous += u.anonymous;
    m->total.shared += u.shared;
    m->total.shared_anonymous += u.shared_anonymous;
    if (m->first == 0)
        m->first = r->start;
    m->last = r->end;
    return true;
}

static status_t walk(struct text_buffer *text, struct task *task, bool detailed) {
    struct process *process = task_process(task);
    status_t status = proc_check_access(process);
    if (status != 0)
        return status;
    struct maps m = {.text = text, .aspace = process_get_aspace(process), .detailed = detailed};
    if (!m.aspace)
        return 0;
    m.buffer = kmalloc(PATH_MAX);
    if (m.buffer) {
        fs_get_root(&m.root);
        aspace_for_each_region(m.aspace, visit, &m);
        path_put(&m.root);
    }
    status = m.buffer ? 0 : -ENOMEM;
    kfree(m.buffer);
    aspace_put(m.aspace);
    return status;
}

status_t proc_maps(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    return walk(text, task, false);
}

status_t proc_smaps(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    return walk(text, task, true);
}

status_t proc_smaps_rollup(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    struct process *process = task_process(task);
    status_t status = proc_check_access(process);
    struct maps m = {.text = text, .aspace = status == 0 ? process_get_aspace(process) : nullptr};
    if (!m.aspace)
        return status;
    aspace_for_each_region(m.aspace, add_up, &m);
    text_printf(text, "%08lx-%08lx ---p 00000000 00:00 0 %25s[rollup]\n", m.first, m.last, "");
    usage_lines(text, &m.total);
    aspace_put(m.aspace);
    return 0;
}

static ssize_t mem_access(struct task *task, struct uio *uio, loff_t position, bool write) {
    struct process *process = task_process(task);
    status_t status = proc_check_access(process);
    struct aspace *aspace = status == 0 ? process_get_aspace(process) : nullptr;
    if (!aspace)
        return status;
    char *page = kmalloc(PAGE_SIZE);
    ssize_t total = 0, done = page ? 0 : -ENOMEM;
    while (page && uio->resid > 0) {
        vaddr_t address = (vaddr_t)position + total;
        size_t size = MIN(uio->resid, PAGE_SIZE - (address & PAGE_MASK));
        if (write && uio_read(uio, page, size) != size) {
            done = -EFAULT;
            break;
        }
        done = aspace_access(aspace, address, page, size, write, true);
        if (done <= 0)
            break;
        if (!write && uio_write(uio, page, done) != (size_t)done) {
            done = -EFAULT;
            break;
        }
        total += done;
        if ((size_t)done < size)
            break;
    }
    kfree(page);
    aspace_put(aspace);
    return total > 0 ? total : done == -EFAULT ? -EIO : done;
}

ssize_t proc_mem_read(struct task *task, struct uio *uio, loff_t position) {
    return mem_access(task, uio, position, false);
}

ssize_t proc_mem_write(struct task *task, struct uio *uio, loff_t position) {
    return mem_access(task, uio, position, true);
}
