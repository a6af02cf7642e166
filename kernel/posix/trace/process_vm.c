// SPDX-License-Identifier: MPL-2.0
// process_vm_readv and process_vm_writev: copying between the caller's memory and another process's, piece by piece
// through a page of kernel memory.
#include "process/process_priv.h"
#include "trace_priv.h"

#include <abi/syscall_table.h>
#include <mm/aspace.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <posix/process.h>

enum { PIECES_MAX = 1024 }; // UIO_MAXIOV

struct pieces {
    struct uio_vec *vec; // kmalloc
    size_t count, total;
};

static status_t copy_pieces(const void __user *from, unsigned long count, struct pieces *out) {
    *out = (struct pieces){.count = count};
    if (count > PIECES_MAX)
        return -EINVAL;
    if (count == 0)
        return 0;
    out->vec = kmalloc_charged(count * sizeof(struct uio_vec));
    if (!out->vec)
        return -ENOMEM;
    if (copy_from_user(out->vec, from, count * sizeof(struct uio_vec)) < 0)
        return -EFAULT;
    for (size_t i = 0; i < count; i++) {
        if ((ssize_t)out->vec[i].size < 0)
            return -EINVAL;
        out->total += MIN(out->vec[i].size, (size_t)INT64_MAX - out->total);
    }
    return 0;
}

static ssize_t copy_piece(struct aspace *aspace, struct uio *local, struct uio_vec piece, bool write) {
    char *buffer = kmalloc_charged(PAGE_SIZE);
    size_t done = 0;
    while (buffer && done < piece.size && local->resid > 0) {
        size_t wanted = MIN(piece.size - done, local->resid);
        size_t step = MIN(wanted, PAGE_SIZE - ((piece.base + done) & PAGE_MASK));
        size_t part = write ? uio_read(local, buffer, step) : step;
        ssize_t there = part ? aspace_access(aspace, piece.base + done, buffer, part, write, false) : 0;
        if (!write && there > 0)
            there = (ssize_t)uio_write(local, buffer, (size_t)there);
        if (there <= 0)
            break;
        done += (size_t)there;
        if ((size_t)there < step)
            break;
    }
    kfree(buffer);
    if (!buffer)
        return -ENOMEM;
    return done > 0 || piece.size == 0 ? (ssize_t)done : -EFAULT;
}

static ssize_t copy_all(struct aspace *aspace, struct pieces *local, struct pieces *remote, bool write) {
    struct uio uio = {.vec = local->vec, .count = (unsigned)local->count, .resid = local->total};
    ssize_t done = 0;
    for (size_t i = 0; i < remote->count && uio.resid > 0; i++) {
        ssize_t part = copy_piece(aspace, &uio, remote->vec[i], write);
        if (part < 0)
            return done > 0 ? done : part;
        done += part;
        if ((size_t)part < remote->vec[i].size)
            break;
    }
    return done;
}

static ssize_t access_process(int pid, struct pieces *local, struct pieces *remote, bool write) {
    struct process *process = process_lookup_seen(pid);
    if (!process)
        return -ESRCH;
    ssize_t result = -EPERM;
    if (trace_may_access(process, false)) {
        struct aspace *aspace = process_get_aspace(process);
        result = aspace ? copy_all(aspace, local, remote, write) : -ESRCH;
        if (aspace)
            aspace_put(aspace);
    }
    process_put(process);
    return result;
}

struct arguments {
    int pid;
    const void __user *local, *remote;
    unsigned long local_count, remote_count;
};

static long process_vm(const struct arguments *a, unsigned long flags, bool write) {
    if (flags)
        return -EINVAL;
    struct pieces local = {0}, remote = {0};
    ssize_t result = copy_pieces(a->local, a->local_count, &local);
    if (result == 0 && local.total > 0) {
        result = copy_pieces(a->remote, a->remote_count, &remote);
        if (result == 0 && remote.total > 0)
            result = access_process(a->pid, &local, &remote, write);
    }
    kfree(local.vec);
    kfree(remote.vec);
    return result;
}

long sys_process_vm_readv(int pid, const void __user *local, unsigned long local_count, const void __user *remote,
                          unsigned long remote_count, unsigned long flags) {
    struct arguments arguments = {pid, local, remote, local_count, remote_count};
    return process_vm(&arguments, flags, false);
}

long sys_process_vm_writev(int pid, const void __user *local, unsigned long local_count, const void __user *remote,
                           unsigned long remote_count, unsigned long flags) {
    struct arguments arguments = {pid, local, remote, local_count, remote_count};
    return process_vm(&arguments, flags, true);
}
