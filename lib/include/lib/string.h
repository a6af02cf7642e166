// SPDX-License-Identifier: MPL-2.0
// The few string functions of the kernel; on the host they are libc's.
#pragma once

#include <lib/types.h>

#ifdef TESSERA_HOST
#include <string.h>
#else
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *s, int c, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);
#endif
#ifdef TESSERA_KASAN // these check what they touch
void *__asan_memcpy(void *to, const void *from, size_t size);
void *__asan_memmove(void *to, const void *from, size_t size);
void *__asan_memset(void *to, int byte, size_t size);
#define memcpy __asan_memcpy
#define memmove __asan_memmove
#define memset __asan_memset
#endif

// Copies at most size-1 bytes and always terminates. Returns false if it had to cut.
bool string_copy(char *to, const char *from, size_t size);
// Parses an unsigned number (base 0: 0x…, 0… or decimal). False: no digits, junk after, overflow.
MUST_USE bool string_to_u64(const char *s, unsigned base, uint64_t *value);
