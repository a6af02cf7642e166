// SPDX-License-Identifier: MPL-2.0
// PR_SET_SYSCALL_USER_DISPATCH: a thread's calls come back to it as SIGSYS, but for those from one range of its code.
// Emulators (Wine) run other systems' programs so. A byte in the program's memory switches it on and off.
//
// A thread with it has THREAD_WORK_TRACE, as those with filters have. Children and programs executed do not have it.
#include "prctl_priv.h"
#include "process_priv.h"
#include "signal/signal_priv.h"

#include <abi/prctl.h>
#include <abi/wait.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <port/abi.h>

enum { SYS_USER_DISPATCH = 2 }; // si_code

long prctl_set_user_dispatch(unsigned long mode, unsigned long start, unsigned long size, unsigned long selector) {
    struct user_dispatch *dispatch = &posix_current()->dispatch;
    switch (mode) {
    case PR_SYS_DISPATCH_OFF:
        if (start || size || selector)
            return -EINVAL;
        break;
    case PR_SYS_DISPATCH_ON:
        if (start && start + size <= start)
            return -EINVAL;
        if (selector && !user_range_ok(selector, 1))
            return -EFAULT;
        break;
    default:
        return -EINVAL;
    }
    *dispatch = (struct user_dispatch){mode == PR_SYS_DISPATCH_ON, start, size, selector};
    if (dispatch->on)
        thread_set_work(&posix_current()->thread, THREAD_WORK_TRACE);
    return 0;
}

bool user_dispatch_admit(struct arch_frame *frame) {
    const struct user_dispatch *dispatch = &posix_current()->dispatch;
    uint8_t state = PR_SYSCALL_DISPATCH_BLOCK;
    if (arch_frame_pc(frame) - dispatch->start < dispatch->size)
        return true;
    if (dispatch->selector && get_user(state, (const uint8_t __user *)dispatch->selector) != 0)
        process_exit(WAIT_STATUS_SIGNALED(SIGSEGV));
    if (state == PR_SYSCALL_DISPATCH_ALLOW)
        return true;
    if (state != PR_SYSCALL_DISPATCH_BLOCK)
        process_exit(WAIT_STATUS_SIGNALED(SIGSYS));
    struct signal_info info;
    signal_info_init(&info, SIGSYS, SYS_USER_DISPATCH);
    info.system_call.call_address = arch_frame_pc(frame);
    info.system_call.call = (int)arch_frame_syscall_number(frame);
    info.system_call.arch = ARCH_AUDIT;
    arch_frame_undo_call(frame);
    signal_force_info(&info);
    return false;
}
