// SPDX-License-Identifier: MPL-2.0
// The time-out of ppoll, pselect6 and epoll_pwait2: a duration in user memory, to which what is left is written back.
#pragma once

#include <lib/types.h>

// Null: NSEC_NEVER. A duration of 0: 0, which means not to wait. Else a point in time. -EFAULT, -EINVAL.
MUST_USE status_t wait_deadline_from_user(const void __user *timeout, nsec_t *deadline);
// Writes what is left; Linux does not tell if that fails.
void wait_time_left_to_user(void __user *timeout, nsec_t deadline);
nsec_t wait_time_left(nsec_t deadline);
