// SPDX-License-Identifier: MPL-2.0
// Which children wait4 and waitid are for, and how their ends are told.
#include "../process/wait_status.h"
#include <tap.h>

static bool selects(int pid, unsigned options, int child, int group, int exit_signal) {
    struct wait_selector s = wait_selector_from_pid(pid, 77, options);
    return wait_selects(&s, child, group, exit_signal);
}

int main(void) {
    ok(selects(-1, 0, 5, 6, SIGCHLD), "-1: any child");
    ok(selects(5, 0, 5, 6, SIGCHLD) && !selects(5, 0, 4, 6, SIGCHLD), "a pid: that one");
    ok(selects(0, 0, 5, 77, SIGCHLD) && !selects(0, 0, 5, 78, SIGCHLD), "0: the caller's group");
    ok(selects(-78, 0, 5, 78, SIGCHLD) && !selects(-78, 0, 78, 77, SIGCHLD), "below -1: that group");
    ok(!selects(-1, 0, 5, 6, 0) && !selects(-1, 0, 5, 6, SIGUSR1), "clone children are not waited for");
    ok(selects(-1, __WCLONE, 5, 6, 0) && !selects(-1, __WCLONE, 5, 6, SIGCHLD), "with __WCLONE only they are");
    ok(selects(-1, __WALL, 5, 6, 0) && selects(-1, __WALL, 5, 6, SIGCHLD), "with __WALL all are");

    is(wait_status_code(WAIT_STATUS_EXITED(3)), CLD_EXITED, "exit: CLD_EXITED");
    is(wait_status_value(WAIT_STATUS_EXITED(3)), 3, "its code");
    is(wait_status_value(WAIT_STATUS_EXITED(256 + 7)), 7, "only 8 bits of it");
    is(wait_status_code(WAIT_STATUS_SIGNALED(SIGKILL)), CLD_KILLED, "a signal: CLD_KILLED");
    is(wait_status_value(WAIT_STATUS_SIGNALED(SIGKILL)), SIGKILL, "which");
    is(wait_status_code(WAIT_STATUS_SIGNALED(SIGSEGV) | WAIT_STATUS_CORE), CLD_DUMPED, "with a core: CLD_DUMPED");
    is(wait_status_value(WAIT_STATUS_SIGNALED(SIGSEGV) | WAIT_STATUS_CORE), SIGSEGV, "the signal without the flag");
    is(WAIT_STATUS_STOPPED(SIGTSTP), SIGTSTP << 8 | 0x7f, "stopped, as wait4 tells it");
    return tap_done();
}
