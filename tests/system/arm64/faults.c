// SPDX-License-Identifier: MPL-2.0
// ARM64: the exceptions that only this processor has, as signals.
#include "faults.h"

#include <sys/mman.h>

typedef void function(void);

static void instructions(void) {
    uint32_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    code[0] = 0xd420'0020; // brk #1
    code[1] = 0x0000'0000; // udf #0
    code[2] = 0xd4bf'ffe1; // dcps1, which only a debugger may use
    code[3] = 0xd400'0002; // hvc #0
    code[4] = 0xd400'0003; // smc #0
    code[5] = 0xd69f'03e0; // eret
    code[6] = 0xd508'751f; // ic iallu
    code[7] = 0xd503'47df; // msr daifset, #7
    __builtin___clear_cache((char *)code, (char *)(code + 8));
    mprotect(code, 4096, PROT_READ | PROT_EXEC);
    is(faults(((function *)code)()), SIGTRAP, "a breakpoint");
    ok(code_seen == TRAP_BRKPT && address_seen == code, "TRAP_BRKPT at its address");
    static const char *const names[] = {"undefined", "dcps1", "hvc", "smc", "eret", "ic iallu", "masking interrupts"};
    for (unsigned i = 0; i < COUNT(names); i++) {
        int signal = faults(((function *)(code + 1 + i))());
        ok(signal == SIGILL && code_seen == ILL_ILLOPC && address_seen == code + 1 + i,
           "%s: SIGILL, ILL_ILLOPC at its address", names[i]);
    }
    is(faults(((function *)((char *)code + 2))()), SIGBUS, "a crooked program counter");
    ok(code_seen == BUS_ADRALN && address_seen == (char *)code + 2, "BUS_ADRALN and the address");
    munmap(code, 4096);
}

// Tags in the top byte: ignored by loads and stores; the kernel's calls take none unless told.
static void tags(void) {
    static volatile uint32_t word = 7;
    volatile uint32_t *tagged = (volatile uint32_t *)((uintptr_t)&word | 0x5aul << 56);
    uint32_t value = 0;
    is(faults(value = *tagged), 0, "a pointer with a tag");
    is(value, 7, "reads what it would without");
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    volatile char *bad = (volatile char *)((uintptr_t)page | 0x5aul << 56);
    is(faults((void)*bad), SIGSEGV, "a fault through one");
    ok(address_seen == page, "is told without the tag");
    int pair[2];
    pipe(pair);
    fails(syscall(SYS_write, pair[1], tagged, 4), EFAULT, "system calls refuse them");
}

static void exclusives(void) {
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t value;
    is(faults(__asm__ volatile("ldxr %w0, [%1]" : "=r"(value) : "r"(page + 1))), SIGBUS, "a crooked exclusive load");
    ok(code_seen == BUS_ADRALN && address_seen == page + 1, "BUS_ADRALN and the address");
    is(faults(__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(page + 1))), 0, "others may be crooked");
}

int main(void) {
    catch_all(0);
    instructions();
    tags();
    exclusives();
    return tap_done();
}
