// SPDX-License-Identifier: MPL-2.0
// Memory protection keys, of which there are none: what these calls say is what Linux says on a processor without them,
// which programs take for an answer (glibc, node). Using a processor's keys would cost each switch between threads the
// register with their rights.
#include <abi/mman.h>
#include <abi/syscall_table.h>
#include <lib/status.h>

long sys_pkey_alloc(unsigned long flags, unsigned long rights) {
    if (flags || (rights & ~(unsigned long)(PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE)))
        return -EINVAL;
    return -ENOSPC;
}

long sys_pkey_free(int key) {
    (void)key; // nobody has one
    return -EINVAL;
}

// With key -1 it is mprotect; all else that mprotect finds wrong comes before the key.
long sys_pkey_mprotect(unsigned long address, size_t size, unsigned long prot, int key) {
    if (key == -1)
        return sys_mprotect(address, size, prot);
    return -EINVAL;
}
