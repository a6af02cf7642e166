// SPDX-License-Identifier: MPL-2.0
// setsockopt and getsockopt: SOL_SOCKET for all families; the rest goes to the family.
#include "net_priv.h"
#include "net_setting.h"

#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <object/task.h>

#define OPTION_MAX 256
#define SEND_MIN 4608u
#define RECEIVE_MIN 2304u

// Options that are one bit each, kept by number.
static bool is_flag(int name) {
    switch (name) {
    case SO_DEBUG:
    case SO_REUSEADDR:
    case SO_DONTROUTE:
    case SO_BROADCAST:
    case SO_KEEPALIVE:
    case SO_OOBINLINE:
    case SO_REUSEPORT:
    case SO_PASSCRED:
    case SO_TIMESTAMP:
        return true;
    default:
        return false;
    }
}

// The kernel doubles what is asked, to leave room for its bookkeeping; programs know that.
static void set_buffer(struct socket *socket, int name, int32_t value, bool force) {
    bool send = name == SO_SNDBUF || name == SO_SNDBUFFORCE;
    uint32_t most = (uint32_t)net_setting(send ? SETTING_SEND_MAX : SETTING_RECEIVE_MAX);
    uint32_t wanted = value < 0 ? (force ? 0 : most) : (uint32_t)value;
    if (!force)
        wanted = MIN(wanted, most);
    wanted = MIN(wanted, 0x3fffffffu) * 2;
    if (send) {
        socket->send_buffer_set = true;
        atomic_store_explicit(&socket->send_buffer, MAX(wanted, SEND_MIN), memory_order_relaxed);
    } else {
        socket->receive_buffer_set = true;
        atomic_store_explicit(&socket->receive_buffer, MAX(wanted, RECEIVE_MIN), memory_order_relaxed);
    }
    if (socket->ops->options_changed)
        socket->ops->options_changed(socket);
}

static status_t set_timeout(_Atomic nsec_t *timeout, const void *value, size_t size) {
    struct abi_timeval time;
    if (size < sizeof(time))
        return -EINVAL;
    memcpy(&time, value, sizeof(time));
    if (time.microseconds < 0 || time.microseconds >= 1000000)
        return -EDOM;
    nsec_t wait = 0;
    if (time.seconds < 0)
        wait = 1; // as good as at once
    else if (time.seconds < 1000000000)
        wait = time.seconds * 1000000000 + time.microseconds * 1000;
    atomic_store_explicit(timeout, wait, memory_order_relaxed);
    return 0;
}

static status_t set_linger(struct socket *socket, const void *value, size_t size) {
    if (size < sizeof(socket->linger))
        return -EINVAL;
    memcpy(&socket->linger, value, sizeof(socket->linger));
    return 0;
}

static status_t set_flag(struct socket *socket, int name, bool on) {
    if (on)
        atomic_fetch_or_explicit(&socket->option_bits, 1u << name, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&socket->option_bits, ~(1u << name), memory_order_relaxed);
    if (name == SO_OOBINLINE && socket->ops->options_changed) // what can be read now is another thing
        socket->ops->options_changed(socket);
    return 0;
}

static status_t set_common(struct socket *socket, int name, const void *value, size_t size) {
    int32_t number;
    if (name == SO_LINGER)
        return set_linger(socket, value, size);
    if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
        return set_timeout(name == SO_RCVTIMEO ? &socket->receive_timeout : &socket->send_timeout, value, size);
    if (name == SO_BINDTODEVICE && socket->ops->set_option) // a name
        return socket->ops->set_option(socket, SOL_SOCKET, name, value, size);
    if (size < sizeof(number))
        return -EINVAL;
    memcpy(&number, value, sizeof(number));
    if (is_flag(name))
        return set_flag(socket, name, number != 0);
    switch (name) {
    case SO_SNDBUFFORCE:
    case SO_RCVBUFFORCE:
        if (!cred_has_cap(cred_current(), CAP_NET_ADMIN))
            return -EPERM;
        [[fallthrough]];
    case SO_SNDBUF:
    case SO_RCVBUF:
        set_buffer(socket, name, number, name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE);
        return 0;
    case SO_RCVLOWAT:
        atomic_store_explicit(&socket->receive_low_water, number < 0 ? INT32_MAX : MAX((uint32_t)number, 1u),
                              memory_order_relaxed);
        return 0;
    case SO_PRIORITY:
        if ((number < 0 || number > 6) && !cred_has_cap(cred_current(), CAP_NET_ADMIN))
            return -EPERM;
        socket->priority = number;
        return 0;
    case SO_MARK:
        if (!cred_has_cap(cred_current(), CAP_NET_ADMIN) && !cred_has_cap(cred_current(), CAP_NET_RAW))
            return -EPERM;
        socket->mark = number;
        return 0;
    case SO_PEEK_OFF:
        if (!socket->ops->peeks_at)
            return -EOPNOTSUPP;
        atomic_store_explicit(&socket->peek_offset, number, memory_order_relaxed);
        return 0;
    case SO_BSDCOMPAT: // of old; Linux takes it and does nothing
        return 0;
    case SO_INCOMING_CPU:
        socket->incoming_cpu = number;
        return 0;
    default:
        return socket->ops->set_option ? socket->ops->set_option(socket, SOL_SOCKET, name, value, size) : -ENOPROTOOPT;
    }
}

