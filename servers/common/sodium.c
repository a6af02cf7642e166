// SPDX-License-Identifier: MPL-2.0
// What Debian's libsodium.a wants of its surroundings, so that HMAC-SHA256 alone is linked and not the whole library.
#include <stdlib.h>
#include <string.h>

// It was compiled against glibc with checked functions; this is the one that musl lacks.
void __explicit_bzero_chk(void *to, size_t size, size_t room) {
    if (size > room)
        abort();
    explicit_bzero(to, size);
}

// It lies beside the library's start-up code, which asks for everything there is. It ends the program there, too.
[[noreturn]] void sodium_misuse(void) {
    abort();
}
