// SPDX-License-Identifier: MPL-2.0
// clang's thread-safety annotations, hidden in one place. Fields: GUARDED_BY(&lock) with the lock
// declared above the field. Functions: ACQUIRES/RELEASES/REQUIRES on the declaration in the header.
#pragma once

#ifdef __clang__
#define CAPABILITY(name) __attribute__((capability(name)))
#define GUARDED_BY(lock) __attribute__((guarded_by(lock)))
#define ACQUIRES(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...) __attribute__((release_capability(__VA_ARGS__)))
#define ACQUIRES_SHARED(...) __attribute__((acquire_shared_capability(__VA_ARGS__)))
#define RELEASES_SHARED(...) __attribute__((release_shared_capability(__VA_ARGS__)))
#define TRY_ACQUIRES(...) __attribute__((try_acquire_capability(true, __VA_ARGS__)))
#define REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define REQUIRES_SHARED(...) __attribute__((requires_shared_capability(__VA_ARGS__)))
#define EXCLUDES(...) __attribute__((locks_excluded(__VA_ARGS__)))
#define NO_THREAD_SAFETY __attribute__((no_thread_safety_analysis))
#endif
