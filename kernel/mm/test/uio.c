// SPDX-License-Identifier: MPL-2.0
// Places to copy to and from: pieces of all sizes, and faults in the middle.
#include "mm_test.h"

#include <mm/uio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char source[3000], target[3000];

// Copies through a vector of random pieces, in random steps, and compares.
static bool copy_randomly(bool kernel, bool write) {
    struct uio_vec vec[40];
    size_t total = 0;
    unsigned count = 0;
    unsigned char *side = write ? target : source;
    while (total < sizeof(source) && count < 40) {
        size_t size = random() % 3 ? (size_t)random() % 200 : 0;
        size = count == 39 ? sizeof(source) - total : MIN(size, sizeof(source) - total);
        vec[count++] = (struct uio_vec){(uintptr_t)side + total, size};
        total += size;
    }
    struct uio uio = {.vec = vec, .count = count, .kernel = kernel, .resid = total};
    memset(target, 0, sizeof(target));
    size_t done = 0;
    while (uio.resid > 0) {
        size_t step = (size_t)random() % 300;
        size_t part = write ? uio_write(&uio, source + done, step) : uio_read(&uio, target + done, step);
        if (part != MIN(step, total - done))
            return false;
        done += part;
    }
    return done == total && memcmp(source, target, total) == 0;
}

static void test_fault(void) {
    struct uio uio;
    host_fault_start = (uintptr_t)target + 100;
    host_fault_end = host_fault_start + 1000;
    uio_init_user(&uio, target, 300);
    is(uio_write(&uio, source, 300), 100, "a copy stops at the fault");
    is(uio.resid, 200, "and the place was moved by what was done");
    is(uio_write(&uio, source, 300), 0, "then nothing goes");
    uio_init_user(&uio, target, 300);
    is(uio_write_zeros(&uio, 300), 100, "zeros stop there too");
    host_fault_start = host_fault_end = 0;
}

int main(void) {
    for (size_t i = 0; i < sizeof(source); i++)
        source[i] = (unsigned char)random();
    bool good = true;
    for (unsigned i = 0; i < 200 && good; i++)
        good = copy_randomly(i & 1, i & 2);
    ok(good, "random pieces and steps, user and kernel, in and out");
    test_fault();
    struct uio uio;
    uio_init_kernel(&uio, target, 50);
    memset(target, 1, 100);
    is(uio_write_zeros(&uio, 100), 50, "zeros are clipped to the place");
    ok(target[49] == 0 && target[50] == 1, "and no more is written");
    return tap_done();
}
