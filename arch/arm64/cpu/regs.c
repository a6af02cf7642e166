// SPDX-License-Identifier: MPL-2.0
// The system calls that exist for this architecture's sake.
#include "cpu/pauth.h"
#include <arch/thread.h>
#include <lib/status.h>

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
