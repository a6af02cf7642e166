// SPDX-License-Identifier: MPL-2.0
// System V message queues and semaphores, as questions to their server. Only what concerns the caller's memory is
// checked here, in Linux's order.
#include "legacy.h"
#include "time/time_priv.h"

#include <abi/syscall_table.h>
#include <arch/uaccess.h>

enum { MESSAGE_MAX = 8192, OPERATIONS_MAX = 500, OPERATION_SIZE = 6, SEM_UNDO = 0x1000 }; // struct sembuf

long sys_msgget(int key, int flags) {
    return legacy_ask(
        &(struct legacy_call){.family = POSIX_SYSV_MESSAGES, .call = POSIX_MSGGET, .arguments = {key, flags}});
}

long sys_msgsnd(int id, const void __user *message, size_t size, int flags) {
    int64_t type;
    if (get_user(type, (const int64_t __user *)message) != 0)
        return -EFAULT;
    if (size > MESSAGE_MAX || id < 0 || type < 1)
        return -EINVAL;
    return legacy_ask(&(struct legacy_call){.family = POSIX_SYSV_MESSAGES,
                                            .call = POSIX_MSGSND,
                                            .arguments = {id, (int64_t)size, flags},
                                            .has_type = true,
                                            .type = type,
                                            .input = (const uint8_t __user *)message + sizeof type,
                                            .input_size = (uint32_t)(sizeof type + size),
                                            .interrupted = -ERESTARTNOHAND});
}

long sys_msgrcv(int id, void __user *message, size_t size, long type, int flags) {
    if ((ssize_t)size < 0 || id < 0)
        return -EINVAL;
    uint32_t room = (uint32_t)(sizeof(int64_t) + MIN(size, (size_t)MESSAGE_MAX));
    return legacy_ask(&(struct legacy_call){.family = POSIX_SYSV_MESSAGES,
                                            .call = POSIX_MSGRCV,
                                            .arguments = {id, (int64_t)size, type, flags},
                                            .output = message,
                                            .output_size = room,
                                            .interrupted = -ERESTARTNOHAND});
}

long sys_msgctl(int id, int command, void __user *buffer) {
    if (id < 0 || command < 0)
        return -EINVAL;
    return legacy_ask(&(struct legacy_call){.family = POSIX_SYSV_MESSAGES,
                                            .call = POSIX_MSGCTL,
                                            .arguments = {id, command},
                                            .input = buffer,
                                            .output = buffer,
                                            .output_size = POSIX_INPUT_MAX});
}

long sys_semget(int key, int count, int flags) {
    return legacy_ask(
        &(struct legacy_call){.family = POSIX_SYSV_SEMAPHORES, .call = POSIX_SEMGET, .arguments = {key, count, flags}});
}

// kcmp wants to know whether there may be something to undo.
static status_t note_undo(const void __user *operations, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        int16_t operation[3]; // semaphore, change, flags
        static_assert(sizeof(operation) == OPERATION_SIZE);
        if (copy_from_user(operation, (const char __user *)operations + i * sizeof(operation), sizeof(operation)) != 0)
            return -EFAULT;
        if (operation[2] & SEM_UNDO)
            atomic_store_explicit(&process_current()->undoes_semaphores, true, memory_order_relaxed);
    }
    return 0;
}

static long operate(int id, const void __user *operations, unsigned count, nsec_t deadline) {
    if (count < 1 || id < 0)
        return -EINVAL;
    if (count > OPERATIONS_MAX)
        return -E2BIG;
    status_t status = note_undo(operations, count);
    if (status != 0)
        return status;
    return legacy_ask(&(struct legacy_call){.family = POSIX_SYSV_SEMAPHORES,
                                            .call = POSIX_SEMOP,
                                            .arguments = {id, count, deadline},
                                            .input = operations,
                                            .input_size = count * OPERATION_SIZE,
                                            .interrupted = -EINTR});
}

long sys_semop(int id, const void __user *operations, unsigned count) {
    return operate(id, operations, count, NSEC_NEVER);
}

long sys_semtimedop(int id, const void __user *operations, unsigned count, const void __user *timeout) {
    nsec_t wait = NSEC_NEVER;
    if (timeout) {
        status_t status = timespec_from_user(timeout, &wait);
        if (status != 0)
            return status;
    }
    return operate(id, operations, count, deadline_after(wait));
}

long sys_semctl(int id, int number, int command, unsigned long argument) {
    if (id < 0)
        return -EINVAL;
    return legacy_ask(&(struct legacy_call){.family = POSIX_SYSV_SEMAPHORES,
                                            .call = POSIX_SEMCTL,
                                            .arguments = {id, number, command, (int)argument},
                                            .input = (const void __user *)argument,
                                            .output = (void __user *)argument,
                                            .output_size = POSIX_INPUT_MAX});
}
