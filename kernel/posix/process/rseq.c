// SPDX-License-Identifier: MPL-2.0
// Restartable sequences (rseq): user code that is aborted if its thread was switched away or got a signal in the
// middle, so that it can update per-CPU data without atomic instructions. The kernel keeps the CPU's number in the
// registered area and, if the thread stopped inside the announced range, sends it to the abort address.
#include "rseq.h"
#include "process_priv.h"
#include "signal/signal_priv.h"
#include <abi/sched.h>
#include <abi/syscall_table.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <sched/sched.h>

enum { AREA_SIZE = 32, AREA_ALIGN = 32 };

static status_t store_cpu(vaddr_t area, uint32_t cpu) {
    struct abi_rseq __user *r = (struct abi_rseq __user *)area;
    if (put_user(cpu, &r->cpu_id_start) != 0 || put_user(cpu, &r->cpu_id) != 0)
        return -EFAULT;
    return put_user(0u, &r->node_id);
}

// If pc is inside the critical section: go to its abort handler, which a signature must precede.
static status_t abort_section(struct posix_thread *self) {
    struct abi_rseq __user *r = (struct abi_rseq __user *)self->rseq_area;
    struct arch_frame *frame = arch_thread_frame(&self->thread);
    uint64_t address;
    struct abi_rseq_cs section;
    if (get_user(address, &r->critical_section) != 0)
        return -EFAULT;
    if (address == 0)
        return 0;
    if (copy_from_user(&section, (const void __user *)address, sizeof(section)) != 0)
        return -EFAULT;
    if (section.start >= USER_TOP || section.abort >= USER_TOP || section.version > 0)
        return -EINVAL;
    if (put_user((uint64_t)0, &r->critical_section) != 0)
        return -EFAULT;
    if (arch_frame_pc(frame) - section.start >= section.post_commit_offset)
        return 0;
    uint32_t signature;
    if (get_user(signature, (const uint32_t __user *)(section.abort - 4)) != 0)
        return -EFAULT;
    if (signature != self->rseq_signature)
        return -EINVAL;
    arch_frame_set_pc(frame, section.abort);
    return 0;
}

void rseq_fix_up(void) {
    struct posix_thread *self = posix_current();
    if (!self->rseq_area)
        return;
    if (abort_section(self) != 0 || store_cpu(self->rseq_area, arch_cpu_id()) != 0)
        signal_force(SIGSEGV, SI_KERNEL, 0);
}

long sys_rseq(void __user *area, uint32_t size, int flags, uint32_t signature) {
    struct posix_thread *self = posix_current();
    vaddr_t address = (vaddr_t)area;
    if (flags & RSEQ_FLAG_UNREGISTER) {
        if (flags & ~RSEQ_FLAG_UNREGISTER || !self->rseq_area || self->rseq_area != address || size != self->rseq_size)
            return -EINVAL;
        if (signature != self->rseq_signature)
            return -EPERM;
        if (store_cpu(address, 0) != 0)
            return -EFAULT;
        self->rseq_area = 0;
        return 0;
    }
    if (flags != 0)
        return -EINVAL;
    if (self->rseq_area) {
        if (self->rseq_area != address || size != self->rseq_size)
            return -EINVAL;
        return signature != self->rseq_signature ? -EPERM : -EBUSY;
    }
    if (size < AREA_SIZE || !IS_ALIGNED(address, (vaddr_t)AREA_ALIGN))
        return -EINVAL;
    if (!user_range_ok(address, size))
        return -EFAULT;
    self->rseq_area = address;
    self->rseq_size = size;
    self->rseq_signature = signature;
    thread_set_work(&self->thread, THREAD_WORK_RSEQ);
    return 0;
}
