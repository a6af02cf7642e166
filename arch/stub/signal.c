// SPDX-License-Identifier: MPL-2.0
// Porting guide: signal frames, laid out as this architecture's Linux does, vector state included. Keep clear of the
// red zone, if the ABI has one. Whatever comes back from user space is replaced or checked: modes, flags, selectors,
// alignment. Both end the system call (arch_frame_syscall_number -1) and call arch_frame_changed.
#include <arch/thread.h>
#include <lib/status.h>

status_t arch_signal_push(const struct arch_signal *signal) {
    return -EFAULT;
}
status_t arch_signal_pop(uint64_t *blocked, vaddr_t *altstack_base, size_t *altstack_size, int *altstack_flags) {
    return -EFAULT;
}
