// SPDX-License-Identifier: MPL-2.0
// Classic BPF: an accumulator A, an index X, 16 scratch words, and jumps that only go forward. So a program of n
// instructions ends after n at most, and one pass over it in order sees every way to an instruction before the
// instruction itself. Nothing here trusts the program: the check decides, before it is ever run.
#include "bpf.h"

#include <lib/string.h>

#define ALL_SCRATCH 0xffff // a bit for each word

// ---------------------------------------------------------------- the check

// The codes that a filter may use, as Linux lists them. Loads of the call's data are absolute words.
static bool is_known(uint16_t code) {
    switch (code) {
    case BPF_LD | BPF_ABS:
    case BPF_LD | BPF_LEN:
    case BPF_LDX | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_NEG:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_JMP | BPF_JA:
        return true;
    default:
        break;
    }
    uint16_t plain = code & (uint16_t)~BPF_X;
    switch (plain) {
    case BPF_ALU | BPF_ADD:
    case BPF_ALU | BPF_SUB:
    case BPF_ALU | BPF_MUL:
    case BPF_ALU | BPF_DIV:
    case BPF_ALU | BPF_AND:
    case BPF_ALU | BPF_OR:
    case BPF_ALU | BPF_XOR:
    case BPF_ALU | BPF_LSH:
    case BPF_ALU | BPF_RSH:
    case BPF_JMP | BPF_JEQ:
    case BPF_JMP | BPF_JGT:
    case BPF_JMP | BPF_JGE:
    case BPF_JMP | BPF_JSET:
        return true;
    default:
        return false;
    }
}

static bool is_scratch(uint16_t code) {
    return code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM) || code == BPF_ST || code == BPF_STX;
}

// What can be said of an instruction by itself. `rest`: how many follow it.
static bool is_sound(const struct abi_bpf_instruction *i, unsigned rest) {
    if (!is_known(i->code))
        return false;
    if (is_scratch(i->code))
        return i->k < BPF_SCRATCH_WORDS;
    switch (i->code) {
    case BPF_LD | BPF_ABS:
        return i->k % 4 == 0 && i->k < sizeof(struct abi_seccomp_data);
    case BPF_ALU | BPF_DIV | BPF_K:
        return i->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
        return i->k < 32;
    case BPF_JMP | BPF_JA:
        return i->k < rest;
    default:
        return (i->code & 7) != BPF_JMP || (i->if_true < rest && i->if_false < rest);
    }
}

// No scratch word is read that was not written on every way there. reach[n]: the words that are written on all the
// jumps to instruction n seen so far; what is known after an instruction that does not fall through is nothing.
static bool scratch_is_written(const struct abi_bpf_instruction *code, unsigned length, uint16_t *reach) {
    uint16_t written = 0;
    for (unsigned n = 0; n < length; n++)
        reach[n] = ALL_SCRATCH;
    for (unsigned n = 0; n < length; n++) {
        const struct abi_bpf_instruction *i = &code[n];
        written &= reach[n];
        if (i->code == BPF_ST || i->code == BPF_STX) {
            written |= (uint16_t)(1u << i->k);
        } else if (is_scratch(i->code)) {
            if (!(written >> i->k & 1))
                return false;
        } else if (i->code == (BPF_JMP | BPF_JA)) {
            reach[n + 1 + i->k] &= written;
            written = ALL_SCRATCH;
        } else if ((i->code & 7) == BPF_JMP) {
            reach[n + 1 + i->if_true] &= written;
            reach[n + 1 + i->if_false] &= written;
            written = ALL_SCRATCH;
        }
    }
    return true;
}

status_t bpf_check(const struct abi_bpf_instruction *code, unsigned length, uint16_t *reach) {
    if (length == 0 || length > BPF_LENGTH_MAX)
        return -EINVAL;
    for (unsigned n = 0; n < length; n++)
        if (!is_sound(&code[n], length - n - 1))
            return -EINVAL;
    if ((code[length - 1].code & 7) != BPF_RET)
        return -EINVAL;
    return scratch_is_written(code, length, reach) ? 0 : -EINVAL;
}

// ---------------------------------------------------------------- running

struct machine {
    uint32_t a, x, scratch[BPF_SCRATCH_WORDS];
};

// False: division by 0.
static bool calculate(struct machine *m, uint16_t code, uint32_t operand) {
    switch (code & 0xf0) {
    case BPF_ADD:
        m->a += operand;
        break;
    case BPF_SUB:
        m->a -= operand;
        break;
    case BPF_MUL:
        m->a *= operand;
        break;
    case BPF_DIV:
        if (operand == 0)
            return false;
        m->a /= operand;
        break;
    case BPF_OR:
        m->a |= operand;
        break;
    case BPF_AND:
        m->a &= operand;
        break;
    case BPF_LSH:
        m->a <<= operand & 31;
        break;
    case BPF_RSH:
        m->a >>= operand & 31;
        break;
    case BPF_XOR:
        m->a ^= operand;
        break;
    default: // BPF_NEG
        m->a = 0u - m->a;
        break;
    }
    return true;
}

// How many instructions to skip.
static uint32_t jump(const struct machine *m, const struct abi_bpf_instruction *i) {
    uint32_t operand = i->code & BPF_X ? m->x : i->k;
    bool holds;
    switch (i->code & 0xf0) {
    case BPF_JA:
        return i->k;
    case BPF_JEQ:
        holds = m->a == operand;
        break;
    case BPF_JGT:
        holds = m->a > operand;
        break;
    case BPF_JGE:
        holds = m->a >= operand;
        break;
    default: // BPF_JSET
        holds = (m->a & operand) != 0;
        break;
    }
    return holds ? i->if_true : i->if_false;
}

static uint32_t load(const struct machine *m, const struct abi_bpf_instruction *i,
                     const struct abi_seccomp_data *data) {
    uint32_t word;
    switch (i->code & 0xe0) {
    case BPF_ABS:
        memcpy(&word, (const char *)data + i->k, sizeof(word));
        return word;
    case BPF_MEM:
        return m->scratch[i->k];
    case BPF_LEN:
        return sizeof(*data);
    default: // BPF_IMM
        return i->k;
    }
}

uint32_t bpf_run(const struct abi_bpf_instruction *code, const struct abi_seccomp_data *data) {
    struct machine m = {};
    for (const struct abi_bpf_instruction *i = code;; i++) {
        switch (i->code & 7) {
        case BPF_LD:
            m.a = load(&m, i, data);
            break;
        case BPF_LDX:
            m.x = load(&m, i, data);
            break;
        case BPF_ST:
            m.scratch[i->k] = m.a;
            break;
        case BPF_STX:
            m.scratch[i->k] = m.x;
            break;
        case BPF_ALU:
            if (!calculate(&m, i->code, i->code & BPF_X ? m.x : i->k))
                return 0;
            break;
        case BPF_JMP:
            i += jump(&m, i);
            break;
        case BPF_RET:
            return i->code & BPF_A ? m.a : i->k;
        default: // BPF_MISC
            if (i->code & BPF_TXA)
                m.a = m.x;
            else
                m.x = m.a;
            break;
        }
    }
}
