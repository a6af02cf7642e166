// SPDX-License-Identifier: MPL-2.0
// Fuzzes classic BPF: what passes the check is run, and beside it by a second machine that looks at every step: it must
// go forward inside of the program, touch only what it may, and end with the same value.
#include "seccomp/bpf.h"

#include <string.h>

#define MUST(condition) ((condition) ? (void)0 : __builtin_trap())

struct other {
    uint32_t a, x, scratch[16];
    uint16_t written;
};

static uint32_t other_alu(unsigned op, uint32_t a, uint32_t b, bool *zero) {
    switch (op >> 4) {
    case 0:
        return a + b;
    case 1:
        return a - b;
    case 2:
        return a * b;
    case 3:
        *zero = b == 0;
        return b ? a / b : 0;
    case 4:
        return a | b;
    case 5:
        return a & b;
    case 6:
        return (uint32_t)((uint64_t)a << b % 32);
    case 7:
        return a >> b % 32;
    case 8:
        return ~a + 1;
    case 10:
        return a ^ b;
    default:
        __builtin_trap();
    }
}

static bool other_condition(unsigned op, uint32_t a, uint32_t b) {
    switch (op >> 4) {
    case 1:
        return a == b;
    case 2:
        return a > b;
    case 3:
        return !(a < b);
    case 4:
        return a & b;
    default:
        __builtin_trap();
    }
}

static uint32_t other_load(struct other *m, const struct abi_bpf_instruction *i, const uint32_t data[16]) {
    switch (i->code >> 5) {
    case 0:
        return i->k;
    case 1:
        MUST(i->k / 4 < 16 && i->k % 4 == 0);
        return data[i->k / 4];
    case 3:
        MUST(i->k < 16 && m->written >> i->k & 1);
        return m->scratch[i->k];
    case 4:
        return 64;
    default:
        __builtin_trap();
    }
}

static uint32_t other_run(const struct abi_bpf_instruction *code, unsigned length, const uint32_t data[16]) {
    struct other m = {};
    bool zero = false;
    unsigned steps = 0;
    for (size_t at = 0;; at++) {
        MUST(at < length && steps++ < length);
        const struct abi_bpf_instruction *i = &code[at];
        uint32_t operand = i->code & 8 ? m.x : i->k;
        switch (i->code % 8) {
        case 0:
            m.a = other_load(&m, i, data);
            break;
        case 1:
            m.x = other_load(&m, i, data);
            break;
        case 2:
        case 3:
            MUST(i->k < 16);
            m.scratch[i->k] = i->code == 2 ? m.a : m.x;
            m.written |= (uint16_t)(1 << i->k);
            break;
        case 4:
            m.a = other_alu(i->code & 0xf0, m.a, operand, &zero);
            if (zero)
                return 0;
            break;
        case 5:
            at += i->code == 5 ? i->k : other_condition(i->code & 0xf0, m.a, operand) ? i->if_true : i->if_false;
            break;
        case 6:
            return i->code == 0x16 ? m.a : i->k;
        default:
            if (i->code == 0x87)
                m.a = m.x;
            else
                m.x = m.a;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint16_t reach[BPF_LENGTH_MAX];
    static struct abi_bpf_instruction code[BPF_LENGTH_MAX + 1];
    struct abi_seccomp_data call;
    uint32_t words[16];
    if (size < sizeof call)
        return 0;
    memcpy(&call, data, sizeof call);
    memcpy(words, data, sizeof words);
    unsigned length = (unsigned)((size - sizeof call) / sizeof *code);
    if (length > BPF_LENGTH_MAX + 1)
        length = BPF_LENGTH_MAX + 1;
    memcpy(code, data + sizeof call, length * sizeof *code);
    // Programs of random codes hardly ever pass: every other input gets codes that exist.
    static const uint8_t known[] = {0x20, 0x80, 0x81, 0x00, 0x01, 0x60, 0x61, 0x02, 0x03, 0x06, 0x16, 0x84, 0x07, 0x87,
                                    0x05, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64,
                                    0x6c, 0x74, 0x7c, 0xa4, 0xac, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d};
    for (unsigned n = 0; size % 2 && n < length; n++) {
        code[n].code = n + 1 == length ? 0x16 : known[code[n].code % sizeof known];
        code[n].if_true %= 4, code[n].if_false %= 4;
        if (code[n].code == 5 || (code[n].code & 0x60) == 0x60 || code[n].code == 2 || code[n].code == 3)
            code[n].k %= 8;
    }
    if (bpf_check(code, length, reach) == 0)
        MUST(bpf_run(code, &call) == other_run(code, length, words));
    return 0;
}
