// SPDX-License-Identifier: MPL-2.0
// Where the current thread's memory is, and who pays for it. Alone in its file, as those who ask for no more need no
// page tables.
#include <mm/aspace.h>

#include <sched/thread.h>

struct aspace *aspace_current(void) {
    struct arch_aspace *arch = arch_current()->aspace;
    return arch ? CONTAINER_OF(arch, struct aspace, arch) : nullptr;
}

struct memory_account *account_current(void) {
    struct aspace *aspace = arch_current() ? aspace_current() : nullptr;
    return aspace ? aspace->charge.account : nullptr;
}
