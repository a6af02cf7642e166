// SPDX-License-Identifier: MPL-2.0
// Vector and x87 state.
//
// The kernel never uses these registers, so while a thread runs they are its own, in the kernel too. A thread starts
// without an area and with CR0.TS set; its first vector instruction traps (#NM) and gets it an area. From then on its
// state is saved at each switch away and loaded at each switch back, unless the registers still hold it. Threads that
// never touch the unit, kernel threads among them, pay one compare a switch.
//
// Who owns the registers: when a thread with a state is followed by one without, it becomes the CPU's `owner`, and the
// CPU its fpu_cpu. If it comes back there before anybody else's state did, the registers still hold its own: both
// agree. fpu_cpu is -1 from when its state is loaded, anywhere. The saved copy is always current once a thread has been
// switched away from, so nobody ever has to ask another CPU for it. The usual switch, from one thread with a state to
// another, looks at none of this: x86_vector_exchange in port/switch.h.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/percpu.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
#include <lib/string.h>

#define CR0_MP 0x2ul
#define CR0_EM 0x4ul
#define CR0_TS 0x8ul
#define CR0_NE 0x20ul
#define CR4_FXSR 0x200ul
#define CR4_XMM_EXCEPTIONS 0x400ul
#define CR4_XSAVE 0x40000ul
#define LEGACY_SIZE 512
#define HEADER_SIZE 64
enum { SIGKILL = 9 };

uint32_t vector_area_size;
uint32_t x86_vector_features; // XCR0's low half, the other is 0; 3 if there is no XSAVE
bool x86_has_short_switch;

static struct vector_cpu {
    struct arch_thread *owner; // whose state the registers had when they were left to one that has none
    bool off;                  // CR0.TS is set
} vector_cpu PER_CPU;

// What the registers are after reset: the legacy part of an area and an empty header.
static const struct {
    uint16_t control, status;
    uint8_t tag, unused[3];
    uint64_t ip, data;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t rest[LEGACY_SIZE - 32 + HEADER_SIZE];
} initial_area __attribute__((aligned(64))) = {.control = 0x37f, .mxcsr = 0x1f80};
static_assert(sizeof(initial_area) == LEGACY_SIZE + HEADER_SIZE);

static void unit_on(void) {
    __asm__ volatile("clts");
    this_cpu(vector_cpu).off = false;
}

static void unit_off(void) {
    write_cr0(read_cr0() | CR0_TS);
    this_cpu(vector_cpu).off = true;
}