long sys_setsockopt(int fd, int level, int name, const void __user *user_value, int size) {
    struct handle_ref ref;
    struct socket *socket;
    uint8_t value[OPTION_MAX];
    if (size < 0)
        return -EINVAL;
    status_t status = socket_lookup(fd, 0, &ref, &socket);
    if (status != 0)
        return status;
    size_t used = MIN((size_t)size, sizeof(value));
    status = copy_from_user(value, user_value, used);
    if (status == 0 && level == SOL_SOCKET)
        status = set_common(socket, name, value, used);
    else if (status == 0)
        status = socket->ops->set_option ? socket->ops->set_option(socket, level, name, value, used) : -EOPNOTSUPP;
    handle_release(&ref);
    return status;
}

static status_t get_timeout(nsec_t timeout, void *value, size_t *size) {
    struct abi_timeval time = {timeout / 1000000000, timeout % 1000000000 / 1000};
    *size = MIN(*size, sizeof(time));
    memcpy(value, &time, *size);
    return 0;
}

static status_t get_number(struct socket *socket, int name, int32_t *number) {
    switch (name) {
    case SO_TYPE:
        *number = socket->type;
        return 0;
    case SO_DOMAIN:
        *number = socket->family;
        return 0;
    case SO_PROTOCOL:
        *number = socket->protocol;
        return 0;
    case SO_ERROR:
        *number = -socket_take_error(socket);
        return 0;
    case SO_SNDBUF:
        *number = (int32_t)socket->send_buffer;
        return 0;
    case SO_RCVBUF:
        *number = (int32_t)socket->receive_buffer;
        return 0;
    case SO_RCVLOWAT:
        *number = (int32_t)socket->receive_low_water;
        return 0;
    case SO_PEEK_OFF:
        *number = socket->peek_offset;
        return socket->ops->peeks_at ? 0 : -EOPNOTSUPP;
    case SO_SNDLOWAT:
        *number = 1;
        return 0;
    case SO_MARK:
        *number = socket->mark;
        return 0;
    case SO_INCOMING_CPU:
        *number = socket->incoming_cpu;
        return 0;
    case SO_BSDCOMPAT:
    case SO_INCOMING_NAPI_ID: // no device has queues
        *number = 0;
        return 0;
    case SO_PRIORITY:
        *number = socket->priority;
        return 0;
    default:
        if (!is_flag(name))
            return -ENOPROTOOPT;
        *number = socket_option(socket, (unsigned)name);
        return 0;
    }
}

// Linux's order: received and not read, its limit, sent and not taken, its limit, reserved, queued to be sent, for
// options, waiting for the socket's lock, lost.
static status_t get_memory(struct socket *socket, void *value, size_t *size) {
    uint32_t words[9] = {[1] = socket->receive_buffer, [3] = socket->send_buffer};
    if (socket->ops->memory)
        socket->ops->memory(socket, &words[0], &words[8]);
    *size = MIN(*size, sizeof(words));
    memcpy(value, words, *size);
    return 0;
}

static status_t get_cookie(uint64_t cookie, void *value, size_t *size) {
    if (*size < sizeof(cookie))
        return -EINVAL;
    *size = sizeof(cookie);
    memcpy(value, &cookie, sizeof(cookie));
    return 0;
}

static status_t get_common(struct socket *socket, int name, void *value, size_t *size) {
    int32_t number;
    if (name == SO_MEMINFO)
        return get_memory(socket, value, size);
    if (name == SO_COOKIE || name == SO_NETNS_COOKIE) // of this socket; of the one network that there is
        return get_cookie(name == SO_COOKIE ? socket->object.id : 1, value, size);
    if (name == SO_RCVTIMEO || name == SO_SNDTIMEO)
        return get_timeout(name == SO_RCVTIMEO ? socket->receive_timeout : socket->send_timeout, value, size);
    if (name == SO_LINGER) {
        *size = MIN(*size, sizeof(socket->linger));
        memcpy(value, &socket->linger, *size);
        return 0;
    }
    status_t status = get_number(socket, name, &number);
    if (status == -ENOPROTOOPT && socket->ops->get_option)
        return socket->ops->get_option(socket, SOL_SOCKET, name, value, size);
    if (status == 0) {
        *size = MIN(*size, sizeof(number));
        memcpy(value, &number, *size);
    }
    return status;
}

long sys_getsockopt(int fd, int level, int name, void __user *user_value, int __user *user_size) {
    struct handle_ref ref;
    struct socket *socket;
    uint8_t value[OPTION_MAX];
    int32_t room;
    status_t status = socket_lookup(fd, 0, &ref, &socket);
    if (status != 0)
        return status;
    if (get_user(room, user_size) != 0) {
        status = -EFAULT;
        goto out;
    }
    if (room < 0) {
        status = -EINVAL;
        goto out;
    }
    size_t size = MIN((size_t)room, sizeof(value));
    if (level == SOL_SOCKET)
        status = get_common(socket, name, value, &size);
    else
        status = socket->ops->get_option ? socket->ops->get_option(socket, level, name, value, &size) : -EOPNOTSUPP;
    if (status == 0 && (copy_to_user(user_value, value, size) != 0 || put_user((int32_t)size, user_size) != 0))
        status = -EFAULT;
out:
    handle_release(&ref);
    return status;
}
