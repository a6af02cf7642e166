// SPDX-License-Identifier: MPL-2.0
// port_create and port_mint.
#include "ipc_priv.h"

#include <abi/syscall_table.h>

#define PORT_RIGHTS (RIGHTS_BASIC | RIGHT_RECEIVE | RIGHT_SIGNAL)
#define SEND_RIGHTS (RIGHTS_BASIC | RIGHT_SEND | RIGHT_SIGNAL)

long sys_port_create(const void __user *user) {
    struct port_options options = {};
    if (user && copy_from_user(&options, user, sizeof options) != 0)
        return -EFAULT;
    if (!port_options_ok(&options))
        return -EINVAL;
    struct object *port = port_create(&options);
    if (!port)
        return -ENOMEM;
    int handle = handle_install(port, PORT_RIGHTS, HANDLE_CLOEXEC);
    if (handle < 0)
        object_put(port);
    return handle;
}

// Who may receive may say who may send.
long sys_port_mint(int handle, const void __user *user) {
    struct port_right options;
    struct handle_ref ref;
    struct port *port;
    struct object *right;
    if (copy_from_user(&options, user, sizeof options) != 0)
        return -EFAULT;
    if (!(options.rights & RIGHT_SEND) || (options.rights & ~(uint32_t)SEND_RIGHTS) ||
        (options.flags & ~PORT_RIGHT_ONCE))
        return -EINVAL;
    status_t status = port_lookup(handle, &ref, &port);
    if (status != 0)
        return status;
    long result = port_right_create(&port->object, &options, &right);
    handle_release(&ref);
    if (result != 0)
        return result;
    result = handle_install(right, options.rights, HANDLE_CLOEXEC);
    if (result < 0) {
        object_handle_acquire(right); // closed as any other right is
        object_put(right);
        object_handle_release(right);
    }
    return result;
}
