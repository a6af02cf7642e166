// SPDX-License-Identifier: MPL-2.0
// /proc/net/unix: one line a socket, as Linux prints it.
#include "unix_priv.h"

#include <lib/log.h>
#include <object/task.h>
#include <vfs/path.h>

enum { SS_UNCONNECTED = 1, SS_CONNECTING = 2, SS_CONNECTED = 3 };
#define ACCEPTS 0x10000 // SO_ACCEPTCON

static void print_name(struct text_buffer *text, const struct unix_name *name) {
    unsigned length = name->size - (unsigned)offsetof(struct abi_sockaddr_un, path);
    if (name->is_path)
        length--; // the NUL
    text_printf(text, " ");
    for (unsigned i = 0; i < length; i++)
        text_printf(text, "%c", name->address.path[i] ? name->address.path[i] : '@');
}

static void show_socket(struct unix_socket *socket, void *context) {
    struct text_buffer *text = context;
    uint64_t scope = job_scope_current();
    if (scope && socket->scope != scope)
        return;
    struct object *object = &socket->socket.object;
    spin_lock(&socket->lock);
    bool listening = socket->state == UNIX_LISTENING;
    unsigned state = socket->state == UNIX_CONNECTED    ? SS_CONNECTED
                     : socket->state == UNIX_CONNECTING ? SS_CONNECTING
                                                        : SS_UNCONNECTED;
    text_printf(text, "%016llx: %08X %08X %08X %04X %02X %5llu", 0ull, refcount_value(&object->ref), 0,
                listening ? ACCEPTS : 0, socket->socket.type, state, (unsigned long long)object->id);
    if (socket->name)
        print_name(text, socket->name);
    spin_unlock(&socket->lock);
    text_printf(text, "\n");
}

static void show(struct text_buffer *text, void *context) {
    text_printf(text, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    unix_for_each(show_socket, text);
}

void unix_proc_init(void) {
    status_t status = procfs_add("net/unix", 0444, show, nullptr, nullptr);
    if (status != 0)
        klog(LOG_ERROR, "/proc/net/unix: error %d", -status);
}
