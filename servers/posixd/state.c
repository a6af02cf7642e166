// SPDX-License-Identifier: MPL-2.0
// The state's memory: a head with the log, and behind it blocks. Sizes of blocks are powers of two and halves between
// them; freed ones go to a list of their size and are never given back.
//
// A process that is killed has made all its stores up to some instruction, in the order of the program; so only the
// compiler must be kept from moving a change before its log entry: `order`.
#include "state.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ADDRESS 0x200000000000
#define SIZE (256ull << 20)
#define BOUND (32ll << 20)   // of one sandbox; all of them have the first half of the whole
#define LOG_SIZE (16u << 20) // the pages that are never used cost nothing
#define SMALLEST_BITS 5
#define CLASSES 30 // 32 bytes to 1 MiB
#define ANSWERS 8  // as many deaths before the first of the callers has asked again
#define MAGIC (0x70736978'00000000 + sizeof(struct head) + sizeof(struct root))

enum phase { QUIET, ANSWERING };

struct block {
    struct block *next;
};

struct entry { // in the log: the bytes lie before it, so that it can be read backwards
    void *bytes;
    size_t size;
};

struct head {
    uint64_t magic;
    struct root root;
    uint64_t used; // bytes of the whole
    struct block *free[CLASSES];
    enum phase phase;
    unsigned answer; // the one of the current call
    struct kept_answer answers[ANSWERS];
    size_t logged; // bytes of the log
    _Alignas(16) uint8_t log[LOG_SIZE];
};
static struct head *head;
static struct {
    int64_t *bytes; // in the state
    bool bounded;
} account;

static void order(void) {
    atomic_signal_fence(memory_order_seq_cst);
}

struct root *root(void) {
    return &head->root;
}

// ---------------------------------------------------------------- the log

void keep(void *bytes, size_t size) {
    size_t room = (size + 15) & ~(size_t)15;
    if (head->logged + room + sizeof(struct entry) > LOG_SIZE)
        abort(); // no call changes so much; the next start goes back
    uint8_t *to = head->log + head->logged;
    memcpy(to, bytes, size);
    *(struct entry *)(void *)(to + room) = (struct entry){bytes, size};
    order();
    head->logged += room + sizeof(struct entry);
    order();
}

bool state_changed(void) {
    return head->logged > 0;
}

void state_commit(void) {
    order();
    head->logged = 0;
    order();
    head->phase = QUIET;
    order();
}

// Going back twice is as good as once, so a death on the way does no harm.
void state_undo(void) {
    head->phase = QUIET;
    order();
    while (head->logged > 0) {
        struct entry *entry = (struct entry *)(void *)(head->log + head->logged) - 1;
        size_t room = (entry->size + 15) & ~(size_t)15;
        memcpy(entry->bytes, (uint8_t *)entry - room, entry->size);
        order();
        head->logged -= room + sizeof *entry;
        order();
    }
}

void state_answers(uint64_t ticket, const struct posix_answer *answer, const void *data, uint32_t size) {
    struct kept_answer *kept = &head->answers[head->answer];
    kept->ticket = ticket;
    kept->head = *answer;
    kept->size = size;
    if (size > 0)
        memcpy(kept->data, data, size);
    order();
    head->phase = ANSWERING;
    order();
}

const struct kept_answer *state_answered(uint64_t ticket) {
    for (unsigned i = 0; i < ANSWERS; i++)
        if (i != head->answer && head->answers[i].ticket == ticket)
            return &head->answers[i];
    return NULL;
}

// ---------------------------------------------------------------- lists

void kept_append(struct link *list, struct link *link) {
    KEEP(*list);
    KEEP(*list->previous);
    KEEP(*link);
    link_append(list, link);
}

void kept_remove(struct link *link) {
    KEEP(*link->previous);
    KEEP(*link->next);
    KEEP(*link);
    link_remove(link);
}

// ---------------------------------------------------------------- memory

// Class 2k: 32 << k bytes; 2k + 1: half as much again.
static unsigned class_of(size_t size, size_t *room) {
    unsigned class = 0;
    for (*room = 1u << SMALLEST_BITS; *room < size; class++)
        *room = class % 2 == 0 ? *room / 2 * 3 : *room / 3 * 4;
    return class;
}

size_t state_room(size_t size) {
    size_t room;
    (void)class_of(size, &room);
    return room;
}

int64_t *state_count(int64_t *bytes, bool bounded) {
    int64_t *before = account.bytes;
    account.bytes = bytes;
    account.bounded = bounded;
    return before;
}

static void count(int64_t bytes) {
    if (!account.bytes)
        return;
    KEEP(*account.bytes);
    *account.bytes += bytes;
}

void *state_allocate(size_t size) {
    size_t room;
    unsigned class = class_of(size, &room);
    if (class >= CLASSES || (account.bounded && *account.bytes + (int64_t)room > BOUND))
        return NULL;
    struct block *block = head->free[class];
    if (block) {
        KEEP(head->free[class]);
        keep(block, size); // it may be one that these changes have freed
        head->free[class] = block->next;
    } else {
        if (head->used + room > (account.bounded ? SIZE / 2 : SIZE))
            return NULL;
        KEEP(head->used);
        block = (void *)((uint8_t *)head + head->used);
        head->used += room;
    }
    count((int64_t)room);
    return memset(block, 0, size);
}

void state_free(void *bytes, size_t size) {
    size_t room;
    unsigned class = class_of(size, &room);
    struct block *block = bytes;
    if (!block)
        return;
    count(-(int64_t)room);
    keep(block, sizeof *block);
    KEEP(head->free[class]);
    block->next = head->free[class];
    head->free[class] = block;
}

// ---------------------------------------------------------------- beginning

static void begin(void) {
    memset(head, 0, offsetof(struct head, log));
    head->used = (sizeof *head + 4095) & ~4095ull;
    order();
    head->magic = MAGIC;
}

static void recover(void) {
    if (head->phase == ANSWERING) {
        state_commit();
        head->answer = (head->answer + 1) % ANSWERS;
        head->answers[head->answer].ticket = 0;
    }
    state_undo();
}

bool state_open(int memory) {
    int flags = MAP_FIXED_NOREPLACE | MAP_NORESERVE | (memory < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
    void *at = mmap((void *)ADDRESS, SIZE, PROT_READ | PROT_WRITE, flags, memory, 0);
    if (at != (void *)ADDRESS)
        return false;
    head = at;
    if (head->magic == MAGIC)
        recover();
    else
        begin();
    return true;
}

void state_close(void) {
    munmap(head, SIZE);
    head = NULL;
}
