// SPDX-License-Identifier: MPL-2.0
// Rows of Fusion Rings: messages through shared memory without a system call, so these run on Linux as well; and from
// process to process with sleeping on both sides, which is Tessera's.
#include "bench.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tessera/ring.h>
#include <unistd.h>

enum { BATCH = 16 };

static struct {
    struct ring_producer producer;
    struct ring_consumer consumer;
} r;

static void open_ring(const struct ring_options *options) {
    size_t size = ring_mapping_size(options->slots, options->pool);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED || ring_init_producer(&r.producer, memory, options) ||
        ring_init_consumer(&r.consumer, memory, options))
        exit(1);
}

// Constant sizes, as a program has them: the copies become moves. 64 bytes lie in memory before and after, a word is
// where the compiler likes it.
#define in_batches(name, type, first, place)                       \
    static void name(long n) {                                     \
        struct ring_producer producer = r.producer;                \
        struct ring_consumer consumer = r.consumer;                \
        type out = {1}, in = {};                                   \
        uint64_t sum = 0;                                          \
        begin();                                                   \
        for (long left = n; left > 0; left -= BATCH) {             \
            for (int k = 0; k < BATCH; k++) {                      \
                if (ring_put(&producer, &out, sizeof out) != 0)    \
                    exit(1);                                       \
                __asm__("" : place(out));                          \
            }                                                      \
            ring_flush(&producer);                                 \
            for (int k = 0; k < BATCH; k++) {                      \
                const void *data;                                  \
                if (!ring_peek_exact(&consumer, sizeof in, &data)) \
                    exit(1);                                       \
                memcpy(&in, data, sizeof in);                      \
                __asm__("" : place(in));                           \
                sum += first(in);                                  \
                ring_next(&consumer);                              \
            }                                                      \
            ring_release(&consumer);                               \
        }                                                          \
        end();                                                     \
        if (sum != (uint64_t)(n + BATCH - 1) / BATCH * BATCH) {    \
            printf("failed: " #name " lost messages\n");           \
            exit(1);                                               \
        }                                                          \
    }
struct line {
    uint64_t words[8];
};
#define the_word(word) (word)
#define first_word(line) ((line).words[0])
in_batches(batches_8, uint64_t, the_word, "+r");
in_batches(batches_64, struct line, first_word, "+m");

static void ring_8(long n) {
    open_ring(&(struct ring_options){.slots = 64});
    batches_8(n);
}

static void ring_64(long n) {
    open_ring(&(struct ring_options){.slots = 64, .pool = 64 * 64});
    batches_64(n);
}

// The producer is one of several, so each message is made known by itself.
#define among_many(name, size)                                                               \
    static void name(long n) {                                                               \
        uint64_t word[(size) / 8] = {1};                                                     \
        open_ring(&(struct ring_options){.slots = 64, .pool = 64 * 64, .flags = RING_MANY}); \
        begin();                                                                             \
        for (long i = 0; i < n; i++) {                                                       \
            ring_push_many(&r.producer, word, size);                                         \
            if (ring_pop(&r.consumer, word, size) != (size) || word[0] != 1) {               \
                printf("failed: " #name "\n");                                               \
                exit(1);                                                                     \
            }                                                                                \
        }                                                                                    \
        end();                                                                               \
    }
among_many(ring_many_8, 8);
among_many(ring_many_64, 64);

static void ring_8_alone(long n) {
    open_ring(&(struct ring_options){.slots = 64});
    uint64_t word = 1;
    begin();
    for (long i = 0; i < n; i++) {
        ring_push(&r.producer, &word, sizeof word);
        ring_pop(&r.consumer, &word, sizeof word);
    }
    end();
}

// 16 messages of 64 KiB are 1 MiB: written once, copied out once.
static void ring_bandwidth(long kib) {
    enum { PIECE = 65536 };
    static char from[PIECE], to[PIECE];
    open_ring(&(struct ring_options){.slots = 16, .pool = 16 * PIECE});
    memset(from, 'b', PIECE), memset(to, 0, PIECE);
    begin();
    for (long i = 0; i < kib * 1024 / PIECE; i++) {
        ring_push(&r.producer, from, PIECE);
        ring_pop(&r.consumer, to, PIECE);
    }
    end();
}

// What memory itself does: the same two copies.
static void copy_bandwidth(long kib) {
    enum { PIECE = 65536, PIECES = 16 };
    static char from[PIECE], to[PIECE];
    char *pool = mmap(NULL, PIECES * PIECE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    memset(from, 'b', PIECE), memset(to, 0, PIECE);
    begin();
    for (long i = 0; i < kib * 1024 / PIECE; i++) {
        memcpy(pool + i % PIECES * PIECE, from, PIECE);
        __asm__ volatile("" ::: "memory");
        memcpy(to, pool + i % PIECES * PIECE, PIECE);
        __asm__ volatile("" ::: "memory");
    }
    end();
}

// A message there and one back between two processes that sleep in between.
static void ring_ping_pong(long n) {
    static const struct ring_options options = {.slots = 8};
    int there[2], back[2];
    struct ring_consumer answers;
    uint64_t word = 1;
    if (ring_create(&options, there) || ring_create(&options, back)) {
        printf("failed: ring_create\n");
        exit(1);
    }
    pid_t child = (pid_t)must(fork());
    if (child == 0) {
        close(there[RING_PRODUCER]), close(back[RING_CONSUMER]);
        ring_attach_consumer(&r.consumer, there[RING_CONSUMER], &options);
        ring_attach_producer(&r.producer, back[RING_PRODUCER], &options);
        while (ring_receive(&r.consumer, &word, sizeof word, RING_FOREVER) > 0)
            ring_send(&r.producer, &word, sizeof word, RING_FOREVER);
        _exit(0);
    }
    close(there[RING_CONSUMER]), close(back[RING_PRODUCER]);
    ring_attach_producer(&r.producer, there[RING_PRODUCER], &options);
    ring_attach_consumer(&answers, back[RING_CONSUMER], &options);
    begin();
    for (long i = 0; i < n; i++) {
        ring_send(&r.producer, &word, sizeof word, RING_FOREVER);
        ring_receive(&answers, &word, sizeof word, RING_FOREVER);
    }
    end();
    close(there[RING_PRODUCER]), close(back[RING_CONSUMER]);
    waitpid(child, NULL, 0);
}

const struct row ring_rows[] = {
    {"ring_8", "ring put + get, 8 bytes, 16 at a time", ring_8, 16000},
    {"ring_64", "ring put + get, 64 bytes, 16 at a time", ring_64, 16000},
    {"ring_many_8", "ring push + pop, several producers, 8 bytes", ring_many_8, 16000},
    {"ring_many_64", "ring push + pop, several producers, 64 bytes", ring_many_64, 16000},
    {"ring_8_alone", "ring push + pop, 8 bytes, each made known", ring_8_alone, 16000},
    {"ring_bandwidth", "1 MiB through a ring, per KiB", ring_bandwidth, 16384},
    {"copy_bandwidth", "the same two copies without a ring, per KiB", copy_bandwidth, 16384},
    {"ring_pingpong", "ring ping-pong, 2 processes that sleep", ring_ping_pong, 2000, 0, TESSERA},
    {NULL},
};
