// SPDX-License-Identifier: MPL-2.0
// Faults as signals, caught: `faults(statement)` gives the signal that the statement gets, or 0; code and address
// follow.
#pragma once

#include "sys.h"

#include <setjmp.h>

static sigjmp_buf back;
UNUSED static volatile int signal_seen, code_seen;
UNUSED static void *volatile address_seen;
static void fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    signal_seen = signal;
    code_seen = info->si_code;
    address_seen = info->si_addr;
    siglongjmp(back, 1);
}

#define faults(statement)          \
    ({                             \
        signal_seen = 0;           \
        if (!sigsetjmp(back, 1)) { \
            statement;             \
        }                          \
        signal_seen;               \
    })

static void catch_all(int flags) {
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | flags};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < COUNT(signals); i++)
        sigaction(signals[i], &action, NULL);
}
