// SPDX-License-Identifier: MPL-2.0
// Fixed places in the kernel's address space, for C and assembly; see paging.c.
#pragma once

#define FIXMAP_START 0xffffffffc0000000
#define FIXMAP_DEVICES 0xffffffffc0200000 // two tables' worth
#define FIXMAP_PEEK 0xffffffffc0600000    // three

// The first page of device registers: early.c maps there the console that it hopes for.
#define CONSOLE_GUESS 0x09000000 // QEMU's virt
#define CONSOLE_GUESS_MAPPED FIXMAP_DEVICES
