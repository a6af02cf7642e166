// SPDX-License-Identifier: MPL-2.0
// A machine with the root file system mounted, in a process: the host port's threads, mm, objects and all of the vfs.
// The test runs without a task, that is with all permissions.
#pragma once

#include "vfs_priv.h"

#include "../../sched/test/simulation.h"

static void (*vfs_test_body)(void);

static void vfs_test_start(void) {
    if (vfs_init() != 0) {
        printf("Bail out! vfs_init failed\n");
        exit(1);
    }
    vfs_test_body();
}

[[noreturn]] static void vfs_test(void (*body)(void)) {
    page_init();
    vfs_test_body = body;
    simulate(vfs_test_start);
}

// Closes a file object as its last handle would.
[[maybe_unused]] static void close_object(struct object *object) {
    object_handle_acquire(object);
    object_handle_release(object);
    object_put(object);
}

[[maybe_unused]] static ssize_t read_at(struct object *object, void *to, size_t size, loff_t at) {
    struct uio uio;
    uio_init_kernel(&uio, to, size);
    return object->ops->read(object, &uio, at < 0 ? nullptr : &at, 0);
}

[[maybe_unused]] static ssize_t write_at(struct object *object, const void *from, size_t size, loff_t at) {
    struct uio uio;
    uio_init_kernel(&uio, (void *)(uintptr_t)from, size);
    return object->ops->write(object, &uio, at < 0 ? nullptr : &at, 0);
}
