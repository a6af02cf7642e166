// SPDX-License-Identifier: MPL-2.0
// Debian's libsodium.a was compiled against glibc with checked functions; the one that it needs and musl lacks.
#include <stdlib.h>
#include <string.h>

void __explicit_bzero_chk(void *to, size_t size, size_t room) {
    if (size > room)
        abort();
    explicit_bzero(to, size);
}
