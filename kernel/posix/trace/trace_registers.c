// SPDX-License-Identifier: MPL-2.0
// Registers of a stopped tracee: the sets that the architecture has, and the call that it stopped at. What goes to or
// comes from user memory passes through a buffer, for nothing may block under the tracee's lock.
#include "trace_priv.h"
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <port/abi.h>

struct word {
    unsigned long offset, value;
};

static status_t word_get(struct posix_thread *thread, void *context) {
    struct word *word = context;
    return arch_user_word_get(&thread->thread, word->offset, &word->value);
}

static status_t word_set(struct posix_thread *thread, void *context) {
    const struct word *word = context;
    return arch_user_word_set(&thread->thread, word->offset, word->value);
}

long trace_user_word(int tid, unsigned long offset, unsigned long data, bool set) {
    struct word word = {offset, data};
    status_t status = trace_with_stopped(tid, set ? word_set : word_get, &word);
    return status != 0 || set ? status : put_user(word.value, (unsigned long __user *)data);
}

// --- sets ---

struct regset {
    unsigned note;
    size_t size;   // asked for; then done
    char *data;    // ARCH_REGSET_MAX
    char *overlay; // set: `size` bytes, which replace the beginning
};

static status_t regset_get(struct posix_thread *thread, void *context) {
    struct regset *set = context;
    ssize_t size = arch_regset_get(&thread->thread, set->note, set->data);
    if (size < 0)
        return (status_t)size;
    set->size = MIN(set->size, (size_t)size);
    return 0;
}

static status_t regset_set(struct posix_thread *thread, void *context) {
    struct regset *set = context;
    status_t status = regset_get(thread, set);
    if (status != 0)
        return status;
    memcpy(set->data, set->overlay, set->size);
    return arch_regset_set(&thread->thread, set->note, set->data);
}

// `size`: of the memory at `user`; then what was copied.
static status_t transfer(int tid, unsigned note, void __user *user, size_t *size, bool set) {
    struct regset r = {.note = note, .size = MIN(*size, ARCH_REGSET_MAX)};
    r.data = kmalloc(2 * ARCH_REGSET_MAX);
    if (!r.data)
        return -ENOMEM;
    r.overlay = r.data + ARCH_REGSET_MAX;
    status_t status = set ? copy_from_user(r.overlay, user, r.size) : 0;
    if (status == 0)
        status = trace_with_stopped(tid, set ? regset_set : regset_get, &r);
    if (status == 0 && !set)
        status = copy_to_user(user, r.data, r.size);
    kfree(r.data);
    *size = r.size;
    return status;
}

// What there is less of than a page is all there is: programs that ask so have room for the set.
static status_t whole_size(struct posix_thread *thread, void *context) {
    struct regset *set = context;
    ssize_t size = arch_regset_get(&thread->thread, set->note, set->data);
    set->size = size < 0 ? 0 : (size_t)size;
    return size < 0 ? (status_t)size : 0;
}

long trace_registers(int tid, unsigned note, void __user *data, bool set) {
    struct regset r = {.note = note, .data = kmalloc(ARCH_REGSET_MAX)};
    if (!r.data)
        return -ENOMEM;
    status_t status = trace_with_stopped(tid, whole_size, &r);
    kfree(r.data);
    return status != 0 ? status : transfer(tid, note, data, &r.size, set);
}

long trace_regset(int tid, unsigned note, void __user *iov, bool set) {
    struct {
        uint64_t base, size;
    } vec;
    if (copy_from_user(&vec, iov, sizeof(vec)) != 0)
        return -EFAULT;
    if (vec.size % sizeof(uint32_t) != 0)
        return -EINVAL;
    size_t size = vec.size;
    status_t status = transfer(tid, note, (void __user *)vec.base, &size, set);
    return status != 0 ? status : put_user((uint64_t)size, (uint64_t __user *)iov + 1);
}

// --- the call ---

static status_t call_info(struct posix_thread *thread, void *context) {
    struct abi_ptrace_syscall_info *info = context;
    const struct tracee *tracee = thread->trace;
    const struct arch_frame *frame = arch_thread_frame(&thread->thread);
    info->arch = ARCH_AUDIT;
    info->instruction_pointer = arch_frame_pc(frame);
    info->stack_pointer = arch_frame_sp(frame);
    bool seccomp = tracee->code == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
    if (tracee->code != (SIGTRAP | 0x80) && !seccomp)
        return 0;
    info->op = seccomp ? PTRACE_SYSCALL_INFO_SECCOMP : (uint8_t)tracee->message;
    if (seccomp || info->op == PTRACE_SYSCALL_INFO_ENTRY) {
        info->entry.filter_data = (uint32_t)tracee->message;
        info->entry.number = (uint64_t)arch_frame_syscall_number(frame);
        for (unsigned i = 0; i < 6; i++)
            info->entry.args[i] = arch_frame_syscall_arg(frame, i);
    } else {
        long value = arch_frame_result(frame);
        info->exit.value = value;
        info->exit.is_error = value < 0 && value >= -4095;
    }
    return 0;
}

long trace_call_info(int tid, size_t room, void __user *to) {
    struct abi_ptrace_syscall_info info;
    memset(&info, 0, sizeof(info));
    status_t status = trace_with_stopped(tid, call_info, &info);
    if (status != 0)
        return status;
    size_t size = info.op == PTRACE_SYSCALL_INFO_SECCOMP
                      ? offsetof(struct abi_ptrace_syscall_info, entry.filter_data) + 4
                  : info.op == PTRACE_SYSCALL_INFO_ENTRY ? offsetof(struct abi_ptrace_syscall_info, entry.args[6])
                  : info.op == PTRACE_SYSCALL_INFO_EXIT  ? offsetof(struct abi_ptrace_syscall_info, exit.is_error) + 1
                                                         : offsetof(struct abi_ptrace_syscall_info, entry);
    return copy_to_user(to, &info, MIN(size, room)) != 0 ? -EFAULT : (long)size;
}
