// SPDX-License-Identifier: MPL-2.0
// Host port: user memory is this process's own. Addresses in [host_fault_start, host_fault_end) and the
// zero page "fault", so that tests can see what a bad pointer does.
#pragma once

#include <lib/status.h>
#include <lib/types.h>
#include <port/mmu.h>

extern uintptr_t host_fault_start, host_fault_end;

// How many bytes from `address` on can be accessed before a fault.
size_t host_user_accessible(uintptr_t address, size_t size);

#define ARCH_USER_REFUSES(address, size) false
#define ARCH_USER_OPEN ((void)0)
#define ARCH_USER_CLOSE ((void)0)
#define ARCH_USER_8 uint8_t
#define ARCH_USER_16 uint16_t
#define ARCH_USER_32 uint32_t
#define ARCH_USER_64 uint64_t
#define ARCH_USER_LOAD(type, word, address, at, bad)                               \
    do {                                                                           \
        if (host_user_accessible((address) + (at), sizeof(type)) != sizeof(type))  \
            goto bad;                                                              \
        __builtin_memcpy(&(word), (const void *)((address) + (at)), sizeof(type)); \
    } while (0)
#define ARCH_USER_STORE(type, word, address, at, bad)                             \
    do {                                                                          \
        if (host_user_accessible((address) + (at), sizeof(type)) != sizeof(type)) \
            goto bad;                                                             \
        __builtin_memcpy((void *)((address) + (at)), &(word), sizeof(type));      \
    } while (0)
