// SPDX-License-Identifier: MPL-2.0
// The legacy path: Linux system calls that a server answers (docs/posixd.md). The kernel and the server that has
// claimed a family by posix_serve(port, family) speak this over FIPC.
//
// A request is an FIPC call whose type is enum posix_call; its data are struct posix_request, `group_count` group ids
// and `input_size` bytes of the caller's memory. The reply's data are struct posix_answer and bytes for the caller.
//
// A caller that a signal has called away does not take the answer (-EPIPE to the server), and then nothing must have
// happened. If the server dies, its successor at the same port may be asked again, with the same ticket; what was
// carried out already must not be so again.
#pragma once

#ifdef TESSERA_KERNEL
#include <lib/types.h>
#else
#include <stdint.h>
#endif

enum posix_family { POSIX_SYSV_MESSAGES, POSIX_SYSV_SEMAPHORES, POSIX_FAMILIES };

enum posix_call {
    POSIX_MSGGET = 1, // key, flags
    POSIX_MSGSND,     // id, size, flags; input: the type (int64_t) and the text
    POSIX_MSGRCV,     // id, size, type, flags; output: the type and the text
    POSIX_MSGCTL,     // id, command
    POSIX_SEMGET,     // key, count, flags
    POSIX_SEMOP,      // id, count, deadline (CLOCK_MONOTONIC; INT64_MAX: none); input: struct sembuf[count]
    POSIX_SEMCTL,     // id, number, command, value
    // Sent without a call, with struct posix_notice.
    POSIX_CANCEL,  // the caller of `ticket` waits no longer
    POSIX_EXIT,    // `process` has ended; if an answer asked for this by POSIX_WATCH
    POSIX_JOB_END, // the last process of `job` has ended: what it had there is gone
};

#define POSIX_INPUT_MAX 8200 // a type and 8192 bytes

// Each sandbox has keys and objects of its own, and pays for what the server keeps for it: a request says how much
// more that may become, an answer how much it did.
struct posix_request {
    uint64_t ticket; // no other request has had it
    uint64_t job;    // the sandbox; 0: the caller is in none
    int64_t memory;  // of a sandbox: bytes that it has paid for this request
    int32_t process;
    uint32_t uid, gid; // effective
    uint32_t group_count;
    uint64_t capabilities; // effective: bit CAP_…
    int64_t arguments[4];
    uint32_t input_size;
    uint32_t reserved;
};
#define POSIX_GROUPS_MAX 64 // further ones are not told

struct posix_answer {
    int64_t result; // as the system call returns it
    uint32_t flags;
    uint32_t input_size; // POSIX_NEED_INPUT: how much
    int64_t memory; // of a sandbox: bytes that are kept for it now and were not before; POSIX_NEED_MEMORY: would be
};
#define POSIX_NEED_INPUT 1u  // not an answer yet: the same request is wanted with input from the caller's buffer
#define POSIX_WATCH 2u       // send POSIX_EXIT when this process has ended
#define POSIX_NEED_MEMORY 4u // not an answer yet: the same request is wanted with so much paid for

struct posix_notice {
    uint64_t ticket, job;
    int32_t process;
    uint32_t reserved;
};

// The longest request or answer: longer than FIPC_INLINE_MAX, as it has a whole System V message in it.
#define POSIX_DATA_MAX (sizeof(struct posix_request) + POSIX_GROUPS_MAX * 4 + POSIX_INPUT_MAX)
