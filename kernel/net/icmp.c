// SPDX-License-Identifier: MPL-2.0
// ICMP of both versions: answers echo requests, tells who sends to a port or a protocol that is not there, and hands
// answers and errors to the sockets that wait for them.
//
// An error quotes the packet that it is about. The quoted addresses and the first bytes behind the quoted header lead
// to the socket that sent it; who may write ICMP packets by hand (CAP_NET_RAW) may tell of errors that never were.
#include "net_setting.h"
#include "wire.h"

#include <lib/string.h>

#define QUOTE_V4 548u        // of a packet of 576 bytes
#define QUOTE_V6 1232u       // of IPv6's least MTU
#define CLASS_OF_ERRORS 0xc0 // "internetwork control"
#define QUOTED_LEAST 8u      // bytes behind the quoted header

static void finish(struct wire *wire, struct abi_icmp_header *header) {
    header->checksum = 0;
    memcpy(wire->data, header, sizeof(*header));
    header->checksum = wire_checksum(wire, wire->size);
    memcpy(wire->data, header, sizeof(*header));
    wire_seal(wire);
    wire_carry(wire);
}

// --- what is sent ---

static void answer_echo(const struct wire *request, struct abi_icmp_header header) {
    struct wire *reply = inet_address_is_local(&request->from) ? wire_create(request->v4, request->size) : nullptr;
    if (!reply)
        return;
    reply->protocol = request->protocol;
    reply->class = request->class;
    reply->from = request->to;
    reply->to = request->from;
    memcpy(reply->data, request->data, request->size);
    header.type = request->v4 ? ICMP_ECHO_REPLY : ICMP6_ECHO_REPLY;
    finish(reply, &header);
    wire_free(reply);
}

