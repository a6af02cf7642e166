// SPDX-License-Identifier: MPL-2.0
// Netlink messages: building answers, and looking into requests, which come from user space: every length is checked
// before it is used.
#include "netlink_priv.h"

#include <lib/string.h>

#define PADDING(size) (ALIGN_UP(size, (size_t)4) - (size))

static void append(struct text_buffer *answer, const void *data, size_t size) {
    static const char zeros[4];
    text_append(answer, data, size);
    text_append(answer, zeros, PADDING(size));
}

size_t netlink_begin(struct text_buffer *answer, const struct netlink_request *request, uint16_t type,
                     const void *fixed, size_t size) {
    size_t start = answer->length;
    struct abi_nlmsghdr header = {.type = type,
                                  .flags = netlink_is_dump(request) ? NLM_F_MULTI : 0,
                                  .sequence = request->header.sequence,
                                  .port = request->port};
    append(answer, &header, sizeof(header));
    append(answer, fixed, size);
    return start;
}

void netlink_add(struct text_buffer *answer, uint16_t type, const void *data, size_t size) {
    struct abi_nlattr attribute = {.size = (uint16_t)(sizeof(attribute) + size), .type = type};
    append(answer, &attribute, sizeof(attribute));
    append(answer, data, size);
}

void netlink_add_u32(struct text_buffer *answer, uint16_t type, uint32_t value) {
    netlink_add(answer, type, &value, sizeof(value));
}

void netlink_add_u8(struct text_buffer *answer, uint16_t type, uint8_t value) {
    netlink_add(answer, type, &value, sizeof(value));
}

void netlink_end(struct text_buffer *answer, size_t start) {
    if (answer->failed)
        return;
    uint32_t size = (uint32_t)(answer->length - start);
    memcpy(answer->data + start + offsetof(struct abi_nlmsghdr, size), &size, sizeof(size));
}

bool netlink_next(struct netlink_request *request, const uint8_t *data, size_t size, size_t *at) {
    if (*at >= size || size - *at < sizeof(request->header))
        return false;
    memcpy(&request->header, data + *at, sizeof(request->header));
    if (request->header.size < sizeof(request->header) || request->header.size > size - *at)
        return false;
    request->body = data + *at + sizeof(request->header);
    request->size = request->header.size - sizeof(request->header);
    *at += ALIGN_UP((size_t)request->header.size, (size_t)4);
    return true;
}

bool netlink_fixed(const struct netlink_request *request, void *to, size_t size, size_t least) {
    memset(to, 0, size);
    memcpy(to, request->body, MIN(size, request->size));
    return request->size >= least;
}

const uint8_t *netlink_attribute_sized(const struct netlink_request *request, size_t fixed, uint16_t type,
                                       size_t *size) {
    struct abi_nlattr attribute;
    size_t at = ALIGN_UP(fixed, (size_t)4);
    while (at <= request->size && request->size - at >= sizeof(attribute)) {
        memcpy(&attribute, request->body + at, sizeof(attribute));
        if (attribute.size < sizeof(attribute) || attribute.size > request->size - at)
            return nullptr;
        if (attribute.type == type) {
            *size = attribute.size - sizeof(attribute);
            return request->body + at + sizeof(attribute);
        }
        at += ALIGN_UP((size_t)attribute.size, (size_t)4);
    }
    return nullptr;
}

const uint8_t *netlink_attribute(const struct netlink_request *request, size_t fixed, uint16_t type, size_t least) {
    size_t size;
    const uint8_t *value = netlink_attribute_sized(request, fixed, type, &size);
    return value && size >= least ? value : nullptr;
}
