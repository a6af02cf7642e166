// SPDX-License-Identifier: MPL-2.0
// Control messages between user buffers and struct ancillary: SCM_RIGHTS and SCM_CREDENTIALS.
#include "control.h"
#include "net_priv.h"
#include "parcel.h"

#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/task.h>

#define CONTROL_MAX (64 * 1024) // bytes of control messages in one call

// Handles that a message carries: its SCM_RIGHTS may come in several pieces, which arrive as one.
struct handle_list {
    unsigned count;
    int32_t handles[SCM_MAX_FD];
};

static status_t take_rights(const struct control_message *message, struct handle_list *list) {
    size_t count = message->size / sizeof(int32_t);
    if (count > SCM_MAX_FD - list->count)
        return -EINVAL;
    memcpy(list->handles + list->count, message->data, count * sizeof(int32_t));
    list->count += (unsigned)count;
    return 0;
}

// A process may name itself, by any of its ids; an administrator may name others.
static status_t take_credentials(const struct control_message *message, struct ancillary *out) {
    struct abi_ucred wanted;
    if (message->size != sizeof(wanted))
        return -EINVAL;
    memcpy(&wanted, message->data, sizeof(wanted));
    const struct cred *cred = cred_current();
    bool uid_ok = wanted.uid == cred->uid || wanted.uid == cred->euid || wanted.uid == cred->suid;
    bool gid_ok = wanted.gid == cred->gid || wanted.gid == cred->egid || wanted.gid == cred->sgid;
    if ((wanted.pid != task_current()->id && !cred_has_cap(cred, CAP_SYS_ADMIN)) ||
        (!uid_ok && !cred_has_cap(cred, CAP_SETUID)) || (!gid_ok && !cred_has_cap(cred, CAP_SETGID)))
        return -EPERM;
    out->credentials = wanted;
    out->has_credentials = true;
    return 0;
}

static status_t take_all(struct socket *socket, const uint8_t *buffer, size_t size, struct ancillary *out) {
    size_t offset = 0;
    struct control_message message;
    struct handle_list list = {};
    int found;
    while ((found = control_next(buffer, size, &offset, &message)) > 0) {
        status_t status = 0;
        if (message.level != SOL_SOCKET)
            status = socket->ops->take_control ? socket->ops->take_control(socket, &message, out) : 0;
        else
            status = message.type == SCM_RIGHTS        ? take_rights(&message, &list)
                     : message.type == SCM_CREDENTIALS ? take_credentials(&message, out)
                                                       : -EINVAL;
        if (status != 0)
            return status;
    }
    return found < 0 ? found : parcel_pack(list.handles, list.count, &out->rights);
}

status_t control_from_user(struct socket *socket, const void __user *control, size_t size, struct ancillary *out) {
    out->hops = out->class = -1;
    if (size > CONTROL_MAX)
        return -ENOBUFS;
    uint8_t *buffer = kmalloc_charged(size);
    if (!buffer)
        return -ENOMEM;
    status_t status = copy_from_user(buffer, control, size);
    if (status == 0)
        status = take_all(socket, buffer, size, out);
    kfree(buffer);
    return status;
}

static bool put_message(void __user *to, struct abi_cmsghdr header, const void *data) {
    return copy_to_user(to, &header, sizeof(header)) == 0 &&
           copy_to_user((uint8_t __user *)to + sizeof(header), data, header.size - sizeof(header)) == 0;
}

static size_t put_credentials(const struct control_space *space, const struct ancillary *from, uint32_t *flags) {
    struct abi_cmsghdr header = {sizeof(header) + sizeof(from->credentials), SOL_SOCKET, SCM_CREDENTIALS};
    if (space->size < header.size || !put_message(space->buffer, header, &from->credentials)) {
        *flags |= MSG_CTRUNC;
        return 0;
    }
    return MIN(control_align(header.size), space->size);
}

static size_t put_rights(const struct control_space *space, size_t used, struct parcel *parcel, uint32_t *flags) {
    int32_t handles[SCM_MAX_FD];
    unsigned room = control_rights_room(space->size - used);
    unsigned count = parcel_unpack(parcel, handles, MIN(room, (unsigned)SCM_MAX_FD), space->close_on_exec);
    if (count < parcel->count)
        *flags |= MSG_CTRUNC;
    if (count == 0)
        return 0;
    struct abi_cmsghdr header = {sizeof(header) + count * sizeof(int32_t), SOL_SOCKET, SCM_RIGHTS};
    if (!put_message((uint8_t __user *)space->buffer + used, header, handles)) {
        for (unsigned i = 0; i < count; i++)
            (void)handle_close(handles[i]);
        *flags |= MSG_CTRUNC;
        return 0;
    }
    return MIN(control_align(header.size), space->size - used);
}

void control_add(struct ancillary *to, int level, int type, const void *data, size_t size) {
    struct abi_cmsghdr header = {sizeof(header) + size, level, type};
    if (control_align(header.size) > sizeof(to->records) - to->record_size)
        return;
    uint8_t *record = to->records + to->record_size;
    memset(record, 0, control_align(header.size));
    memcpy(record, &header, sizeof(header));
    memcpy(record + sizeof(header), data, size);
    to->record_size += (unsigned)control_align(header.size);
}

// Those records that fit wholly but for the padding of the last.
static size_t put_records(const struct control_space *space, size_t used, const struct ancillary *from,
                          uint32_t *flags) {
    size_t offset = 0, put = 0;
    struct control_message message;
    while (control_next(from->records, from->record_size, &offset, &message) > 0) {
        size_t size = sizeof(struct abi_cmsghdr) + message.size, room = space->size - used - put;
        const uint8_t *record = message.data - sizeof(struct abi_cmsghdr);
        if (size > room || copy_to_user((uint8_t __user *)space->buffer + used + put, record, size) != 0) {
            *flags |= MSG_CTRUNC;
            break;
        }
        put += MIN(control_align(size), room);
    }
    return put;
}

size_t control_to_user(const struct control_space *space, struct ancillary *from, uint32_t *flags) {
    size_t used = 0;
    if (space->credentials && from->has_credentials)
        used = put_credentials(space, from, flags);
    used += put_records(space, used, from, flags);
    if (from->rights)
        used += put_rights(space, used, from->rights, flags);
    parcel_destroy(from->rights);
    from->rights = nullptr;
    return used;
}
