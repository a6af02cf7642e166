// SPDX-License-Identifier: MPL-2.0
// ID registers, which user mode reads by name as on Linux (HWCAP_CPUID).
//
// They are not readable in user mode; the trap is answered with a value made here. Fields that programs may build on
// show what all CPUs have and we offer; all others show what says least. So there is no SVE and no SME, and of MTE only
// its instructions. The table follows Linux's; hwcap.c computes from what it shows.
#include "cpu/idregs.h"
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/pstate.h"
#include "cpu/sysreg.h"
#include <arch/cpu.h>
#include <arch/percpu.h>
#include <arch/uaccess.h>
#include <sched/spinlock.h>

#define FIELD(shift) (0xful << (shift))

// Registers that show anything: in the order of the enum.
static const struct {
    uint8_t crm, op2;
    uint64_t visible; // fields of which user mode sees the CPU's value
    uint64_t fixed;   // what the others show
} registers[ID_REGISTERS] = {
    [ID_ISAR0] = {6, 0, ~(FIELD(0) | FIELD(24) | FIELD(56)), 0},
    [ID_ISAR1] = {6, 1, ~(FIELD(40) | FIELD(56) | FIELD(60)), 0},
    [ID_ISAR2] = {6, 2, FIELD(0) | FIELD(4) | FIELD(8) | FIELD(12), 0},
    [ID_MMFR0] = {7, 0, FIELD(60), 0x111ff000000}, // "no page size is supported"
    [ID_MMFR1] = {7, 1, FIELD(44), 0},
    [ID_MMFR2] = {7, 2, FIELD(32), 0},
    [ID_PFR0] = {4, 0, FIELD(16) | FIELD(20) | FIELD(48), 0x11}, // EL0 and EL1 are 64-bit only
    [ID_PFR1] = {4, 1, FIELD(0) | FIELD(4) | FIELD(8), 0},
    [ID_DFR0] = {5, 0, 0, 6},
    // What a 32-bit program would want to know, as Linux shows it.
    [ID_ISAR5_32] = {2, 5, FIELD(4) | FIELD(8) | FIELD(12) | FIELD(16), 0},
    [ID_MVFR0_32] = {3, 0, FIELD(8), 0},
    [ID_MVFR1_32] = {3, 1, FIELD(8) | FIELD(12) | FIELD(16) | FIELD(28), 0},
};

static struct {
    struct spinlock lock;          // held while a CPU comes up
    uint64_t values[ID_REGISTERS]; // as user mode sees them
    uint32_t midr[CPU_MAX];
} idregs = {.lock = SPINLOCK_INIT};

// --- the values ---

// The fields for FP and ASIMD are signed: 15 means that there is none.
static bool is_signed(enum id_register id, unsigned shift) {
    return id == ID_PFR0 && (shift == 16 || shift == 20);
}

int idregs_field(enum id_register id, unsigned shift) {
    int value = (int)(idregs.values[id] >> shift & 15);
    return is_signed(id, shift) && value > 7 ? value - 16 : value;
}

static void read_all(uint64_t values[static ID_REGISTERS]) {
    values[ID_ISAR0] = sysreg_read(S3_0_C0_C6_0);
    values[ID_ISAR1] = sysreg_read(S3_0_C0_C6_1);
    values[ID_ISAR2] = sysreg_read(S3_0_C0_C6_2);
    values[ID_MMFR0] = sysreg_read(S3_0_C0_C7_0);
    values[ID_MMFR1] = sysreg_read(S3_0_C0_C7_1);
    values[ID_MMFR2] = sysreg_read(S3_0_C0_C7_2);
    values[ID_PFR0] = sysreg_read(S3_0_C0_C4_0);
    values[ID_PFR1] = sysreg_read(S3_0_C0_C4_1);
    values[ID_DFR0] = sysreg_read(S3_0_C0_C5_0);
    values[ID_ISAR5_32] = sysreg_read(S3_0_C0_C2_5);
    values[ID_MVFR0_32] = sysreg_read(S3_0_C0_C3_0);
    values[ID_MVFR1_32] = sysreg_read(S3_0_C0_C3_1);
    // Tags are not offered: the instructions that handle them are all there is.
    if ((values[ID_PFR1] & FIELD(8)) != 0)
        values[ID_PFR1] = (values[ID_PFR1] & ~FIELD(8)) | 1ul << 8;
}

// Each field's lesser value. Signed fields are compared with the sign turned around.
static uint64_t lesser(uint64_t a, uint64_t b, enum id_register id) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64; shift += 4) {
        unsigned flip = is_signed(id, shift) ? 8 : 0;
        uint64_t x = (a >> shift & 15) ^ flip, y = (b >> shift & 15) ^ flip;
        result |= (MIN(x, y) ^ flip) << shift;
    }
    return result;
}

