// SPDX-License-Identifier: MPL-2.0
// Debug registers: up to four addresses at which a traced thread traps, as a tracer has set them by PTRACE_POKEUSER.
//
// They are loaded on the way out to user mode, which a traced thread always takes the slow way, and not looked at by
// the switch: whoever finds another's left on, and touches one of the addresses, traps at once, and the handler takes
// them away. So threads that have none pay nothing. What a CPU's registers hold is known by two marks that must agree:
// the CPU's (whose they are) and the state's (where it is); a change by the tracer takes the state's away.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <abi/signal.h>
#include <arch/mmu.h>
#include <arch/upcall.h>
#include <lib/status.h>
#include <lib/string.h>

#define SLOTS 4u
#define STATUS_REGISTER 6u
#define CONTROL_REGISTER 7u
#define STATUS_HITS 0xful
#define STATUS_STEP 0x4000ul
#define STATUS_CLEAR 0xffff0ff0ul
#define CONTROL_ALWAYS 0x400ul
#define CONTROL_KNOWN 0xffff03fful // what a tracer may set: not that writing the registers traps

struct debug_state {
    uint64_t address[SLOTS], control;
    uint64_t status; // what a tracer reads in DR6
    int32_t cpu;     // whose registers hold it; -1: none
};

static struct debug_state *debug_loaded PER_CPU;

static void write_control(uint64_t control) {
    __asm__ volatile("mov %0, %%dr7" ::"r"(control | CONTROL_ALWAYS) : "memory");
}

// DR6 says what happened, and keeps it until somebody clears it.
static uint64_t take_status(void) {
    uint64_t status;
    __asm__ volatile("mov %%dr6, %0\n\tmov %1, %%dr6" : "=&r"(status) : "r"(STATUS_CLEAR));
    return status;
}

static bool is_enabled(uint64_t control, unsigned slot) {
    return (control >> 2 * slot & 3) != 0;
}

// --- loading ---

void debug_load(void) {
    struct debug_state *state = arch_of(arch_current())->debug;
    struct debug_state **loaded = &this_cpu(debug_loaded);
    int32_t cpu = (int32_t)arch_cpu_id();
    if (*loaded == state && state->cpu == cpu)
        return;
    write_control(0);
    __asm__ volatile("mov %0, %%dr0" ::"r"(state->address[0]));
    __asm__ volatile("mov %0, %%dr1" ::"r"(state->address[1]));
    __asm__ volatile("mov %0, %%dr2" ::"r"(state->address[2]));
    __asm__ volatile("mov %0, %%dr3" ::"r"(state->address[3]));
    write_control(state->control & CONTROL_KNOWN);
    *loaded = state;
    state->cpu = cpu;
}

// Of what DR6 says, the slots in which the current thread was hit. Another's are taken away.
static uint64_t own_hits(uint64_t status) {
    struct thread *self = arch_current();
    struct debug_state *state = arch_of(self)->debug;
    uint64_t hits = 0;
    bool traced = atomic_load_explicit(work_of(self), memory_order_relaxed) & TRACE_WORK;
    if (traced && state && this_cpu(debug_loaded) == state && state->cpu == (int32_t)arch_cpu_id()) {
        for (unsigned slot = 0; slot < SLOTS; slot++)
            hits |= is_enabled(state->control, slot) ? status & 1ul << slot : 0;
    } else if (status & STATUS_HITS) {
        write_control(0);
        this_cpu(debug_loaded) = nullptr;
    }
    return hits;
}

// --- traps ---

int debug_trap_user(struct arch_frame *frame) {
    uint64_t status = take_status(), hits = own_hits(status);
    struct debug_state *state = arch_of(arch_current())->debug;
    if (state)
        state->status = hits | (status & STATUS_STEP);
    for (unsigned slot = 0; slot < SLOTS; slot++) // an instruction traps before it is executed: not again
        if ((hits >> slot & 1) && (state->control >> (16 + 4 * slot) & 3) == 0)
            frame->rflags |= FLAG_RF;
    if (status & STATUS_STEP)
        return TRAP_TRACE;
    return hits ? TRAP_HWBKPT : status & STATUS_HITS ? 0 : TRAP_BRKPT;
}

// A stray single step, or what the kernel does for the thread: not the tracer's affair, as on Linux.
void debug_trap_kernel(struct arch_frame *frame) {
    (void)own_hits(take_status());
    frame->rflags &= ~FLAG_TF;
}

// --- the tracer's side: the thread does not run ---

static bool slot_is_good(const struct debug_state *state, unsigned slot) {
    static const uint8_t sizes[4] = {1, 2, 8, 4};
    unsigned kind = state->control >> (16 + 4 * slot) & 3, size = sizes[state->control >> (18 + 4 * slot) & 3];
    if (!is_enabled(state->control, slot))
        return true;
    bool known = kind == 0 ? size == 1 : kind != 2; // 2: ports
    return known && state->address[slot] % size == 0 && state->address[slot] <= ARCH_USER_TOP - size;
}

uint64_t debug_get(const struct thread *thread, unsigned number) {
    const struct debug_state *state = ((const struct arch_thread *)(const void *)thread)->debug;
    if (!state)
        return 0;
    return number < SLOTS               ? state->address[number]
           : number == STATUS_REGISTER  ? state->status
           : number == CONTROL_REGISTER ? state->control
                                        : 0;
}

static struct debug_state *state_of(struct arch_thread *arch) {
    if (!arch->debug) {
        struct debug_state *state = arch_debug_area_alloc(sizeof *state);
        if (state)
            *state = (struct debug_state){.cpu = -1};
        arch->debug = state;
    }
    return arch->debug;
}

status_t debug_set(struct thread *thread, unsigned number, uint64_t value) {
    if (number > CONTROL_REGISTER || (number >= SLOTS && number < STATUS_REGISTER))
        return -EIO;
    if (number < SLOTS && value >= ARCH_USER_TOP)
        return -EINVAL;
    struct debug_state *state = state_of(arch_of(thread));
    if (!state)
        return -ENOMEM;
    struct debug_state changed = *state;
    if (number < SLOTS)
        changed.address[number] = value;
    else
        *(number == STATUS_REGISTER ? &changed.status : &changed.control) = value;
    for (unsigned slot = 0; slot < SLOTS; slot++)
        if (!slot_is_good(&changed, slot))
            return -EINVAL;
    changed.cpu = -1;
    *state = changed;
    return 0;
}

void debug_drop(struct arch_thread *arch) {
    if (arch->debug)
        arch_debug_area_free(arch->debug);
    arch->debug = nullptr;
}
