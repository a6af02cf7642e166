// SPDX-License-Identifier: MPL-2.0
// A QEMU plugin that counts guest instructions, for tools/insn-profile and tools/bench (tools/insns.py builds it). The
// declarations are QEMU's plugin interface, version 1 (Debian packages no header for it).
//
//   out=FILE      how often each instruction ran: lines of address and count
//   events=FILE   a line for each measurement of bench/: what ran between its two marks, and how much of it was a write
//                 of the page tables' root, a system call, or a locked or exclusive access
//   marked=on     counts for out= between the marks only
//
// The marks are instructions that do nothing and that nobody else uses (begin() and end() in bench/main.c). One CPU.
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info {
    const char *target;
};
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
enum { QEMU_PLUGIN_CB_NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op, void *to, uint64_t add);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned cpu, void *), int flags,
                                            void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);

int qemu_plugin_version = 1;

// ---------------------------------------------------------------- what an instruction is

enum kind { PLAIN, ROOT, CALL, LOCKED, MARK_BEGIN, MARK_END, KINDS };

// movz xzr, #0x7e55 and #0x7e5f; the load-exclusives, and of ARMv8.1 the atomic instructions but for LDAPR.
static enum kind kind_arm64(const uint8_t *code, size_t size) {
    uint32_t insn = 0;
    memcpy(&insn, code, size < 4 ? size : 4);
    if (insn == 0xd28fcabf)
        return MARK_BEGIN;
    if (insn == 0xd28fcbff)
        return MARK_END;
    if ((insn & 0xffffffe0) == 0xd5182000) // msr ttbr0_el1
        return ROOT;
    if ((insn & 0xffe0001f) == 0xd4000001) // svc
        return CALL;
    bool exclusive = (insn & 0x3f400000) == 0x08400000 && !(insn & 0x00a00000);            // ldxr, ldaxr
    bool pair = (insn & 0xbf600000) == 0x88600000 && !(insn & 0x00800000);                 // ldxp, ldaxp
    bool compare = (insn & 0x3fa00000) == 0x08a00000 || (insn & 0xbfa00000) == 0x08200000; // cas, casp
    bool atomic = (insn & 0x3f200c00) == 0x38200000 && (insn & 0x3ffffc00) != 0x38bfc000;
    return exclusive || pair || compare || atomic ? LOCKED : PLAIN;
}

// nopl disp32(%rax) with the marks' displacements; `lock`; xchg with memory, which locks by itself.
static enum kind kind_x86(const uint8_t *code, size_t size) {
    static const uint8_t begin[] = {0x0f, 0x1f, 0x80, 0x55, 0x7e, 0x0b, 0x0e};
    static const uint8_t end[] = {0x0f, 0x1f, 0x80, 0x55, 0x7e, 0x0d, 0x0e};
    if (size == sizeof begin && memcmp(code, begin, size) == 0)
        return MARK_BEGIN;
    if (size == sizeof end && memcmp(code, end, size) == 0)
        return MARK_END;
    size_t at = 0;
    for (; at < size && code[at] != 0 && strchr("\x66\x67\xf2\xf3\xf0\x2e\x36\x3e\x26\x64\x65", code[at]); at++)
        if (code[at] == 0xf0)
            return LOCKED;
    if (at < size && (code[at] & 0xf0) == 0x40) // REX
        at++;
    if (at + 1 >= size)
        return PLAIN;
    if ((code[at] == 0x86 || code[at] == 0x87) && code[at + 1] < 0xc0)
        return LOCKED;
    if (code[at] != 0x0f)
        return PLAIN;
    if (code[at + 1] == 0x05)
        return CALL;
    return code[at + 1] == 0x22 && at + 2 < size && (code[at + 2] & 0x38) == 0x18 ? ROOT : PLAIN; // mov …, %cr3
}

// ---------------------------------------------------------------- counting

// Open addressing; never full. `before`: what was counted outside the marks.
enum { SLOTS = 1 << 20 };
static struct slot {
    uint64_t address, count, before;
} slots[SLOTS];
static uint64_t events[KINDS], at_begin[KINDS];
static FILE *out, *event_lines;
static bool only_marked, is_arm64;

static struct slot *slot_of(uint64_t address) {
    size_t i = address * 0x9e3779b97f4a7c15u >> 44;
    while (slots[i].address != 0 && slots[i].address != address)
        i = (i + 1) % SLOTS;
    slots[i].address = address;
    return &slots[i];
}

// Takes off what runs from now on (sign -1), or up to now (1).
static void leave_out(int sign) {
    for (size_t i = 0; only_marked && i < SLOTS; i++)
        slots[i].before += (uint64_t)sign * slots[i].count;
}

static void began(unsigned cpu, void *unused) {
    leave_out(1);
    memcpy(at_begin, events, sizeof events);
}

static void finished(unsigned cpu, void *unused) {
    leave_out(-1);
    uint64_t all = 0;
    for (int kind = 0; kind < KINDS; kind++)
        all += events[kind] - at_begin[kind];
    if (event_lines)
        fprintf(event_lines, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", all, events[ROOT] - at_begin[ROOT],
                events[CALL] - at_begin[CALL], events[LOCKED] - at_begin[LOCKED]);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint8_t *code = qemu_plugin_insn_data(insn);
        size_t size = qemu_plugin_insn_size(insn);
        enum kind kind = is_arm64 ? kind_arm64(code, size) : kind_x86(code, size);
        if (out)
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                       &slot_of(qemu_plugin_insn_vaddr(insn))->count, 1);
        if (event_lines)
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &events[kind], 1);
        if (kind == MARK_BEGIN || kind == MARK_END)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, kind == MARK_BEGIN ? began : finished, QEMU_PLUGIN_CB_NO_REGS,
                                                   NULL);
    }
}

static void ended(qemu_plugin_id_t id, void *unused) {
    for (size_t i = 0; out && i < SLOTS; i++) {
        uint64_t count = only_marked ? 0 - slots[i].before : slots[i].count;
        if (count != 0)
            fprintf(out, "%" PRIx64 " %" PRIu64 "\n", slots[i].address, count);
    }
    if (out)
        fclose(out);
    if (event_lines)
        fclose(event_lines);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv) {
    is_arm64 = strcmp(info->target, "aarch64") == 0;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0 && !(out = fopen(argv[i] + 4, "w")))
            return -1;
        if (strncmp(argv[i], "events=", 7) == 0 && !(event_lines = fopen(argv[i] + 7, "w")))
            return -1;
        only_marked |= strcmp(argv[i], "marked=on") == 0;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
