// SPDX-License-Identifier: MPL-2.0
// Hardware breakpoints and watchpoints: addresses at which a traced thread traps, as a tracer has set them by the sets
// NT_ARM_HW_BREAK and NT_ARM_HW_WATCH.
//
// They are loaded on the way out to user mode, which a traced thread always takes the slow way, and not looked at by
// the switch: whoever finds another's left on, and touches one of the addresses, traps at once, and the handler takes
// them away. So threads that have none pay nothing. What a CPU's registers hold is known by two marks that must agree:
// the CPU's (whose they are) and the state's (where it is); a change by the tracer takes the state's away.
//
// The trap comes before the instruction is executed: a tracer takes the point away, steps, and puts it back.
#include "cpu/cpu_priv.h"
#include "cpu/sysreg.h"
#include <abi/ptrace.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/percpu.h>
#include <arch/upcall.h>
#include <lib/status.h>
#include <lib/string.h>

#define SLOTS_MOST 16u
#define MDSCR_MDE (1ul << 15) // debug registers trap in user mode
#define CONTROL_ENABLED 1u
#define CONTROL_USER (2u << 1) // traps in user mode alone
#define CONTROL_KIND(control) ((control) >> 3 & 3)
#define CONTROL_BYTES(control) ((control) >> 5 & 0xff)
#define SLOTS_OF_BREAKS(features) (((features) >> 12 & 15) + 1)
#define SLOTS_OF_WATCHES(features) (((features) >> 20 & 15) + 1)

// Linux's user_hwdebug_state.
struct point_set {
    uint32_t info, unused; // which debug architecture, how many slots
    struct {
        uint64_t address;
        uint32_t control, unused;
    } slots[SLOTS_MOST];
};
static_assert(sizeof(struct point_set) == 264);

struct debug_state {
    struct point_set breaks, watches;
    int32_t cpu; // whose registers hold it; -1: none
};

static struct debug_state *debug_loaded PER_CPU;

static uint64_t features(void) {
    return sysreg_read(ID_AA64DFR0_EL1);
}

// --- registers by number ---

#define EACH_SLOT(do) \
    do                \
    (0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11) do(12) do(13) do(14) do(15)
#define WRITE_BREAK(n)                          \
    case n:                                     \
        sysreg_write(dbgbvr##n##_el1, address); \
        sysreg_write(dbgbcr##n##_el1, control); \
        break;
#define WRITE_WATCH(n)                          \
    case n:                                     \
        sysreg_write(dbgwvr##n##_el1, address); \
        sysreg_write(dbgwcr##n##_el1, control); \
        break;

static void write_break(unsigned slot, uint64_t address, uint64_t control) {
    switch (slot) { EACH_SLOT(WRITE_BREAK) }
}

static void write_watch(unsigned slot, uint64_t address, uint64_t control) {
    switch (slot) { EACH_SLOT(WRITE_WATCH) }
}

// --- what a tracer's words mean to the hardware ---

// The bytes from the first one on; how many, or 0: not one piece.
static unsigned bytes_of(uint32_t control, unsigned *first) {
    unsigned bytes = CONTROL_BYTES(control);
    *first = bytes ? (unsigned)__builtin_ctz(bytes) : 0;
    bytes >>= *first;
    return bytes & (bytes + 1) ? 0 : (unsigned)__builtin_popcount(bytes);
}

static bool point_is_good(uint64_t address, uint32_t control, bool watch) {
    unsigned first, count = bytes_of(control, &first);
    if (!(control & CONTROL_ENABLED))
        return true;
    if (count == 0 || address >= ARCH_USER_TOP - 16 || (CONTROL_KIND(control) != 0) != watch)
        return false;
    return watch ? (address + first) % 8 + count <= 8 : address % 4 == 0;
}

static void load_break(const struct point_set *set, unsigned slot) {
    bool on = set->slots[slot].control & CONTROL_ENABLED;
    write_break(slot, set->slots[slot].address, on ? 0xf << 5 | CONTROL_USER | CONTROL_ENABLED : 0);
}

static void load_watch(const struct point_set *set, unsigned slot) {
    uint32_t control = set->slots[slot].control;
    unsigned first, count = bytes_of(control, &first);
    uint64_t address = set->slots[slot].address + first;
    uint64_t bytes = ((1u << count) - 1) << address % 8;
    bool on = control & CONTROL_ENABLED;
    write_watch(slot, ALIGN_DOWN(address, 8ul),
                on ? bytes << 5 | CONTROL_KIND(control) << 3 | CONTROL_USER | CONTROL_ENABLED : 0);
}

// --- loading ---

void debug_load(void) {
    struct debug_state *state = arch_of(arch_current())->debug;
    struct debug_state **loaded = &this_cpu(debug_loaded);
    int32_t cpu = (int32_t)arch_cpu_id();
    if (*loaded == state && state->cpu == cpu)
        return;
    uint64_t about = features();
    for (unsigned slot = 0; slot < SLOTS_OF_BREAKS(about); slot++)
        load_break(&state->breaks, slot);
    for (unsigned slot = 0; slot < SLOTS_OF_WATCHES(about); slot++)
        load_watch(&state->watches, slot);
    sysreg_write(MDSCR_EL1, sysreg_read(MDSCR_EL1) | MDSCR_MDE);
    isb();
    *loaded = state;
    state->cpu = cpu;
}

bool debug_trap_user(bool traced) {
    struct debug_state *state = arch_of(arch_current())->debug;
    if (traced && state && this_cpu(debug_loaded) == state && state->cpu == (int32_t)arch_cpu_id())
        return true;
    sysreg_write(MDSCR_EL1, sysreg_read(MDSCR_EL1) & ~MDSCR_MDE);
    isb();
    this_cpu(debug_loaded) = nullptr;
    return false;
}

// --- the tracer's side: the thread does not run ---

static unsigned slots_of(bool watch) {
    return (unsigned)(watch ? SLOTS_OF_WATCHES(features()) : SLOTS_OF_BREAKS(features()));
}

ssize_t debug_get(struct thread *thread, unsigned note, void *to) {
    const struct debug_state *state = arch_of(thread)->debug;
    bool watch = note == NT_ARM_HW_WATCH;
    struct point_set set = {};
    if (state)
        set = watch ? state->watches : state->breaks;
    set.info = (uint32_t)(features() & 15) << 8 | slots_of(watch);
    memcpy(to, &set, sizeof set);
    return sizeof set;
}

status_t debug_set(struct thread *thread, unsigned note, const void *from) {
    struct arch_thread *arch = arch_of(thread);
    bool watch = note == NT_ARM_HW_WATCH;
    struct point_set set;
    memcpy(&set, from, sizeof set);
    for (unsigned slot = 0; slot < SLOTS_MOST; slot++) {
        uint32_t control = set.slots[slot].control;
        if ((control & CONTROL_ENABLED) && slot >= slots_of(watch))
            return -ENOSPC;
        if (!point_is_good(set.slots[slot].address, control, watch))
            return -EINVAL;
    }
    if (!arch->debug) {
        struct debug_state *state = arch_debug_area_alloc(sizeof *state);
        if (!state)
            return -ENOMEM;
        *state = (struct debug_state){};
        arch->debug = state;
    }
    struct debug_state *state = arch->debug;
    *(watch ? &state->watches : &state->breaks) = set;
    state->cpu = -1;
    return 0;
}

void debug_drop(struct arch_thread *arch) {
    if (arch->debug)
        arch_debug_area_free(arch->debug);
    arch->debug = nullptr;
}
