// SPDX-License-Identifier: MPL-2.0
// Where the current thread's memory is. Alone in its file, as those who ask for no more need no page tables.
#include <mm/aspace.h>

#include <sched/thread.h>

struct aspace *aspace_current(void) {
    struct arch_aspace *arch = arch_current()->aspace;
    return arch ? CONTAINER_OF(arch, struct aspace, arch) : nullptr;
}
