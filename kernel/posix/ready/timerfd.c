// SPDX-License-Identifier: MPL-2.0
// timerfd: timer objects as Linux shows them. The machine does not suspend, so the boot-time clock is the monotonic
// one and the alarm clocks need not wake it.

#include "time/time_priv.h"
#include <abi/fcntl.h>
#include <abi/poll.h>
#include <abi/syscall_table.h>
#include <lib/status.h>
#include <object/timer_object.h>

enum { CAP_WAKE_ALARM = 35 };

long sys_timerfd_create(int clock, int flags) {
    enum timer_clock kind;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_ALARM:
        kind = TIMER_CLOCK_REALTIME;
        break;
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        kind = TIMER_CLOCK_MONOTONIC;
        break;
    default:
        return -EINVAL;
    }
    if (flags & ~(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    bool alarm = clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
    if (alarm && !cred_has_cap(cred_current(), CAP_WAKE_ALARM))
        return -EPERM;
    struct object *timer = timer_object_create(kind);
    if (!timer)
        return -ENOMEM;
    timer->status_flags = O_RDWR | ((uint32_t)flags & O_NONBLOCK);
    int fd = handle_install(timer, RIGHTS_BASIC | RIGHT_READ, flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (fd < 0)
        object_put(timer);
    return fd;
}

static struct abi_itimerspec to_abi(const struct timer_setting *setting) {
    return (struct abi_itimerspec){timespec_from_nsec(setting->interval), timespec_from_nsec(setting->value)};
}

long sys_timerfd_settime(int fd, int flags, const void __user *value, void __user *old) {
    struct abi_itimerspec spec;
    struct timer_setting setting, before;
    struct handle_ref ref;
    if (copy_from_user(&spec, value, sizeof spec) != 0)
        return -EFAULT;
    if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) ||
        timespec_to_nsec(&spec.value, &setting.value) != 0 || timespec_to_nsec(&spec.interval, &setting.interval) != 0)
        return -EINVAL;
    status_t status = handle_lookup(fd, 0, &ref);
    if (status != 0)
        return status;
    if (object_is_timer(ref.object))
        timer_object_set(ref.object, &setting, flags & TFD_TIMER_ABSTIME, flags & TFD_TIMER_CANCEL_ON_SET, &before);
    else
        status = -EINVAL;
    handle_release(&ref);
    spec = status == 0 ? to_abi(&before) : spec;
    if (status == 0 && old && copy_to_user(old, &spec, sizeof spec) != 0)
        status = -EFAULT;
    return status;
}

long sys_timerfd_gettime(int fd, void __user *value) {
    struct timer_setting setting;
    struct handle_ref ref;
    status_t status = handle_lookup(fd, 0, &ref);
    if (status != 0)
        return status;
    if (object_is_timer(ref.object))
        timer_object_get(ref.object, &setting);
    else
        status = -EINVAL;
    handle_release(&ref);
    if (status != 0)
        return status;
    struct abi_itimerspec spec = to_abi(&setting);
    return copy_to_user(value, &spec, sizeof spec);
}