static void values_merge(bool first) {
    uint64_t values[ID_REGISTERS];
    read_all(values);
    for (unsigned i = 0; i < ID_REGISTERS; i++) {
        uint64_t value = (values[i] & registers[i].visible) | registers[i].fixed;
        idregs.values[i] = first ? value : lesser(idregs.values[i], value, i);
    }
}

uint32_t idregs_midr(unsigned cpu) {
    return idregs.midr[cpu];
}

// --- EL0's access to registers of EL1 ---

#define SCTLR_DZE (1ul << 14)  // DC ZVA
#define SCTLR_UCT (1ul << 15)  // CTR_EL0
#define SCTLR_NTWI (1ul << 16) // WFI
#define SCTLR_NTWE (1ul << 18) // WFE
#define SCTLR_UCI (1ul << 26)  // cache maintenance by address

#define COUNTER_VIRTUAL 2ul
#define COUNTER_EVENTS 4ul
#define COUNTER_EVENTS_BIT 4 // which bit of the counter makes them
#define EVENTS_PER_SECOND 10'000

// The virtual counter, and events from it that end a WFE at least every 100 µs or so.
static void counter_init_cpu(void) {
    uint64_t period = sysreg_read(CNTFRQ_EL0) / EVENTS_PER_SECOND;
    unsigned bit = 0;
    while (bit < 15 && (4ul << bit) <= period)
        bit++;
    sysreg_write(CNTKCTL_EL1, COUNTER_VIRTUAL | COUNTER_EVENTS | (uint64_t)bit << COUNTER_EVENTS_BIT);
}

void idregs_init(void) {
    values_merge(true);
}

void idregs_init_cpu(void) {
    spin_lock(&idregs.lock);
    idregs.midr[arch_cpu_id()] = (uint32_t)sysreg_read(MIDR_EL1);
    values_merge(false);
    spin_unlock(&idregs.lock);
    sysreg_write(SCTLR_EL1, sysreg_read(SCTLR_EL1) | SCTLR_DZE | SCTLR_UCT | SCTLR_NTWI | SCTLR_NTWE | SCTLR_UCI);
    counter_init_cpu();
    isb();
}

// --- the trap ---

enum { CLASS_UNKNOWN = 0, CLASS_SYSTEM_REGISTER = 0x18 };
#define MPIDR_USER (1ul << 31)
#define MRS_MASK 0xffff0000u // op0, op1 and CRn with it are …
#define MRS_IDS 0xd5380000u  // … 3, 0 and, checked apart, 0

// From the syndrome if it says, else from the instruction: ID registers were undefined before they were trapped.
static bool decode(const struct arch_frame *frame, uint64_t esr, unsigned *crn, unsigned *crm, unsigned *op2,
                   unsigned *to) {
    unsigned class = esr >> 26 & 63;
    if (class == CLASS_SYSTEM_REGISTER) {
        *crn = esr >> 10 & 15;
        *crm = esr >> 1 & 15;
        *op2 = esr >> 17 & 7;
        *to = esr >> 5 & 31;
        return (esr >> 20 & 3) == 3 && (esr >> 14 & 7) == 0 && (esr & 1) != 0; // op0, op1, a read
    }
    uint32_t word;
    if (class != CLASS_UNKNOWN || get_user(word, (const uint32_t __user *)frame->pc) != 0)
        return false;
    *crn = word >> 12 & 15;
    *crm = word >> 8 & 15;
    *op2 = word >> 5 & 7;
    *to = word & 31;
    return (word & MRS_MASK & ~0xf000u) == (MRS_IDS & ~0xf000u);
}

static bool id_value(unsigned crm, unsigned op2, uint64_t *value) {
    *value = 0;
    if (crm == 0) { // MIDR, MPIDR, REVIDR
        if (op2 == 0)
            *value = sysreg_read(MIDR_EL1);
        else if (op2 == 5)
            *value = MPIDR_USER;
        return op2 == 0 || op2 == 5 || op2 == 6;
    }
    if (crm < 2 || crm > 7)
        return false;
    for (unsigned i = 0; i < ID_REGISTERS; i++)
        if (registers[i].crm == crm && registers[i].op2 == op2)
            *value = idregs.values[i];
    return true; // others, the reserved ones among them, are zero
}

bool idregs_emulate(struct arch_frame *frame, uint64_t esr) {
    unsigned crn, crm, op2, to;
    uint64_t value;
    if (!decode(frame, esr, &crn, &crm, &op2, &to) || crn != 0 || !id_value(crm, op2, &value))
        return false;
    if (to < 31)
        frame->regs[to] = value;
    frame->pc += 4;
    frame->pstate &= ~PSTATE_BTYPE;
    arch_frame_changed();
    return true;
}
