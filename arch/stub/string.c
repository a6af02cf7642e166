// SPDX-License-Identifier: MPL-2.0
// Porting guide: the four functions that the compiler calls by itself. Slow and right; write them in assembly.
#include <lib/string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    return memmove(to, from, size);
}

void *memmove(void *to, const void *from, size_t size) {
    volatile uint8_t *t = to; // volatile: or the compiler makes a call to memmove of it
    const uint8_t *f = from;
    if (t <= f)
        for (size_t i = 0; i < size; i++)
            t[i] = f[i];
    else
        for (size_t i = size; i-- > 0;)
            t[i] = f[i];
    return to;
}

void *memset(void *to, int byte, size_t size) {
    volatile uint8_t *t = to;
    for (size_t i = 0; i < size; i++)
        t[i] = (uint8_t)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t size) {
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < size; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}
