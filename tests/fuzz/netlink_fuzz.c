// SPDX-License-Identifier: MPL-2.0
// Fuzzes what looks into netlink requests: each request and each attribute that is found lies within what was sent, the
// search goes forward, and an attribute is of the type and the length that were asked for.
#include "kernel/net/netlink_priv.h"

#include <string.h>

#define MUST(condition) ((condition) ? (void)0 : __builtin_trap())
#define TYPES 8
#define LEAST_MAX 24

// For the half that builds answers, which is not called here.
void text_append(struct text_buffer *text, const char *from, size_t length) {
    (void)text, (void)from, (void)length;
    MUST(false);
}

static void look_into(const struct netlink_request *request, const uint8_t *end) {
    uint8_t fixed[32];
    MUST(request->body <= end && request->size <= (size_t)(end - request->body));
    for (size_t size = 1; size <= sizeof(fixed); size++) {
        MUST(netlink_fixed(request, fixed, size, size) == (request->size >= size));
        for (size_t i = 0; i < size; i++)
            MUST(fixed[i] == (i < request->size ? request->body[i] : 0));
    }
    for (unsigned type = 0; type < TYPES; type++) {
        for (size_t least = 0; least <= LEAST_MAX; least += 4) {
            const uint8_t *value = netlink_attribute(request, type * 3, (uint16_t)type, least);
            struct abi_nlattr attribute;
            if (!value)
                continue;
            MUST(value >= request->body + type * 3 + sizeof(attribute) && value <= end &&
                 least <= (size_t)(end - value));
            memcpy(&attribute, value - sizeof(attribute), sizeof(attribute));
            MUST(attribute.type == type && attribute.size >= sizeof(attribute) + least);
            MUST(attribute.size - sizeof(attribute) <= (size_t)(request->body + request->size - value));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct netlink_request request = {};
    for (size_t at = 0, before = 0; netlink_next(&request, data, size, &at); before = at) {
        MUST(at >= before + sizeof(request.header));
        look_into(&request, data + size);
    }
    return 0;
}
