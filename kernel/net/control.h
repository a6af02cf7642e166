// SPDX-License-Identifier: MPL-2.0
// Control messages of sendmsg and recvmsg. Private to kernel/net.
#pragma once

#include <abi/socket.h>
#include <lib/status.h>
#include <lib/types.h>

// One control message in a kernel copy of the buffer.
struct control_message {
    int level, type;
    const uint8_t *data;
    size_t size;
};
// Finds the message at *offset and moves *offset behind it. 1: found; 0: no more; -EINVAL: malformed.
int control_next(const uint8_t *buffer, size_t size, size_t *offset, struct control_message *out);

ALWAYS_INLINE size_t control_align(size_t size) {
    return ALIGN_UP(size, sizeof(uint64_t));
}
// How many descriptors fit behind a header in `room` bytes.
ALWAYS_INLINE unsigned control_rights_room(size_t room) {
    return room < sizeof(struct abi_cmsghdr) + sizeof(int32_t)
               ? 0
               : (unsigned)((room - sizeof(struct abi_cmsghdr)) / sizeof(int32_t));
}

struct ancillary;
struct socket;
// sendmsg: reads the user's buffer. The parcel in *out is the caller's to destroy (0 or an error).
MUST_USE status_t control_from_user(struct socket *socket, const void __user *control, size_t size,
                                    struct ancillary *out);
// recvmsg: writes what came. Consumes out->rights. Returns the bytes used; *flags gets MSG_CTRUNC if all did not fit.
struct control_space {
    void __user *buffer;
    size_t size;
    bool credentials;   // SO_PASSCRED
    bool close_on_exec; // MSG_CMSG_CLOEXEC
};
// A family adds one to what is received; more than fits in `to` is left out.
void control_add(struct ancillary *to, int level, int type, const void *data, size_t size);
size_t control_to_user(const struct control_space *space, struct ancillary *from, uint32_t *flags);
