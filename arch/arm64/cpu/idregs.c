// SPDX-License-Identifier: MPL-2.0
// What user mode learns of the CPU: AT_HWCAP, and the ID registers, which it reads by name as on Linux (HWCAP_CPUID).
//
// The registers are not readable in user mode; the trap is answered with a value made here. Fields that programs may
// build on show what all CPUs have and we offer; all others show what says least. So there is no SVE and no SME, and of
// MTE only its instructions. Both tables follow Linux's; hwcaps are computed from the values that user mode sees.
#include "cpu/idregs.h"
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/pstate.h"
#include "cpu/sysreg.h"
#include <arch/cpu.h>
#include <arch/percpu.h>
#include <arch/uaccess.h>
#include <sched/spinlock.h>

unsigned long arm64_hwcap, arm64_hwcap2;

enum { ISAR0, ISAR1, ISAR2, MMFR0, MMFR1, MMFR2, PFR0, PFR1, DFR0, ISAR5_32, MVFR0, MVFR1, REGISTER_COUNT };

#define FIELD(shift) (0xful << (shift))

// Registers that show anything: in the order of the enum.
static const struct {
    uint8_t crm, op2;
    uint64_t visible; // fields of which user mode sees the CPU's value
    uint64_t fixed;   // what the others show
} registers[REGISTER_COUNT] = {
    [ISAR0] = {6, 0, ~(FIELD(0) | FIELD(24) | FIELD(56)), 0},
    [ISAR1] = {6, 1, ~(FIELD(40) | FIELD(56) | FIELD(60)), 0},
    [ISAR2] = {6, 2, FIELD(0) | FIELD(4) | FIELD(8) | FIELD(12), 0},
    [MMFR0] = {7, 0, FIELD(60), 0x111ff000000}, // "no page size is supported"
    [MMFR1] = {7, 1, FIELD(44), 0},
    [MMFR2] = {7, 2, FIELD(32), 0},
    [PFR0] = {4, 0, FIELD(16) | FIELD(20) | FIELD(48), 0x11}, // EL0 and EL1 are 64-bit only
    [PFR1] = {4, 1, FIELD(0) | FIELD(4) | FIELD(8), 0},
    [DFR0] = {5, 0, 0, 6},
    // What a 32-bit program would want to know, as Linux shows it.
    [ISAR5_32] = {2, 5, FIELD(4) | FIELD(8) | FIELD(12) | FIELD(16), 0},
    [MVFR0] = {3, 0, FIELD(8), 0},
    [MVFR1] = {3, 1, FIELD(8) | FIELD(12) | FIELD(16) | FIELD(28), 0},
};

static struct {
    struct spinlock lock;            // held while a CPU comes up
    uint64_t values[REGISTER_COUNT]; // as user mode sees them
    uint32_t midr[CPU_MAX];
} idregs = {.lock = SPINLOCK_INIT};

// --- hwcaps ---

static const struct {
    uint8_t bit; // from 32: of AT_HWCAP2
    uint8_t reg, shift;
    int8_t least;
} hwcaps[] = {
    {0, PFR0, 16, 0},                                              // FP
    {1, PFR0, 20, 0},                                              // ASIMD
    {3, ISAR0, 4, 1},                                              // AES
    {4, ISAR0, 4, 2},                                              // PMULL
    {5, ISAR0, 8, 1},                                              // SHA1
    {6, ISAR0, 12, 1},                                             // SHA2
    {7, ISAR0, 16, 1},                                             // CRC32
    {8, ISAR0, 20, 2},                                             // ATOMICS
    {9, PFR0, 16, 1},                                              // FPHP
    {10, PFR0, 20, 1},                                             // ASIMDHP
    {12, ISAR0, 28, 1},                                            // ASIMDRDM
    {13, ISAR1, 12, 1},                                            // JSCVT
    {14, ISAR1, 16, 1},                                            // FCMA
    {15, ISAR1, 20, 1},                                            // LRCPC
    {16, ISAR1, 0, 1},                                             // DCPOP
    {17, ISAR0, 32, 1},                                            // SHA3
    {18, ISAR0, 36, 1},                                            // SM3
    {19, ISAR0, 40, 1},                                            // SM4
    {20, ISAR0, 44, 1},                                            // ASIMDDP
    {21, ISAR0, 12, 2},                                            // SHA512
    {23, ISAR0, 48, 1},                                            // ASIMDFHM
    {24, PFR0, 48, 1},                                             // DIT
    {25, MMFR2, 32, 1},                                            // USCAT
    {26, ISAR1, 20, 2},                                            // ILRCPC
    {27, ISAR0, 52, 1},                                            // FLAGM
    {28, PFR1, 4, 2},                                              // SSBS
    {29, ISAR1, 36, 1},                                            // SB
    {30, ISAR1, 4, 1},                                             // PACA, by QARMA5 …
    {30, ISAR1, 8, 1},                                             // … an algorithm of the maker's …
    {30, ISAR2, 12, 1},                                            // … or QARMA3
    {31, ISAR1, 24, 1},                                            // PACG
    {31, ISAR1, 28, 1},      {31, ISAR2, 8, 1}, {32, ISAR1, 0, 2}, // DCPODP
    {32 + 7, ISAR0, 52, 2},                                        // FLAGM2
    {32 + 8, ISAR1, 32, 1},                                        // FRINT
    {32 + 13, ISAR1, 52, 1},                                       // I8MM
    {32 + 14, ISAR1, 44, 1},                                       // BF16
    {32 + 15, ISAR1, 48, 1},                                       // DGH
    {32 + 16, ISAR0, 60, 1},                                       // RNG
    {32 + 17, PFR1, 0, 1},                                         // BTI
    {32 + 19, MMFR0, 60, 1},                                       // ECV
    {32 + 20, MMFR1, 44, 1},                                       // AFP
    {32 + 21, ISAR2, 4, 1},                                        // RPRES
    {32 + 31, ISAR2, 0, 2},                                        // WFXT
    // EBF16 is bit 32 of AT_HWCAP2: hwcaps_update
};
#define HWCAP_EVENT_STREAM (1ul << 2)
#define HWCAP_CPUID (1ul << 11)
#define HWCAP2_EBF16 (1ul << 32)

