// SPDX-License-Identifier: MPL-2.0
// Which children a wait call is for, what it reports, and how a status is told: plain logic, tested on the host.
#pragma once

#include <abi/signal.h>
#include <abi/wait.h>
#include <lib/types.h>

struct wait_selector {
    int which;        // P_ALL, P_PID, P_PGID
    int id;           // of P_PID and P_PGID
    unsigned options; // W*
};

// wait4's pid: < -1 a group, -1 all, 0 the caller's group, > 0 a process.
ALWAYS_INLINE struct wait_selector wait_selector_from_pid(int pid, int own_group, unsigned options) {
    if (pid == -1)
        return (struct wait_selector){P_ALL, 0, options};
    if (pid > 0)
        return (struct wait_selector){P_PID, pid, options};
    return (struct wait_selector){P_PGID, pid == 0 ? own_group : -pid, options};
}

// A child that tells its parent of its end by something else than SIGCHLD is a "clone child": waited for with __WCLONE
// or __WALL only.
ALWAYS_INLINE bool wait_selects(const struct wait_selector *s, int pid, int group, int exit_signal) {
    if (s->which == P_PID && pid != s->id)
        return false;
    if (s->which == P_PGID && group != s->id)
        return false;
    if (s->options & __WALL)
        return true;
    bool clone_child = exit_signal != SIGCHLD;
    return clone_child == ((s->options & __WCLONE) != 0);
}

// waitid's si_code and si_status of an exited child, from wait4's status.
ALWAYS_INLINE int wait_status_code(int status) {
    if ((status & 0x7f) == 0)
        return CLD_EXITED;
    return status & WAIT_STATUS_CORE ? CLD_DUMPED : CLD_KILLED;
}
ALWAYS_INLINE int wait_status_value(int status) {
    return (status & 0x7f) == 0 ? status >> 8 & 0xff : status & 0x7f;
}
