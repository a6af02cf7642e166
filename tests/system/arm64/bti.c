// SPDX-License-Identifier: MPL-2.0
// ARM64: branch target identification. In pages mapped with PROT_BTI an indirect branch must go to a landing pad.
#include "sys.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

#define BTI_PROTECTION 0x10
#define BTYPE (3ul << 10)

// What the pages hold: a function without a landing pad, and one with.
static const uint32_t code[] = {
    0x5280'00e0, // bare:   mov w0, #7
    0xd65f'03c0, //         ret
    0xd503'245f, // landed: bti c
    0x5280'0100, //         mov w0, #8
    0xd65f'03c0, //         ret
};
typedef int function(void);

static char *page;
static function *bare(void) {
    return (function *)page;
}
static function *landed(void) {
    return (function *)(page + 8);
}

static volatile int illegal, illegal_code;
static volatile uint64_t illegal_at, illegal_state;

// Goes on where the branch went, as if it had been a good one.
static void forgive(int signal, siginfo_t *info, void *context) {
    (void)signal;
    ucontext_t *uc = context;
    illegal++;
    illegal_code = info->si_code;
    illegal_at = (uint64_t)info->si_addr;
    illegal_state = uc->uc_mcontext.pstate;
    uc->uc_mcontext.pstate &= ~BTYPE;
}

static int call(function *f) {
    illegal = 0;
    register function *target __asm__("x9") = f; // any register but x16 and x17 makes a plain indirect call
    register long x0 __asm__("x0");
    __asm__ volatile("blr %1" : "=r"(x0) : "r"(target) : "x30", "x10", "x11", "memory");
    return (int)x0;
}

static void map(int protection) {
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    __builtin___clear_cache(page, page + sizeof code);
    mprotect(page, 4096, PROT_READ | PROT_EXEC | protection);
}

// A fresh page each time: an emulator may remember what a page was when it first ran.
static void pages(void) {
    map(0);
    ok(call(bare()) == 7 && call(landed()) == 8 && !illegal, "an ordinary page takes branches to anywhere");
    munmap(page, 4096);
    map(BTI_PROTECTION);
    ok(call(landed()) == 8 && !illegal, "with PROT_BTI in mprotect a landing pad is still good");
    ok(call(bare()) == 7 && illegal == 1, "anything else is illegal");
    ok(illegal_code == ILL_ILLOPC && illegal_at == (uint64_t)page, "ILL_ILLOPC where the branch went");
    is(illegal_state & BTYPE, 2ul << 10, "BTYPE in the frame tells of a call");
    exited(in_child(_exit(call(landed()) != 8 || illegal || call(bare()) != 7 || illegal != 1)), 0,
           "a child's copy is the same");
    munmap(page, 4096);
    map(BTI_PROTECTION);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
    ok(call(bare()) == 7 && !illegal, "mprotect without PROT_BTI takes it back");
    munmap(page, 4096);

    // From a file, with PROT_BTI in mmap.
    int fd = memfd_create("code", 0);
    write(fd, code, sizeof code);
    page = mmap(NULL, 4096, PROT_READ | PROT_EXEC | BTI_PROTECTION, MAP_PRIVATE, fd, 0);
    ok(page != MAP_FAILED && call(landed()) == 8 && !illegal, "PROT_BTI in mmap");
    ok(call(bare()) == 7 && illegal == 1, "is heeded");
    munmap(page, 4096);
    close(fd);
}

// A handler is entered as if by a call.
static void handlers(void) {
    map(BTI_PROTECTION);
    signal(SIGUSR1, (void (*)(int))(uintptr_t)landed());
    illegal = 0;
    raise(SIGUSR1);
    is(illegal, 0, "a signal handler that begins with a landing pad");
    signal(SIGUSR1, (void (*)(int))(uintptr_t)bare());
    raise(SIGUSR1);
    ok(illegal == 1 && illegal_at == (uint64_t)page, "one that does not");
    signal(SIGUSR1, SIG_DFL);
    munmap(page, 4096);
}

// --- a program that asks for it by a note ---

struct program {
    Elf64_Ehdr header;
    Elf64_Phdr load, property;
    struct {
        uint32_t name_size, size, type, name, property, property_size, value, pad;
    } note;
    uint32_t text[8];
};

static struct program program(uint32_t value) {
    struct program p = {.header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                                   .e_type = ET_EXEC,
                                   .e_machine = EM_AARCH64,
                                   .e_version = EV_CURRENT,
                                   .e_entry = 0x400000 + offsetof(struct program, text),
                                   .e_phoff = offsetof(struct program, load),
                                   .e_ehsize = sizeof(Elf64_Ehdr),
                                   .e_phentsize = sizeof(Elf64_Phdr),
                                   .e_phnum = 2},
                        .load = {.p_type = PT_LOAD,
                                 .p_flags = PF_R | PF_X,
                                 .p_vaddr = 0x400000,
                                 .p_filesz = sizeof p,
                                 .p_memsz = sizeof p,
                                 .p_align = 4096},
                        .property = {.p_type = PT_GNU_PROPERTY,
                                     .p_flags = PF_R,
                                     .p_offset = offsetof(struct program, note),
                                     .p_vaddr = 0x400000 + offsetof(struct program, note),
                                     .p_filesz = sizeof p.note,
                                     .p_memsz = sizeof p.note,
                                     .p_align = 8},
                        .note = {4, 16, 5, 0x0055'4e47, 0xc000'0000, 4, value, 0},
                        .text = {
                            0x1000'0069, // adr x9, bare
                            0xd63f'0120, // blr x9
                            0xd503'201f, // nop
                            0x5280'0000, // bare: mov w0, #0
                            0x5280'0ba8, // mov w8, #93 (exit)
                            0xd400'0001, // svc #0
                        }};
    return p;
}

static int run(const struct program *p) {
    unlink("program");
    int fd = open("program", O_CREAT | O_WRONLY, 0755);
    write(fd, p, sizeof *p);
    close(fd);
    return in_child({
        signal(SIGILL, SIG_DFL);
        execl("./program", "program", NULL);
        _exit(errno == ENOEXEC ? 99 : 98);
    });
}

static void notes(bool has) {
    struct program p = program(0);
    exited(run(&p), 0, "a program whose property note asks for nothing");
    p = program(1);
    if (has)
        killed(run(&p), SIGILL, "one that asks for BTI and branches to no landing pad");
    else
        exited(run(&p), 0, "one that asks for BTI runs without it");
    p = program(1);
    p.property.p_type = PT_NOTE;
    exited(run(&p), 0, "the note alone, without PT_GNU_PROPERTY");
    p = program(1);
    p.note.property_size = 8;
    exited(run(&p), 99, "a property of another size is no program");
    p = program(1);
    p.note.type = 6;
    exited(run(&p), 99, "nor is a note of another type");
}

int main(void) {
    bool has = getauxval(AT_HWCAP2) >> 17 & 1;
    struct sigaction action = {.sa_sigaction = forgive, .sa_flags = SA_SIGINFO};
    enter_temp_dir();
    sigaction(SIGILL, &action, NULL);
    notes(has);
    map(0);
    fails(mprotect(page, 4096, PROT_READ | 0x80), EINVAL, "an unknown protection");
    if (has) {
        munmap(page, 4096);
        pages();
        handlers();
    } else {
        fails(mprotect(page, 4096, PROT_READ | BTI_PROTECTION), EINVAL, "PROT_BTI is unknown");
        skip("this CPU has no BTI", "landing pads");
    }
    return tap_done();
}
