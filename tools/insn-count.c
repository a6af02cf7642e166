// SPDX-License-Identifier: MPL-2.0
// A QEMU plugin that counts how often each guest instruction runs. tools/insn-profile builds it, and turns its output
// into a table by function. The declarations are QEMU's plugin interface, version 1 (Debian packages no header for it).
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op, void *to, uint64_t add);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);

int qemu_plugin_version = 1;

// Open addressing; never full.
enum { SLOTS = 1 << 20 };
static struct slot {
    uint64_t address, count;
} slots[SLOTS];
static FILE *out;

static uint64_t *counter_of(uint64_t address) {
    size_t i = address * 0x9e3779b97f4a7c15u >> 44;
    while (slots[i].address != 0 && slots[i].address != address)
        i = (i + 1) % SLOTS;
    slots[i].address = address;
    return &slots[i].count;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
                                                   counter_of(qemu_plugin_insn_vaddr(insn)), 1);
    }
}

static void ended(qemu_plugin_id_t id, void *unused) {
    for (size_t i = 0; i < SLOTS; i++)
        if (slots[i].count != 0)
            fprintf(out, "%" PRIx64 " %" PRIu64 "\n", slots[i].address, slots[i].count);
    fclose(out);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv) {
    const char *path = "insn-count.txt";
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "out=", 4) == 0)
            path = argv[i] + 4;
    out = fopen(path, "w");
    if (out == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