const char *const hwcap_names[64] = {
    [0] = "fp",        [1] = "asimd",   [2] = "evtstrm",  [3] = "aes",     [4] = "pmull",     [5] = "sha1",
    [6] = "sha2",      [7] = "crc32",   [8] = "atomics",  [9] = "fphp",    [10] = "asimdhp",  [11] = "cpuid",
    [12] = "asimdrdm", [13] = "jscvt",  [14] = "fcma",    [15] = "lrcpc",  [16] = "dcpop",    [17] = "sha3",
    [18] = "sm3",      [19] = "sm4",    [20] = "asimddp", [21] = "sha512", [23] = "asimdfhm", [24] = "dit",
    [25] = "uscat",    [26] = "ilrcpc", [27] = "flagm",   [28] = "ssbs",   [29] = "sb",       [30] = "paca",
    [31] = "pacg",     [32] = "dcpodp", [39] = "flagm2",  [40] = "frint",  [45] = "i8mm",     [46] = "bf16",
    [47] = "dgh",      [48] = "rng",    [49] = "bti",     [51] = "ecv",    [52] = "afp",      [53] = "rpres",
    [63] = "wfxt",
};

// The fields for FP and ASIMD are signed: 15 means that there is none.
static int field(unsigned reg, unsigned shift) {
    int value = (int)(idregs.values[reg] >> shift & 15);
    return reg == PFR0 && (shift == 16 || shift == 20) && value > 7 ? value - 16 : value;
}

static void hwcaps_update(void) {
    uint64_t caps[2] = {HWCAP_CPUID | HWCAP_EVENT_STREAM, 0};
    for (unsigned i = 0; i < ARRAY_SIZE(hwcaps); i++)
        if (field(hwcaps[i].reg, hwcaps[i].shift) >= hwcaps[i].least)
            caps[hwcaps[i].bit / 32] |= 1ul << hwcaps[i].bit % 32;
    if (field(ISAR1, 44) >= 2)
        caps[1] |= HWCAP2_EBF16;
    arm64_hwcap = caps[0];
    arm64_hwcap2 = caps[1];
}

// --- the values ---

static void read_all(uint64_t values[static REGISTER_COUNT]) {
    values[ISAR0] = sysreg_read(S3_0_C0_C6_0);
    values[ISAR1] = sysreg_read(S3_0_C0_C6_1);
    values[ISAR2] = sysreg_read(S3_0_C0_C6_2);
    values[MMFR0] = sysreg_read(S3_0_C0_C7_0);
    values[MMFR1] = sysreg_read(S3_0_C0_C7_1);
    values[MMFR2] = sysreg_read(S3_0_C0_C7_2);
    values[PFR0] = sysreg_read(S3_0_C0_C4_0);
    values[PFR1] = sysreg_read(S3_0_C0_C4_1);
    values[DFR0] = sysreg_read(S3_0_C0_C5_0);
    values[ISAR5_32] = sysreg_read(S3_0_C0_C2_5);
    values[MVFR0] = sysreg_read(S3_0_C0_C3_0);
    values[MVFR1] = sysreg_read(S3_0_C0_C3_1);
    // Tags are not offered: the instructions that handle them are all there is.
    if ((values[PFR1] & FIELD(8)) != 0)
        values[PFR1] = (values[PFR1] & ~FIELD(8)) | 1ul << 8;
}

// Each field's lesser value. An absent FP unit is 15, so the signed fields are compared shifted by 8.
static uint64_t lesser(uint64_t a, uint64_t b, bool is_pfr0) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64; shift += 4) {
        unsigned flip = is_pfr0 && (shift == 16 || shift == 20) ? 8 : 0;
        uint64_t x = (a >> shift & 15) ^ flip, y = (b >> shift & 15) ^ flip;
        result |= (MIN(x, y) ^ flip) << shift;
    }
    return result;
}

static void values_merge(bool first) {
    uint64_t values[REGISTER_COUNT];
    read_all(values);
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        uint64_t value = (values[i] & registers[i].visible) | registers[i].fixed;
        idregs.values[i] = first ? value : lesser(idregs.values[i], value, i == PFR0);
    }
    hwcaps_update();
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
    for (unsigned i = 0; i < REGISTER_COUNT; i++)
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
