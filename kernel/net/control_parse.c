// SPDX-License-Identifier: MPL-2.0
// Walks a buffer of control messages. Bytes from user space: every length is checked before it is used.
#include "control.h"

#include <lib/string.h>

int control_next(const uint8_t *buffer, size_t size, size_t *offset, struct control_message *out) {
    struct abi_cmsghdr header;
    if (*offset > size || size - *offset < sizeof(header))
        return 0;
    size_t room = size - *offset;
    memcpy(&header, buffer + *offset, sizeof(header));
    if (header.size < sizeof(header) || header.size > room)
        return -EINVAL;
    *out = (struct control_message){.level = header.level,
                                    .type = header.type,
                                    .data = buffer + *offset + sizeof(header),
                                    .size = header.size - sizeof(header)};
    size_t step = control_align(header.size);
    *offset = step > room ? size : *offset + step;
    return 1;
}
