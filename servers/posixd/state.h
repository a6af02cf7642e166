// SPDX-License-Identifier: MPL-2.0
// What outlives posixd: queues, sets and all that belongs to them lie in one memory object, which init keeps, at one
// address, so that pointers in it stay good.
//
// posixd may be killed between any two instructions. So each change is logged before it is made (`keep`), in the same
// memory. A call's changes end in one of three ways: `state_commit` forgets the log, `state_undo` goes back, and after
// a death `state_open` decides: back, unless the caller may have got its answer (state_answers), then forward.
//
// An answer whose fate was open at a death is remembered: the kernel asks once more with the same ticket if the caller
// did not get it, and gets the same answer without a second change.
#pragma once

#include "link.h"

#include <abi/posix_server.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kind {
    struct object **objects; // by index; grows
    uint16_t *sequences;
    int room, used;
};

// What belongs together: all that processes outside of sandboxes have, or one sandbox (spaces.c).
struct space {
    struct link link; // root()->spaces
    uint64_t job;     // 0: outside
    struct kind queues, sets;
    int64_t texts, text_bytes; // in all queues
    int64_t semaphores;        // in all sets
    int64_t bytes, bytes_paid; // kept for it, and as the kernel knows
    bool ended;                // all of it goes
};

// Where all that is kept begins.
struct root {
    struct space outside;
    struct link spaces;  // of sandboxes
    struct link tickets; // of calls that wait (tickets.c)
};

struct kept_answer {
    uint64_t ticket; // 0: none
    struct posix_answer head;
    uint32_t size;
    uint8_t data[POSIX_INPUT_MAX];
};

// Maps the memory object, or fresh memory if it is negative. After a death it is as that of the last whole call. False:
// there is no such memory.
[[nodiscard]] bool state_open(int memory);
void state_close(void);
struct root *root(void);

// Zeroed memory in the state; null: there is no room.
void *state_allocate(size_t size);
void state_free(void *block, size_t size);
size_t state_room(size_t size); // what it takes
// Where what is allocated and freed from now on is counted; null: nowhere. Returns what it was before. `bounded`: there
// is to be room for others, whatever happens.
int64_t *state_count(int64_t *bytes, bool bounded);

// These bytes, of the state, are about to change.
void keep(void *bytes, size_t size);
#define KEEP(variable) keep(&(variable), sizeof(variable))
void kept_append(struct link *head, struct link *link);
void kept_remove(struct link *link);

[[nodiscard]] bool state_changed(void);
void state_commit(void);
void state_undo(void);
// All is changed and this is said now; whatever happens before state_commit or state_undo, the call is done.
void state_answers(uint64_t ticket, const struct posix_answer *head, const void *data, uint32_t size);
// The answer to this ticket that a dead predecessor may have given; null: none.
const struct kept_answer *state_answered(uint64_t ticket);
