// SPDX-License-Identifier: MPL-2.0
// Pointer authentication keys of user mode.
//
// Five keys of 128 bits sign and check addresses (instruction and data, two each) and data in general. A program gets
// fresh ones at exec; threads and forked children have their parent's, so that pointers signed before stay good.
// They are kept per thread, since prctl(2) changes one thread's only, with a number (keys_id) that every new set gets:
// a switch loads the keys only if the CPU does not hold those of that number.
//
// The kernel signs its own return addresses with the instruction key A. That one is exchanged at entry and exit (and
// with it the enable bit, should a program have switched it off); the other four stay the user's in the kernel.
#include "cpu/pauth.h"
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/sysreg.h"
#include <arch/switch.h>
#include <lib/random.h>
#include <lib/status.h>
#include <lib/string.h>
#include <stdatomic.h>

// Registers that the assembler does not know at the base architecture.
#define APIBKEYLO_EL1 S3_0_C2_C1_2
#define APIBKEYHI_EL1 S3_0_C2_C1_3
#define APDAKEYLO_EL1 S3_0_C2_C2_0
#define APDAKEYHI_EL1 S3_0_C2_C2_1
#define APDBKEYLO_EL1 S3_0_C2_C2_2
#define APDBKEYHI_EL1 S3_0_C2_C2_3
#define APGAKEYLO_EL1 S3_0_C2_C3_0
#define APGAKEYHI_EL1 S3_0_C2_C3_1

#define SCTLR_ENDB (1ul << 13)
#define SCTLR_ENDA (1ul << 27)
#define SCTLR_ENIB (1ul << 30)
#define SCTLR_ENIA (1ul << 31)
#define SCTLR_SWITCHED (SCTLR_ENDB | SCTLR_ENDA | SCTLR_ENIB)

static uint64_t switched_off PER_CPU; // the bits of SCTLR_SWITCHED that are clear
static _Atomic uint64_t last_keys_id;

static bool available(void) {
    return arm64_features.pauth || arm64_features.pauth_data;
}

static void keys_load(const struct pauth_keys *keys) {
    if (arm64_features.pauth) {
        sysreg_write(APIBKEYLO_EL1, keys->ib[0]);
        sysreg_write(APIBKEYHI_EL1, keys->ib[1]);
        sysreg_write(APDAKEYLO_EL1, keys->da[0]);
        sysreg_write(APDAKEYHI_EL1, keys->da[1]);
        sysreg_write(APDBKEYLO_EL1, keys->db[0]);
        sysreg_write(APDBKEYHI_EL1, keys->db[1]);
    }
    if (arm64_features.pauth_data) {
        sysreg_write(APGAKEYLO_EL1, keys->ga[0]);
        sysreg_write(APGAKEYHI_EL1, keys->ga[1]);
    }
}

// The return to user mode synchronises. Interrupts off, or the current thread's.
void arm64_keys_load(const struct arch_thread *thread) {
    keys_load(&thread->keys);
    this_cpu(arm64_loaded).keys_id = thread->keys_id;
    uint64_t off = thread->keys_off & SCTLR_SWITCHED;
    if (off == this_cpu(switched_off))
        return;
    sysreg_write(SCTLR_EL1, (sysreg_read(SCTLR_EL1) | SCTLR_SWITCHED) & ~off);
    this_cpu(switched_off) = off;
}

// The current thread's keys or switches changed: others that had the same number keep theirs.
static void changed(struct arch_thread *thread) {
    thread->keys_id = atomic_fetch_add_explicit(&last_keys_id, 1, memory_order_relaxed) + 1;
    unsigned long irq = arch_irq_save();
    arm64_keys_load(thread);
    arch_irq_restore(irq);
}

void pauth_reset(void) {
    struct arch_thread *thread = arch_of(arch_current());
    if (!available())
        return;
    random_bytes(&thread->keys, sizeof(thread->keys));
    thread->keys_off = 0;
    changed(thread);
}

void pauth_clone(struct arch_thread *child) {
    const struct arch_thread *self = arch_of(arch_current());
    child->keys = self->keys;
    child->keys_id = self->keys_id;
    child->keys_off = self->keys_off;
}

long pauth_reset_keys(unsigned long keys) {
    struct arch_thread *thread = arch_of(arch_current());
    struct pauth_keys *k = &thread->keys;
    unsigned long known =
        (arm64_features.pauth ? PR_PAC_ADDRESS_KEYS : 0) | (arm64_features.pauth_data ? PR_PAC_APGAKEY : 0);
    if (!available() || (keys & ~known))
        return -EINVAL;
    if (keys == 0)
        keys = known;
    if (keys & PR_PAC_APIAKEY)
        random_bytes(k->ia, sizeof(k->ia));
    if (keys & PR_PAC_APIBKEY)
        random_bytes(k->ib, sizeof(k->ib));
    if (keys & PR_PAC_APDAKEY)
        random_bytes(k->da, sizeof(k->da));
    if (keys & PR_PAC_APDBKEY)
        random_bytes(k->db, sizeof(k->db));
    if (keys & PR_PAC_APGAKEY)
        random_bytes(k->ga, sizeof(k->ga));
    changed(thread);
    return 0;
}

static const struct {
    unsigned key;
    uint64_t bit;
} switches[] = {
    {PR_PAC_APIAKEY, SCTLR_ENIA},
    {PR_PAC_APIBKEY, SCTLR_ENIB},
    {PR_PAC_APDAKEY, SCTLR_ENDA},
    {PR_PAC_APDBKEY, SCTLR_ENDB},
};

long pauth_set_enabled(unsigned long keys, unsigned long enabled) {
    struct arch_thread *thread = arch_of(arch_current());
    if (!arm64_features.pauth || (keys & ~(unsigned long)PR_PAC_ADDRESS_KEYS) || (enabled & ~keys))
        return -EINVAL;
    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++) {
        if (enabled & switches[i].key)
            thread->keys_off &= ~switches[i].bit;
        else if (keys & switches[i].key)
            thread->keys_off |= switches[i].bit;
    }
    changed(thread);
    return 0;
}

long pauth_get_enabled(void) {
    const struct arch_thread *thread = arch_of(arch_current());
    long enabled = 0;
    if (!arm64_features.pauth)
        return -EINVAL;
    for (unsigned i = 0; i < ARRAY_SIZE(switches); i++)
        if (!(thread->keys_off & switches[i].bit))
            enabled |= switches[i].key;
    return enabled;
}

// All address keys work from here on (key A of the kernel is already in use, if it is).
void pauth_init_cpu(void) {
    if (arm64_features.pauth)
        sysreg_write(SCTLR_EL1, sysreg_read(SCTLR_EL1) | SCTLR_SWITCHED);
    this_cpu(arm64_loaded).keys_id = 0;
    this_cpu(switched_off) = 0;
}