static void area_save(void *area) {
    if (x86_features.xsaveopt)
        __asm__ volatile("xsaveopt64 (%0)" ::"r"(area), "a"(x86_vector_features), "d"(0) : "memory");
    else if (x86_features.xsave)
        __asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(x86_vector_features), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

static void area_load(const void *area) {
    if (x86_features.xsave)
        __asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(x86_vector_features), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

void vector_reset(void) {
    area_load(&initial_area);
}

void vector_switch(struct arch_thread *prev, struct arch_thread *next) {
    struct vector_cpu *cpu = &this_cpu(vector_cpu);
    int32_t self = (int32_t)arch_cpu_id();
    if (prev->fpu != nullptr) {
        area_save(prev->fpu);
        cpu->owner = prev;
        prev->fpu_cpu = self;
    }
    if (next->fpu == nullptr) {
        if (!cpu->off)
            unit_off();
        return;
    }
    if (cpu->off)
        unit_on();
    if (cpu->owner != next || next->fpu_cpu != self)
        area_load(next->fpu);
    next->fpu_cpu = -1;
}

// Makes the registers those of the current thread, which has just got its area. Interrupts off.
static void registers_take(void) {
    this_cpu(vector_cpu).owner = nullptr;
    unit_on();
}

bool vector_attach(struct arch_thread *thread) {
    void *area = arch_vector_area_alloc(vector_area_size);
    if (area == nullptr)
        return false;
    // An optimised save leaves out what is in its initial state: header and MXCSR must be good from the start.
    memcpy(area, &initial_area, MIN(sizeof(initial_area), (size_t)vector_area_size)); // no header without XSAVE
    thread->fpu = area;
    return true;
}

void vector_first_use(void) {
    struct arch_thread *thread = arch_of(arch_current());
    if (thread->fpu == nullptr && !vector_attach(thread)) {
        arch_irq_enable();
        trap_user_exception(SIGKILL, 0, 0, TRAP_NO_VECTOR_UNIT, 0);
        return;
    }
    registers_take();
    vector_reset();
}

// The parent's registers are live: they are stored straight into the child's area.
status_t vector_clone(struct arch_thread *child) {
    if (arch_of(arch_current())->fpu == nullptr)
        return 0;
    if (!vector_attach(child))
        return -ENOMEM;
    if (x86_features.xsave)
        __asm__ volatile("xsave64 (%0)" ::"r"(child->fpu), "a"(x86_vector_features), "d"(0) : "memory");
    else
        area_save(child->fpu);
    return 0;
}

// Interrupts off.
void vector_drop(struct arch_thread *thread) {
    if (thread->fpu == nullptr)
        return;
    arch_vector_area_free(thread->fpu, vector_area_size);
    thread->fpu = nullptr;
    thread->fpu_cpu = -1;
    this_cpu(vector_cpu).owner = nullptr;
    unit_off();
}

// The instruction may fault on the user's page and is then run again; nothing is copied twice.
#define USER_STATE(instruction)                                                                   \
    __asm__ goto(X86_STAC "1: " instruction " (%0)\n\t" USER_FAULT(1b, "%l[bad]") X86_CLAC        \
                 :                                                                                \
                 : "r"((uintptr_t)area), "a"((uint32_t)features), "d"((uint32_t)(features >> 32)) \
                 : "memory"                                                                       \
                 : bad)

status_t vector_store_user(void __user *area) {
    uint64_t features = x86_vector_features;
    if (!user_range_ok((uintptr_t)area, vector_area_size))
        return -EFAULT;
    if (x86_features.xsave)
        USER_STATE("xsave64");
    else
        USER_STATE("fxsave64");
    return 0;
bad:
    return -EFAULT;
}

status_t vector_load_user(const void __user *area, uint64_t features) {
    if (!user_range_ok((uintptr_t)area, vector_area_size))
        return -EFAULT;
    struct arch_thread *thread = arch_of(arch_current());
    if (thread->fpu == nullptr) {
        if (!vector_attach(thread))
            return -ENOMEM;
        unsigned long irq = arch_irq_save();
        registers_take();
        arch_irq_restore(irq);
    }
    vector_reset(); // what the frame leaves out
    if (x86_features.xsave && features != 0)
        USER_STATE("xrstor64");
    else
        USER_STATE("fxrstor64");
    return 0;
bad:
    vector_reset();
    return -EFAULT;
}

void vector_init(void) {
    x86_has_short_switch = x86_features.xsaveopt && x86_features.fsgsbase;
    vector_area_size = LEGACY_SIZE;
    x86_vector_features = 3;
    if (!x86_features.xsave)
        return;
    struct cpuid_result supported = cpuid(0xd, 0);
    // x87, SSE, AVX, AVX-512 (three components, all or none).
    x86_vector_features = supported.a & 0xe7;
    if ((x86_vector_features & 0xe4) != 0xe4)
        x86_vector_features &= 7;
}

void vector_init_cpu(void) {
    write_cr4(read_cr4() | CR4_FXSR | CR4_XMM_EXCEPTIONS | (x86_features.xsave ? CR4_XSAVE : 0));
    if (x86_features.xsave) {
        __asm__ volatile("xsetbv" ::"c"(0), "a"(x86_vector_features), "d"(0));
        vector_area_size = cpuid(0xd, 0).b; // for what is enabled
    }
    write_cr0((read_cr0() & ~CR0_EM) | CR0_MP | CR0_NE);
    __asm__ volatile("clts");
    vector_reset();
    unit_off();
    this_cpu(vector_cpu).owner = nullptr;
}
