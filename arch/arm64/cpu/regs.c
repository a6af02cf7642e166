// SPDX-License-Identifier: MPL-2.0
// User registers as debuggers and core dumps see them (Linux's user_pt_regs), and the system calls that exist for
// this architecture's sake.
#include "cpu/cpu_priv.h"
#include "cpu/pauth.h"
#include "cpu/pstate.h"
#include <arch/thread.h>
#include <lib/status.h>
#include <lib/string.h>

// x0-x30, sp, pc, pstate: how a frame begins.
#define USER_REGS_SIZE (34 * sizeof(uint64_t))
static_assert(offsetof(struct arch_frame, sp) == 31 * 8 && offsetof(struct arch_frame, pstate) == 33 * 8);

size_t arch_thread_get_regs(struct thread *thread, void *to, size_t size) {
    size = MIN(size, USER_REGS_SIZE);
    memcpy(to, arch_thread_frame(thread), size);
    return size;
}

// The thread is stopped, not the current one.
status_t arch_thread_set_regs(struct thread *thread, const void *from, size_t size) {
    struct arch_frame *frame = arch_thread_frame(thread);
    if (size != USER_REGS_SIZE)
        return -EINVAL;
    memcpy(frame, from, size);
    frame_sanitise(frame);
    *arch_work_of(thread) = 1;
    return 0;
}

// x86's system call.
long arch_prctl(int code, unsigned long address) {
    (void)code;
    (void)address;
    return -ENOSYS;
}

long arch_thread_prctl(int option, const unsigned long args[static 4]) {
    switch (option) {
    case PR_PAC_RESET_KEYS:
        return args[1] | args[2] | args[3] ? -EINVAL : pauth_reset_keys(args[0]);
    case PR_PAC_SET_ENABLED_KEYS:
        return args[2] | args[3] ? -EINVAL : pauth_set_enabled(args[0], args[1]);
    case PR_PAC_GET_ENABLED_KEYS:
        return args[0] | args[1] | args[2] | args[3] ? -EINVAL : pauth_get_enabled();
    default:
        return -EINVAL;
    }
}
