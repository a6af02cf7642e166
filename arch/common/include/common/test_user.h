// SPDX-License-Identifier: MPL-2.0
// For the self-tests: an address space with one page, USER_PAGE, which the current (kernel) thread can use as user
// memory until it blocks.
#pragma once

#include <arch/mmu.h>

#define USER_PAGE 0x10000ul
#define USER_END (USER_PAGE + PAGE_SIZE) // unmapped from here

struct test_user {
    alignas(4096) uint64_t tables[4][512];
    alignas(4096) uint8_t data[4096]; // what the page shows
    struct arch_aspace aspace;
};
extern struct test_user test_user;

void test_user_map(void);
void test_user_unmap(void);
uint64_t *test_user_entry(void); // the page's
static inline void __user *user(uintptr_t address) {
    return (void __user *)address;
}
