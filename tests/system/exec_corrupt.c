// SPDX-License-Identifier: MPL-2.0
// Damaged programs: whatever a file claims to be, execve refuses it or the new process dies; nothing else happens.
#include "sys.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/resource.h>

static unsigned char *image;
static size_t image_size;

static void load_self(void) {
    int fd = open("/proc/self/exe", O_RDONLY);
    struct stat info;
    fstat(fd, &info);
    image_size = info.st_size;
    image = malloc(image_size);
    size_t got = 0;
    while (got < image_size) {
        ssize_t n = read(fd, image + got, image_size - got);
        if (n <= 0)
            break;
        got += n;
    }
    close(fd);
}

// Runs a file of these bytes. Gives the errno of a refused execve, 1000 + n if signal n killed it, 2000 + its status.
static int try(const void *bytes, size_t size) {
    unlink("victim");
    int fd = open("victim", O_CREAT | O_WRONLY, 0755);
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);
        if (n <= 0)
            break;
        done += n;
    }
    close(fd);
    int report[2], error = 0;
    pipe2(report, O_CLOEXEC);
    int status = in_child({
        struct rlimit cpu = {3, 3};
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CPU, &cpu);
        setrlimit(RLIMIT_CORE, &none);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        execl("./victim", "victim", "child", NULL);
        error = errno;
        write(report[1], &error, sizeof error);
        _exit(0);
    });
    close(report[1]);
    if (read(report[0], &error, sizeof error) != sizeof error)
        error = WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : 2000 + WEXITSTATUS(status);
    close(report[0]);
    return error;
}

#define REFUSED(name, want, change)                                    \
    do {                                                               \
        unsigned char *copy = malloc(image_size);                      \
        memcpy(copy, image, image_size);                               \
        Elf64_Ehdr *header UNUSED = (void *)copy;                      \
        Elf64_Phdr *segment UNUSED = (void *)(copy + header->e_phoff); \
        change;                                                        \
        is(try(copy, image_size), want, name);                         \
        free(copy);                                                    \
    } while (0)

// Refused, or started and killed: either is sound.
static bool harmless(int result) {
    return (result > 0 && result < 1000) || result > 1000;
}

static Elf64_Phdr *first_load(unsigned char *copy) {
    Elf64_Ehdr *header = (void *)copy;
    Elf64_Phdr *segment = (void *)(copy + header->e_phoff);
    while (segment->p_type != PT_LOAD)
        segment++;
    return segment;
}

static void headers(void) {
    is(try(image, image_size), 2042, "the undamaged program runs");
    REFUSED("wrong magic", ENOEXEC, copy[0] = 0);
    REFUSED("another architecture", ENOEXEC, header->e_machine = EM_68K);
    REFUSED("an object file", ENOEXEC, header->e_type = ET_REL);
    REFUSED("a core file", ENOEXEC, header->e_type = ET_CORE);
    REFUSED("program headers of the wrong size", ENOEXEC, header->e_phentsize = 55);
    REFUSED("no program headers", ENOEXEC, header->e_phnum = 0);
    REFUSED("too many program headers", ENOEXEC, header->e_phnum = 0xffff);
    is(try(image, 10), ENOEXEC, "cut within the identification");
    is(try(image, 63), ENOEXEC, "cut within the header");
    ok(harmless(try(image, 64 + 20)), "cut within the program headers");
    ok(harmless(try(image, image_size / 3)), "cut within the code");
}

static void segments(void) {
    struct {
        const char *name;
        uint64_t field, value;
    } changes[] = {
        {"file size over memory size", offsetof(Elf64_Phdr, p_memsz), 1},
        {"an address in the kernel", offsetof(Elf64_Phdr, p_vaddr), 0xffff'8000'0000'0000},
        {"an address that wraps", offsetof(Elf64_Phdr, p_vaddr), 0xffff'ffff'ffff'f000},
        {"a non-canonical address", offsetof(Elf64_Phdr, p_vaddr), 0x1000'0000'0000'0000},
        {"a huge memory size", offsetof(Elf64_Phdr, p_memsz), 0x7fff'ffff'ffff'ffff},
        {"a memory size that wraps", offsetof(Elf64_Phdr, p_memsz), 0xffff'ffff'ffff'ffff},
        {"a huge file size", offsetof(Elf64_Phdr, p_filesz), 0x7fff'ffff'ffff'0000},
        {"an offset past the end", offsetof(Elf64_Phdr, p_offset), 0x10000000},
        {"a negative offset", offsetof(Elf64_Phdr, p_offset), 0xffff'ffff'ffff'f000},
        {"an offset unlike its address", offsetof(Elf64_Phdr, p_offset), 0x123},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        unsigned char *copy = malloc(image_size);
        memcpy(copy, image, image_size);
        memcpy((char *)first_load(copy) + changes[i].field, &changes[i].value, 8);
        int result = try(copy, image_size);
        ok(harmless(result) && result != 2042, "%s (%d)", changes[i].name, result);
        free(copy);
    }
    unsigned char *copy = malloc(image_size);
    memcpy(copy, image, image_size);
    ((Elf64_Ehdr *)copy)->e_entry = 0x10;
    is(try(copy, image_size), 1000 + SIGSEGV, "an entry point nowhere: SIGSEGV");
    memcpy(copy, image, image_size);
    ((Elf64_Ehdr *)copy)->e_entry = 0xffff'8000'0000'0000;
    is(try(copy, image_size), 1000 + SIGSEGV, "an entry point in the kernel: SIGSEGV");
    memcpy(copy, image, image_size);
    Elf64_Phdr *load = first_load(copy);
    load->p_type = PT_INTERP;
    load->p_offset = 64;
    load->p_filesz = 4096 * 3;
    ok(harmless(try(copy, image_size)), "an interpreter's name that is too long");
    load->p_filesz = 5;
    memcpy(copy + 64, "/x/y\0", 5);
    ok(harmless(try(copy, image_size)), "an interpreter that does not exist");
    free(copy);
}

static void random_damage(void) {
    uint64_t seed = 12345;
    size_t headers_size = 64 + ((Elf64_Ehdr *)image)->e_phnum * sizeof(Elf64_Phdr);
    bool good = true;
    for (int round = 0; round < 150 && good; round++) {
        unsigned char *copy = malloc(image_size);
        memcpy(copy, image, image_size);
        for (int i = 0; i < 1 + round % 4; i++) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            copy[4 + (seed >> 33) % (headers_size - 4)] = (unsigned char)(seed >> 24);
        }
        good = try(copy, image_size) != 0;
        free(copy);
    }
    ok(good, "150 headers with random bytes");
}

int main(int argc, char **argv) {
    if (argc > 1)
        return 42;
    (void)argv;
    load_self();
    enter_temp_dir();
    headers();
    segments();
    random_damage();
    return tap_done();
}
