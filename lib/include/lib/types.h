// SPDX-License-Identifier: MPL-2.0
// The scalar types of the kernel. Typedefs exist only for scalars that must not be mixed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t paddr_t;  // physical address, bytes
typedef uintptr_t vaddr_t; // virtual address, bytes (kernel or user)
typedef int status_t;      // 0 or a negative Linux error number
typedef int64_t nsec_t;    // nanoseconds: a duration, or a point on the monotonic clock
typedef int64_t ssize_t;   // a byte count, or a negative Linux error number
typedef int64_t loff_t;    // a position in a file, bytes

#define NSEC_NEVER INT64_MAX

// The sum of two times, which stops at the ends of what can be said: a program may name any time.
static inline nsec_t nsec_sum(nsec_t a, nsec_t b) {
    nsec_t sum;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : NSEC_NEVER) : sum;
}

// Pointers into user space are a type of their own: only the functions of <arch/uaccess.h> and
// <mm/uio.h> may follow them. clang warns on a dereference and refuses to mix them with others.
#ifdef TESSERA_HOST
#define __user
#define __force
#else
#define __user __attribute__((noderef, address_space(1)))
#define __force
#endif

#define MUST_USE [[nodiscard]]
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
// Between two tests that shall not be computed as one, which takes longer if neither says no.
#define APART __atomic_signal_fence(__ATOMIC_ACQ_REL)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b)             \
    ({                        \
        __auto_type _a = (a); \
        __auto_type _b = (b); \
        _a < _b ? _a : _b;    \
    })
#define MAX(a, b)             \
    ({                        \
        __auto_type _a = (a); \
        __auto_type _b = (b); \
        _a > _b ? _a : _b;    \
    })
#define ALIGN_UP(x, a) (((x) + ((typeof(x))(a) - 1)) & ~((typeof(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((typeof(x))(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((typeof(x))(a) - 1)) == 0)

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096ul
#define PAGE_MASK (PAGE_SIZE - 1)
