// SPDX-License-Identifier: MPL-2.0
// Queues of pending signals, and the facts about each signal: plain logic, tested on the host.
#pragma once

#include "process/user_account.h"
#include <posix/signal.h>

struct queued_signal {
    struct list_node node;
    struct signal_info info;
    struct user_account *account; // whose RLIMIT_SIGPENDING it counts against
};

#define SIGNALS_STOP (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define SIGNALS_IGNORED_BY_DEFAULT \
    (SIGNAL_BIT(SIGCONT) | SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGURG))
#define SIGNALS_SYNCHRONOUS                                                                                     \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGFPE) | \
     SIGNAL_BIT(SIGSYS))

// Which pending signal comes first: faults, then the lowest number. 0: none.
int signal_first(uint64_t set);
// Adds a signal. Standard signals are kept once. A real-time signal that finds `limit` signals of the user queued or no
// memory: -EAGAIN if `must_queue` (sigqueue), else it is pending without its information.
status_t signal_queue_push(struct signal_queue *queue, const struct signal_info *info, struct user_account *account,
                           uint64_t limit, bool must_queue);
// Takes the first signal of `set` out. Its number, or 0.
int signal_queue_pop(struct signal_queue *queue, uint64_t set, struct signal_info *info);
// Copies the information of the queued signals from number `first` on, at most `count`; returns how many.
unsigned signal_queue_peek(const struct signal_queue *queue, uint64_t first, struct signal_info *to, unsigned count);
// Drops all signals of `set`.
void signal_queue_flush(struct signal_queue *queue, uint64_t set);
