// SPDX-License-Identifier: MPL-2.0
// What Debian's libsquashfs.a wants of glibc, against which it was compiled with checked functions, and musl lacks.
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *to, const void *from, size_t size, size_t room) {
    if (size > room)
        abort();
    return memcpy(to, from, size);
}
