// SPDX-License-Identifier: MPL-2.0
// What ioctl on a pty's master does: its own commands, and the terminal's modes, which both sides share.
#include "pty.h"

#include <abi/fcntl.h>
#include <arch/uaccess.h>
#include <lib/fmt.h>
#include <object/handle.h>
#include <vfs/file.h>

static long set_lock(struct pty *pty, unsigned long argument) {
    int32_t on;
    if (get_user(on, (int32_t __user *)argument) != 0)
        return -EFAULT;
    spin_lock(&pty->lock);
    pty->locked = on != 0;
    spin_unlock(&pty->lock);
    return 0;
}

static long set_packet_mode(struct pty *pty, unsigned long argument) {
    int32_t on;
    if (get_user(on, (int32_t __user *)argument) != 0)
        return -EFAULT;
    spin_lock(&pty->lock);
    if (!pty->packet_mode)
        pty->packet_bits = 0;
    pty->packet_mode = on != 0;
    pty_update_signals_locked(pty);
    spin_unlock(&pty->lock);
    return 0;
}

static long get_state(struct pty *pty, unsigned command, unsigned long argument) {
    spin_lock(&pty->lock);
    int32_t value = command == TIOCGPTLCK ? pty->locked
                    : command == TIOCGPKT ? pty->packet_mode
                                          : (int32_t)(pty->head - pty->tail);
    spin_unlock(&pty->lock);
    return put_user(value, (int32_t __user *)argument);
}

// Opens the slave without a race for its name: the file is found where devpts is mounted.
static long open_peer(struct pty *pty, unsigned long argument) {
    char path[32];
    uint32_t flags = (uint32_t)argument;
    struct object *object;
    fmt_snprintf(path, sizeof(path), "/dev/pts/%u", pty->index);
    status_t status = vfs_open(nullptr, path, flags & ~(uint32_t)O_CLOEXEC, 0, &object);
    if (status != 0)
        return status;
    struct file *file = file_of(object);
    int handle =
        handle_install(object, file ? file_rights(file) : RIGHTS_READ_WRITE, flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (handle < 0)
        object_put(object);
    return handle;
}

static long send_signal(struct pty *pty, unsigned long signal) {
    if (signal < 1 || signal > 64)
        return -EINVAL;
    int group = tty_foreground_group(pty->tty);
    if (group > 0 && tty_job_ops)
        tty_job_ops->signal_group(group, (int)signal);
    return 0;
}

// On the master, input is what the slave's programs wrote.
static long flush_master(struct pty *pty, unsigned long queue) {
    if (queue > TCIOFLUSH)
        return -EINVAL;
    if (queue != TCOFLUSH) {
        spin_lock(&pty->lock);
        pty->tail = pty->head;
        pty_update_signals_locked(pty);
        spin_unlock(&pty->lock);
        tty_output_ready(pty->tty);
    }
    return 0;
}

long pty_master_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct pty *pty = CONTAINER_OF(object, struct pty, master);
    switch (command) {
    case TIOCGPTN:
        return put_user(pty->index, (uint32_t __user *)argument);
    case TIOCSPTLCK:
        return set_lock(pty, argument);
    case TIOCPKT:
        return set_packet_mode(pty, argument);
    case TIOCGPTLCK:
    case TIOCGPKT:
    case TIOCINQ:
        return get_state(pty, command, argument);
    case TIOCGPTPEER:
        return open_peer(pty, argument);
    case TIOCSIG:
        return send_signal(pty, argument);
    case TCFLSH:
        return flush_master(pty, argument);
    case TCSBRK: // tcdrain: what the master wrote is with the slave already
    case TCSBRKP:
        return 0;
    case TIOCOUTQ:
        return put_user(0, (int32_t __user *)argument);
    default:
        break;
    }
    long result = tty_mode_ioctl(pty->tty, command, argument, true);
    return result != -ENOTTY ? result : tty_job_ioctl(pty->tty, nullptr, command, argument);
}
