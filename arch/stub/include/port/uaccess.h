// SPDX-License-Identifier: MPL-2.0
// Porting guide: single values to and from user memory. A port opens the user window (PAN, SMAP) around the one access,
// puts the instruction into an exception table (arch/user_fault.h), and yields -EFAULT when the fault handler could not
// resolve the fault. One that defines ARCH_USER_LOAD and the like gets all below from arch/user_access.h.
#pragma once

#include <lib/status.h>
#include <lib/types.h>
#include <port/mmu.h>

// 0 or -EFAULT. Here: always the latter.
status_t stub_user_access(uintptr_t address, size_t size);

#define ARCH_USER_REFUSES(address, size) ((address) > ARCH_USER_TOP - (size))
#define ARCH_USER_OPEN ((void)0)
#define ARCH_USER_CLOSE ((void)0)
#define ARCH_USER_8 uint8_t
#define ARCH_USER_16 uint16_t
#define ARCH_USER_32 uint32_t
#define ARCH_USER_64 uint64_t
#define ARCH_USER_LOAD(type, word, address, at, bad)               \
    do {                                                           \
        (word) = 0;                                                \
        if (stub_user_access((address) + (at), sizeof(type)) != 0) \
            goto bad;                                              \
    } while (0)
#define ARCH_USER_STORE(type, word, address, at, bad)              \
    do {                                                           \
        (void)(word);                                              \
        if (stub_user_access((address) + (at), sizeof(type)) != 0) \
            goto bad;                                              \
    } while (0)
