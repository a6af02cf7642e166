// SPDX-License-Identifier: MPL-2.0
// vmo_clone: a snapshot that costs nothing until either side is written to, by write(2) or through mappings, also while
// others write, and whatever dies first.
#include "sys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <tessera/handle.h>

enum { PAGE = 4096, MIB = 1 << 20 };

static int filled(size_t size) {
    int memory = memfd_create("original", 0);
    ftruncate(memory, (off_t)size);
    unsigned char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    for (size_t i = 0; i < size; i += PAGE)
        bytes[i] = (unsigned char)(i / PAGE + 1);
    munmap(bytes, size);
    return memory;
}

static unsigned char *map(int memory, size_t size, int flags) {
    return mmap(NULL, size, PROT_READ | PROT_WRITE, flags, memory, 0);
}

static long free_kib(void) {
    const char *at = strstr(get_file("/proc/meminfo"), "MemFree:");
    return at ? atol(at + 8) : 0;
}

static void costs(void) {
    int memory = filled(16 * MIB), clones[8];
    long before = free_kib();
    bool good = true;
    for (unsigned i = 0; i < COUNT(clones); i++)
        good &= (clones[i] = vmo_clone(i ? clones[i - 1] : memory, 0)) >= 0;
    ok(good, "8 clones of 16 MiB, each of the one before");
    long cost = before - free_kib();
    ok(cost < 8 * 16 * 1024 / 50, "take less than a fiftieth of that (%ld KiB)", cost);
    unsigned char *last = map(clones[7], 16 * MIB, MAP_SHARED);
    for (size_t i = 0; i < 8 * MIB; i += PAGE)
        last[i]++;
    long written = before - free_kib() - cost;
    ok(written > 7 * 1024 && written < 9 * 1024, "writing to 8 MiB of one takes 8 MiB (%ld KiB)", written);
    for (unsigned i = 1; i < COUNT(clones) - 1; i++)
        close(clones[i]);
    close(memory);
    unsigned char byte;
    ok(pread(clones[0], &byte, 1, 9 * PAGE) == 1 && byte == 10 && last[9 * PAGE] == 11, "the rest goes, they stay");
    munmap(last, 16 * MIB), close(clones[0]), close(clones[7]);
    ok(eventually(free_kib() - before > 15 * 1024), "and with the last all is free again");
}

static void mappings(void) {
    int memory = filled(8 * PAGE);
    unsigned char *old = map(memory, 8 * PAGE, MAP_SHARED), *private = map(memory, 8 * PAGE, MAP_PRIVATE);
    ok(old[0] == 1 && private[PAGE] == 2, "two mappings");
    old[2 * PAGE] = 30, private[3 * PAGE] = 40;
    int clone = vmo_clone(memory, 0);
    unsigned char *new = map(clone, 8 * PAGE, MAP_SHARED);
    ok(new[0] == 1 && new[2 * PAGE] == 30 && new[3 * PAGE] == 4, "the clone has what is in the object");
    old[0] = 50, new[PAGE] = 60;
    ok(new[0] == 1 && old[PAGE] == 2 && private[PAGE] == 2, "stores to either are not seen in the other");
    exited(in_child({
               old[4 * PAGE] = 70;
               _exit(new[4 * PAGE] != 5);
           }),
           0, "nor are another process's");
    ok(old[4 * PAGE] == 70, "who has the same object");
    mprotect(old, 8 * PAGE, PROT_READ), mprotect(old, 8 * PAGE, PROT_READ | PROT_WRITE);
    int second = vmo_clone(memory, 0);
    mprotect(new, 8 * PAGE, PROT_READ), mprotect(new, 8 * PAGE, PROT_READ | PROT_WRITE);
    old[5 * PAGE] = 80, new[5 * PAGE] = 90;
    unsigned char byte;
    ok(pread(second, &byte, 1, 5 * PAGE) == 1 && byte == 6, "mprotect opens no way");
    ok(private[3 * PAGE] == 40, "private copies stay what they are");
    ftruncate(memory, PAGE), ftruncate(memory, 8 * PAGE);
    ok(old[6 * PAGE] == 0 && new[6 * PAGE] == 7, "nor does truncation");
    ftruncate(clone, 7 * PAGE + 1), ftruncate(clone, 8 * PAGE);
    ok(pread(second, &byte, 1, 7 * PAGE) == 1 && byte == 8, "of a part of a page neither");
    munmap(old, 8 * PAGE), munmap(new, 8 * PAGE), munmap(private, 8 * PAGE);
    close(memory), close(clone), close(second);
}

// ---------------------------------------------------------------- writers meanwhile

enum { PAGES = 64 };
static struct {
    int memory;
    unsigned char *mapped;
    _Atomic bool over;
} busy;

static void *stores(void *) {
    for (unsigned i = 0; !busy.over; i++)
        busy.mapped[i % PAGES * PAGE + i % 4000]++;
    return NULL;
}

static void *writes(void *) {
    char bytes[3 * PAGE];
    for (unsigned i = 0; !busy.over; i++) {
        memset(bytes, (int)i, sizeof bytes);
        pwrite(busy.memory, bytes, i % 2 ? sizeof bytes : 100, (off_t)(i % (PAGES - 4)) * PAGE + (i % 3 ? 0 : 50));
    }
    return NULL;
}

static bool stable(int clone) {
    static unsigned char once[PAGES * PAGE], twice[PAGES * PAGE];
    pread(clone, once, sizeof once, 0);
    sched_yield();
    unsigned char *mapped = map(clone, sizeof once, MAP_SHARED);
    bool same = !memcmp(mapped, once, sizeof once);
    mapped[5 * PAGE]++, once[5 * PAGE]++;
    pread(clone, twice, sizeof twice, 0);
    munmap(mapped, sizeof once);
    return same && !memcmp(once, twice, sizeof once);
}

static void meanwhile(void) {
    busy.memory = filled(PAGES * PAGE);
    busy.mapped = map(busy.memory, PAGES * PAGE, MAP_SHARED);
    pthread_t threads[3];
    void *(*const work[])(void *) = {stores, writes, stores};
    for (unsigned i = 0; i < COUNT(threads); i++)
        pthread_create(&threads[i], NULL, work[i], NULL);
    bool good = true;
    for (unsigned i = 0; i < 10 && good; i++) {
        int clone = vmo_clone(busy.memory, 0);
        good = clone >= 0 && stable(clone);
        close(clone);
    }
    busy.over = true;
    for (unsigned i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    ok(good, "ten clones while three threads write: none changes after it was made");
    munmap(busy.mapped, PAGES * PAGE), close(busy.memory);
}

int main(void) {
    if (!on_tessera()) {
        skip("this call is Tessera's own", "clones");
        return tap_done();
    }
    costs();
    mappings();
    meanwhile();
    return tap_done();
}
