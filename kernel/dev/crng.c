// SPDX-License-Identifier: MPL-2.0
// The random number generator.
//
// Entropy is hashed into a pool (BLAKE2s). A seed taken from the pool makes the base key, and each CPU derives a
// key of its own from that. Output is the ChaCha20 key stream under the CPU's key, whose first 32 bytes
// replace the key before anything is handed out ("fast key erasure"): what was given out cannot be
// reconstructed from a later look at memory.
//
// Per-CPU keys need no lock: the kernel is not preempted and interrupt handlers do not come here. The pool and the
// base key are under `pool.lock`, taken when a CPU's key is made anew: after new entropy, and every RESEED_INTERVAL.
#include "dev_priv.h"

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/percpu.h>
#include <arch/time.h>
#include <lib/blake2s.h>
#include <lib/chacha20.h>
#include <lib/random.h>
#include <lib/string.h>
#include <sched/spinlock.h>

#define RESEED_INTERVAL (60ll * 1000 * 1000 * 1000)

static struct {
    struct spinlock lock;
    bool seeded GUARDED_BY(&lock);
    struct blake2s hash GUARDED_BY(&lock);
    uint8_t base_key[CHACHA20_KEY_SIZE] GUARDED_BY(&lock);
    nsec_t base_time GUARDED_BY(&lock);
    _Atomic uint64_t generation; // counts base keys; 0: none yet
} pool;

static struct cpu_key {
    uint64_t generation;
    uint8_t key[CHACHA20_KEY_SIZE];
} cpu_key PER_CPU;

static const uint8_t zero_nonce[12];

// The low bits of how long a loop of memory accesses takes vary with caches, interrupts and the host.
static void stir_jitter(void) REQUIRES(&pool.lock) {
    volatile uint32_t work[64];
    for (unsigned i = 0; i < 64; i++) {
        uint64_t before = arch_cycles();
        for (unsigned j = 0; j < 64; j++)
            work[(i * 7 + j) % 64] = (uint32_t)before + j;
        uint64_t times[2] = {before, arch_cycles()};
        blake2s_update(&pool.hash, times, sizeof(times));
    }
}

static void seed_first_locked(void) REQUIRES(&pool.lock) {
    blake2s_init(&pool.hash);
    blake2s_update(&pool.hash, boot_info.random_seed, sizeof(boot_info.random_seed));
    memset(boot_info.random_seed, 0, sizeof(boot_info.random_seed));
    stir_jitter();
    pool.seeded = true;
}

// Makes a base key of all that the pool has; the pool goes on from a value that does not tell it.
static void reseed_locked(void) REQUIRES(&pool.lock) {
    if (!pool.seeded)
        seed_first_locked();
    struct {
        uint8_t machine[32];
        uint8_t old_key[CHACHA20_KEY_SIZE];
        uint64_t cycles;
    } mixed = {.cycles = arch_cycles()};
    (void)arch_random(mixed.machine, sizeof(mixed.machine));
    memcpy(mixed.old_key, pool.base_key, sizeof(mixed.old_key));
    blake2s_update(&pool.hash, &mixed, sizeof(mixed));
    uint8_t seed[BLAKE2S_SIZE], block[CHACHA20_BLOCK_SIZE];
    blake2s_final(&pool.hash, seed);
    struct chacha20 chacha;
    chacha20_init(&chacha, seed, 0, zero_nonce);
    chacha20_block(&chacha, block);
    memcpy(pool.base_key, block, CHACHA20_KEY_SIZE);
    blake2s_init(&pool.hash);
    blake2s_update(&pool.hash, block + CHACHA20_KEY_SIZE, 32);
    pool.base_time = arch_clock_now();
    atomic_fetch_add_explicit(&pool.generation, 1, memory_order_relaxed);
    memset(&mixed, 0, sizeof(mixed));
    memset(seed, 0, sizeof(seed));
    memset(block, 0, sizeof(block));
}

// Gives this CPU a key of its own, split off the base key.
static void derive_cpu_key(struct cpu_key *mine) {
    uint8_t block[CHACHA20_BLOCK_SIZE];
    spin_lock(&pool.lock);
    if (atomic_load_explicit(&pool.generation, memory_order_relaxed) == 0 ||
        arch_clock_now() - pool.base_time > RESEED_INTERVAL)
        reseed_locked();
    struct chacha20 chacha;
    chacha20_init(&chacha, pool.base_key, 0, zero_nonce);
    chacha20_block(&chacha, block);
    memcpy(pool.base_key, block, CHACHA20_KEY_SIZE);
    memcpy(mine->key, block + CHACHA20_KEY_SIZE, CHACHA20_KEY_SIZE);
    mine->generation = atomic_load_explicit(&pool.generation, memory_order_relaxed);
    spin_unlock(&pool.lock);
    memset(block, 0, sizeof(block));
}

// The first block of a request: replaces the key, and gives 32 bytes. More comes from further blocks of the old key.
void random_bytes(void *to, size_t size) {
    struct cpu_key *mine = &this_cpu(cpu_key);
    uint64_t generation = atomic_load_explicit(&pool.generation, memory_order_relaxed);
    if (UNLIKELY(generation == 0 || mine->generation != generation))
        derive_cpu_key(mine);
    struct chacha20 chacha;
    uint8_t block[CHACHA20_BLOCK_SIZE];
    chacha20_init(&chacha, mine->key, 0, zero_nonce);
    chacha20_block(&chacha, block);
    memcpy(mine->key, block, CHACHA20_KEY_SIZE);
    size_t part = MIN(size, (size_t)32);
    memcpy(to, block + CHACHA20_KEY_SIZE, part);
    for (size_t done = part; done < size; done += part) {
        part = MIN(size - done, sizeof(block));
        chacha20_block(&chacha, block);
        memcpy((uint8_t *)to + done, block, part);
    }
    memset(block, 0, sizeof(block));
    memset(&chacha, 0, sizeof(chacha));
}

void random_mix(const void *from, size_t size) {
    uint64_t cycles = arch_cycles();
    spin_lock(&pool.lock);
    if (!pool.seeded)
        seed_first_locked();
    blake2s_update(&pool.hash, &cycles, sizeof(cycles));
    blake2s_update(&pool.hash, from, size);
    reseed_locked();
    spin_unlock(&pool.lock);
}