// Errors are not answered by errors.
static bool is_error(const struct wire *wire) {
    if (wire->protocol != (wire->v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return false;
    uint8_t type = wire->size > 0 ? wire->data[0] : 0;
    return wire->v4 ? type != ICMP_ECHO && type != ICMP_ECHO_REPLY : type < ICMP6_ECHO;
}

void icmp_refuse(const struct wire *about, enum icmp_refuse what) {
    bool port = what == ICMP_REFUSE_PORT, v4 = about->v4;
    uint32_t size = MIN(about->header_size + about->size, v4 ? QUOTE_V4 : QUOTE_V6);
    struct abi_icmp_header header = {};
    if (!inet_address_is_local(&about->from) || !inet_address_is_local(&about->to) || is_error(about))
        return;
    struct wire *wire = wire_create(v4, sizeof(header) + size);
    if (!wire)
        return;
    wire->protocol = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    wire->class = v4 ? CLASS_OF_ERRORS : 0;
    wire->from = about->to;
    wire->to = about->from;
    memcpy(wire->data + sizeof(header), about->data - about->header_size, size);
    if (v4) {
        header.type = ICMP_UNREACHABLE;
        header.code = port ? ICMP_UNREACHABLE_PORT : ICMP_UNREACHABLE_PROTOCOL;
    } else {
        header.type = port ? ICMP6_UNREACHABLE : ICMP6_PARAMETER;
        header.code = port ? ICMP6_UNREACHABLE_PORT : ICMP6_PARAMETER_HEADER;
        if (!port)
            header.sequence = network_16(offsetof(struct abi_ip6_header, protocol));
    }
    finish(wire, &header);
    wire_free(wire);
}

// --- what comes in ---

struct meaning {
    uint8_t error;
    bool fatal;
};

static struct meaning meaning_v4(uint8_t type, uint8_t code) {
    static const struct meaning unreachable[] = {
        {ENETUNREACH, false},  {EHOSTUNREACH, false}, {ENOPROTOOPT, true},  {ECONNREFUSED, true},
        {EMSGSIZE, false},     {EOPNOTSUPP, false},   {ENETUNREACH, true},  {EHOSTDOWN, true},
        {ENONET, true},        {ENETUNREACH, true},   {EHOSTUNREACH, true}, {ENETUNREACH, false},
        {EHOSTUNREACH, false}, {EHOSTUNREACH, true},  {EHOSTUNREACH, true}, {EHOSTUNREACH, true},
    };
    if (type == ICMP_UNREACHABLE)
        return code < ARRAY_SIZE(unreachable) ? unreachable[code] : (struct meaning){};
    return type == ICMP_PARAMETER ? (struct meaning){EPROTO, true} : (struct meaning){EHOSTUNREACH, false};
}

static struct meaning meaning_v6(uint8_t type, uint8_t code) {
    static const struct meaning unreachable[] = {{ENETUNREACH, false},  {EACCES, true},       {EHOSTUNREACH, false},
                                                 {EHOSTUNREACH, false}, {ECONNREFUSED, true}, {EACCES, true},
                                                 {EACCES, true}};
    if (type == ICMP6_UNREACHABLE)
        return code < ARRAY_SIZE(unreachable) ? unreachable[code] : (struct meaning){EPROTO, false};
    return type == ICMP6_TOO_BIG     ? (struct meaning){EMSGSIZE, false}
           : type == ICMP6_PARAMETER ? (struct meaning){EPROTO, true}
                                     : (struct meaning){EHOSTUNREACH, false};
}

// The quoted packet of an error: from which socket, to where, and what was in it.
static bool parse_quote(const struct wire *wire, struct inet_error *error) {
    const uint8_t *quote = wire->data + sizeof(struct abi_icmp_header);
    size_t size = wire->size - sizeof(struct abi_icmp_header), header;
    if (wire->v4) {
        struct abi_ip_header ip;
        if (size < sizeof(ip))
            return false;
        memcpy(&ip, quote, sizeof(ip));
        header = (ip.version & 15) * 4u;
        error->protocol = ip.protocol;
        error->local.address = inet_address_v4(ip.from);
        error->remote.address = inet_address_v4(ip.to);
        if (header < sizeof(ip))
            return false;
    } else {
        struct abi_ip6_header ip;
        if (size < sizeof(ip))
            return false;
        memcpy(&ip, quote, sizeof(ip));
        header = sizeof(ip);
        error->protocol = ip.protocol;
        memcpy(error->local.address.bytes, ip.from, sizeof(ip.from));
        memcpy(error->remote.address.bytes, ip.to, sizeof(ip.to));
    }
    if (size < header + QUOTED_LEAST)
        return false;
    error->data = quote + header;
    error->size = size - header;
    return true;
}

static void take_error(const struct wire *wire, const struct abi_icmp_header *header) {
    struct inet_error error = {.v4 = wire->v4, .type = header->type, .code = header->code, .offender = wire->from};
    struct meaning meaning = wire->v4 ? meaning_v4(header->type, header->code) : meaning_v6(header->type, header->code);
    if (meaning.error == 0 || !parse_quote(wire, &error))
        return;
    error.error = meaning.error;
    error.fatal = meaning.fatal;
    if (wire->v4 && header->type == ICMP_UNREACHABLE && header->code == ICMP_FRAGMENTATION_NEEDED)
        error.info = network_16(header->sequence);
    else if (!wire->v4 && (header->type == ICMP6_TOO_BIG || header->type == ICMP6_PARAMETER))
        error.info = (uint32_t)network_16(header->id) << 16 | network_16(header->sequence);
    raw_fail(&error);
    if (error.protocol == IPPROTO_UDP || error.protocol == IPPROTO_UDPLITE)
        udp_fail(&error);
    else if (error.protocol == wire->protocol)
        ping_fail(&error);
}

static void count_message(bool v4, uint8_t type) {
    inet_count(type == (v4 ? ICMP_ECHO : ICMP6_ECHO)                 ? COUNT_ICMP_ECHOS
               : type == (v4 ? ICMP_ECHO_REPLY : ICMP6_ECHO_REPLY)   ? COUNT_ICMP_REPLIES
               : type == (v4 ? ICMP_UNREACHABLE : ICMP6_UNREACHABLE) ? COUNT_ICMP_REFUSALS
                                                                     : COUNT_ICMP_OTHERS,
               !v4, 1);
}

void icmp_input(const struct wire *wire) {
    struct abi_icmp_header header;
    if (wire->size < sizeof(header) || wire_checksum(wire, wire->size) != 0) {
        inet_count(COUNT_ICMP_BAD, !wire->v4, 1);
        return;
    }
    memcpy(&header, wire->data, sizeof(header));
    uint8_t type = header.type;
    count_message(wire->v4, type);
    if (type == (wire->v4 ? ICMP_ECHO : ICMP6_ECHO) && !(wire->v4 && net_setting(SETTING_IGNORE_ECHO)))
        answer_echo(wire, header);
    else if (type == (wire->v4 ? ICMP_ECHO_REPLY : ICMP6_ECHO_REPLY))
        ping_input(wire);
    else if (wire->v4 ? type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER
                      : type >= ICMP6_UNREACHABLE && type <= ICMP6_PARAMETER)
        take_error(wire, &header);
}
