// SPDX-License-Identifier: MPL-2.0
// For the self-tests of signal frames: what they do on any processor. The current thread's frame stands for a
// program's, and its stack is the page of test_user.h (and what a test maps behind it).
#pragma once

#include <arch/thread.h>
#include <lib/types.h>

enum { TEST_SIGNAL = 10, TEST_BLOCKED = 0x55, TEST_HANDLER = 0x401000, TEST_RESTORER = 0x402000 };
enum { TEST_ALTSTACK = 0x7777, TEST_ALTSTACK_SIZE = 8192 };
#define TEST_INFO_WORD 0x0807060504030201ul // the first of the siginfo_t

struct arch_frame *test_frame(void);
// Delivers TEST_SIGNAL, on the stack that ends at stack_top or, 0, on the frame's.
MUST_USE status_t test_signal_push(uintptr_t stack_top, uint64_t flags);
// As the restorer does. If it succeeds it must bring back what the push was told.
MUST_USE status_t test_signal_pop(void);
// Neither push nor pop takes a stack that is bad, and both leave the registers alone then. `end`: of the good one.
void test_signal_bad_stacks(uintptr_t end);

// A word of user memory, which must be there.
uint64_t test_word(uintptr_t address);
void test_word_set(uintptr_t address, uint64_t value);
