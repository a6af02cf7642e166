// SPDX-License-Identifier: MPL-2.0
// Time-outs of the waiting calls. See wait_time.h.

#include "wait_time.h"
#include <abi/prctl.h>

#include "time/time_priv.h"
#include <arch/uaccess.h>

status_t wait_deadline_from_user(const void __user *timeout, nsec_t *deadline) {
    nsec_t duration;
    *deadline = NSEC_NEVER;
    if (!timeout)
        return 0;
    status_t status = timespec_from_user(timeout, &duration);
    if (status == 0)
        *deadline = duration == 0 ? 0 : deadline_after(duration);
    return status;
}

nsec_t wait_time_left(nsec_t deadline) {
    if (deadline == 0)
        return 0;
    nsec_t left = deadline - clock_now();
    return left < 0 ? 0 : left;
}

void wait_time_left_to_user(void __user *timeout, nsec_t deadline) {
    if (!timeout || deadline == NSEC_NEVER || (process_current()->personality & STICKY_TIMEOUTS))
        return;
    struct abi_timespec left = timespec_from_nsec(wait_time_left(deadline));
    status_t ignored = copy_to_user(timeout, &left, sizeof left);
    (void)ignored;
}
