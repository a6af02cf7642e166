// SPDX-License-Identifier: MPL-2.0
// Handles, and those that init gives a service: TESSERA_HANDLES in the environment says `name=number name=number …`.
#include <tessera/handle.h>

#include "native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int handle_duplicate(int handle, uint32_t rights, unsigned flags) {
    return (int)native_call(NATIVE_handle_duplicate, handle, rights, flags, 0, 0);
}

int handle_transfer(int handle, int task, uint32_t rights) {
    return (int)native_call(NATIVE_handle_transfer, handle, task, rights, 0, 0);
}

int handle_info(int handle, struct handle_info *info) {
    return (int)native_call(NATIVE_handle_info, handle, (long)info, sizeof *info, 0, 0);
}

int thread_open(int tid, unsigned flags) {
    return (int)native_call(NATIVE_thread_open, tid, flags, 0, 0, 0);
}

int vmo_clone(int vmo, unsigned flags) {
    return (int)native_call(NATIVE_vmo_clone, vmo, flags, 0, 0, 0);
}

void handle_close(int handle) {
    if (handle >= 0)
        close(handle);
}

int object_signal(int handle, uint32_t clear, uint32_t set) {
    return (int)native_call(NATIVE_object_signal, handle, clear, set, 0, 0);
}

int object_wait(struct wait_entry *entries, unsigned count, int64_t deadline) {
    return (int)native_call(NATIVE_object_wait, (long)entries, count, deadline, 0, 0);
}

int object_signal_and_wait(int handle, uint32_t clear, uint32_t set, struct wait_entry *entry, int64_t deadline) {
    return (int)native_call(NATIVE_object_signal_and_wait, handle, clear, set, (long)entry, deadline);
}

int handle_named(const char *name) {
    const char *at = getenv("TESSERA_HANDLES");
    size_t length = strlen(name);
    while (at && *at) {
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return atoi(at + length + 1);
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return -ENOENT;
}
