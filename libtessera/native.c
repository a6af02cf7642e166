// SPDX-License-Identifier: MPL-2.0
#include "native.h"

#include <errno.h>
#include <unistd.h>

long native_call(long number, long a, long b, long c, long d, long e) {
    long result = syscall(number, a, b, c, d, e);
    return result < 0 ? -errno : result;
}
