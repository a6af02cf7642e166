// SPDX-License-Identifier: MPL-2.0
// Pagers: memory objects whose pages a server supplies (docs/pagers.md).
#pragma once

#ifdef TESSERA_KERNEL
#include <lib/types.h>
#else
#include <stdint.h>
#endif

// pager_create
struct pager_options {
    uint64_t badge;    // of the requests that come to the port
    uint32_t requests; // how many may be open at a time; 0: 64
    uint32_t flags;    // enum pager_flags
};
enum pager_flags {
    PAGER_GIVES_BACK = 1, // when memory is short the kernel throws clean pages out, and asks for them again
};
#define PAGER_REQUESTS_MAX 1024

// A part of the memory object that a pager knows by this key, in bytes: whole pages. All calls speak of such ranges,
// and it is what a request has as its data.
struct pager_range {
    uint64_t key, offset, size;
};

// Requests, by the type of their message. Nobody waits for a reply to the message: pager_supply, pager_fail and
// pager_written answer.
enum pager_request {
    PAGER_READ = 0x7a01,  // pages are wanted
    PAGER_WRITE = 0x7a02, // pages are wanted, to be written to
    PAGER_SYNC = 0x7a03,  // what is dirty is to be stored
};
// No request has more pages to be supplied.
#define PAGER_REQUEST_PAGES 16

// pager_supply's source: the memory object of a handle, whose pages move; or the caller's memory, which is copied.
#define PAGER_FROM_MEMORY (-1)

// pager_dirty
struct pager_dirty {
    uint64_t offset, size;
};
#define PAGER_DIRTY_MAX 256 // ranges a call
enum pager_dirty_flags {
    PAGER_TAKE = 1, // the server stores them now and will say pager_written or pager_fail
};

// pager_list
struct pager_vmo_info {
    uint64_t key, size, resident; // bytes
    uint32_t users;               // handles and mappings' files open: 0: nobody can reach it but by pager_vmo_open
    uint32_t reserved;
};
#define PAGER_LIST_MAX 64 // a call
