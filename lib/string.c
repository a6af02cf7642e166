// SPDX-License-Identifier: MPL-2.0
// The kernel's string functions. memcpy, memmove, memset and memcmp are the port's (arch/PORT), which knows the
// fastest way; the rest is written to be short.
#include <lib/string.h>

#ifndef TESSERA_HOST
void *memchr(const void *s, int c, size_t size) {
    const unsigned char *p = s;
    for (size_t i = 0; i < size; i++)
        if (p[i] == (unsigned char)c)
            return (void *)(p + i);
    return nullptr;
}

size_t strlen(const char *s) {
    const char *end = s;
    while (*end != '\0')
        end++;
    return (size_t)(end - s);
}

size_t strnlen(const char *s, size_t max) {
    size_t n = 0;
    while (n < max && s[n] != '\0')
        n++;
    return n;
}

int strcmp(const char *a, const char *b) {
    while (*a != '\0' && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t max) {
    for (; max > 0; a++, b++, max--)
        if (*a != *b || *a == '\0')
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}

char *strchr(const char *s, int c) {
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (*s == '\0')
            return nullptr;
    }
}

char *strrchr(const char *s, int c) {
    const char *found = nullptr;
    for (;; s++) {
        if (*s == (char)c)
            found = s;
        if (*s == '\0')
            return (char *)found;
    }
}

char *strstr(const char *haystack, const char *needle) {
    size_t length = strlen(needle);
    for (; *haystack != '\0' || length == 0; haystack++) {
        if (strncmp(haystack, needle, length) == 0)
            return (char *)haystack;
    }
    return nullptr;
}
#endif

bool string_copy(char *to, const char *from, size_t size) {
    if (size == 0)
        return false;
    size_t length = strnlen(from, size);
    bool whole = length < size;
    if (!whole)
        length = size - 1;
    memcpy(to, from, length);
    to[length] = '\0';
    return whole;
}

static unsigned digit_value(char c) {
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A') + 10;
    return 99;
}

bool string_to_u64(const char *s, unsigned base, uint64_t *value) {
    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    } else if (base == 0) {
        base = s[0] == '0' ? 8 : 10;
    }
    if (*s == '\0')
        return false;
    uint64_t result = 0;
    for (; *s != '\0'; s++) {
        unsigned digit = digit_value(*s);
        if (digit >= base || __builtin_mul_overflow(result, (uint64_t)base, &result) ||
            __builtin_add_overflow(result, (uint64_t)digit, &result))
            return false;
    }
    *value = result;
    return true;
}
