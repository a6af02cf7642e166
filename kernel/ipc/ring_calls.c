// SPDX-License-Identifier: MPL-2.0
// The calls of rings. Everything else about rings is done by mmap, read, write, poll and close.
#include <abi/fcntl.h>
#include <abi/syscall_table.h>
#include <ipc/ring.h>
#include <object/handle.h>

// READ and WRITE are for the mapping, which both sides write to, and for the doorbell.
#define RING_RIGHTS (RIGHTS_READ_WRITE | RIGHT_SIGNAL)

// Two numbers, reserved and told to the user, or none.
static status_t reserve(int numbers[2], int __user *user) {
    status_t status = 0;
    numbers[0] = handle_reserve(HANDLE_CLOEXEC);
    if (numbers[0] < 0)
        return numbers[0];
    numbers[1] = handle_reserve(HANDLE_CLOEXEC);
    if (numbers[1] >= 0) {
        status = copy_to_user(user, numbers, 2 * sizeof *numbers);
        if (status == 0)
            return 0;
        handle_unreserve(numbers[1]);
    } else {
        status = numbers[1];
    }
    handle_unreserve(numbers[0]);
    return status;
}

// handles[RING_PRODUCER] and handles[RING_CONSUMER]. -EFAULT, -EINVAL, -ENOMEM, -EMFILE.
long sys_ring_create(const void __user *user, int __user *handles) {
    struct ring_options options;
    struct object *sides[2];
    int numbers[2];
    if (copy_from_user(&options, user, sizeof options) != 0)
        return -EFAULT;
    status_t status = ring_create(&options, sides);
    if (status != 0)
        return status;
    status = reserve(numbers, handles);
    for (unsigned i = 0; i < 2; i++) {
        sides[i]->status_flags = O_RDWR;
        if (status == 0)
            handle_commit(numbers[i], sides[i], RING_RIGHTS);
        else
            object_put(sides[i]);
    }
    return status;
}

// Needs RIGHT_WAIT. Waits until the number of times that the side was rung for is not `seen`, and gives it. -EPIPE,
// -ETIMEDOUT, -EINTR, -EBADF, -EACCES, -EINVAL (not a ring).
long sys_ring_wait(int handle, uint32_t seen, int64_t deadline) {
    struct handle_ref ref;
    status_t status = handle_lookup(handle, RIGHT_WAIT, &ref);
    if (status != 0)
        return status;
    status = object_is_ring(ref.object) ? ring_wait(ref.object, &seen, deadline) : -EINVAL;
    handle_release(&ref);
    return status == 0 ? (long)seen : status;
}

// Needs RIGHT_WRITE. The doorbell, as write is. -EPIPE (the other side is closed), -EBADF, -EINVAL (not a ring).
long sys_ring_bell(int handle) {
    struct handle_ref ref;
    status_t status = handle_lookup(handle, RIGHT_WRITE, &ref);
    if (status != 0)
        return status;
    status = object_is_ring(ref.object) ? ring_bell(ref.object) : -EINVAL;
    handle_release(&ref);
    return status;
}
