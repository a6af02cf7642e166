// SPDX-License-Identifier: MPL-2.0
// TCP_INFO. What a connection here has: its state, what went in each direction, in how many pieces. It has no
// retransmissions, no round trips and no congestion window, so these are none, or what Linux begins with.
#include "inet_priv.h"

#include <lib/string.h>

#define TIMEOUT 1000000u // microseconds: what TCP waits before it has measured anything
#define FIRST_WINDOW 10
#define NO_THRESHOLD 0x7fffffff
#define FIRST_REORDERING 3
#define WINDOW_SCALE 7

static void describe_stream(struct stream *stream, unsigned side, struct abi_tcp_info *info) {
    spin_lock(&stream->lock);
    const struct stream_end *mine = &stream->end[side], *other = &stream->end[!side];
    info->bytes_received = mine->received;
    info->bytes_sent = other->received;
    info->bytes_acked = other->received + 1; // and the one that stands for the beginning
    info->data_segments_in = (uint32_t)mine->pieces;
    info->data_segments_out = (uint32_t)other->pieces;
    info->segments_in = info->data_segments_in + 1; // and the answer to the beginning
    info->segments_out = info->data_segments_out + 2;
    info->delivered = info->data_segments_out + 1;
    info->window = other->limit > other->bytes ? other->limit - other->bytes : 0;
    spin_unlock(&stream->lock);
}

static void describe(struct tcp_socket *socket, struct abi_tcp_info *info) {
    spin_lock(&inet_lock);
    struct stream *stream = tcp_stream(socket);
    uint32_t segment = inet_address_is_v4(&socket->inet.claim.local.address) ? PIECE_MAX : PIECE_MAX - IPV6_LONGER;
    *info = (struct abi_tcp_info){.state = (uint8_t)inet_claim_state(&socket->inet.claim),
                                  .timeout = TIMEOUT,
                                  .send_segment = stream ? segment : 536,
                                  .receive_segment = stream ? segment : 536,
                                  .path_mtu = stream ? 65535 : 0,
                                  .receive_threshold = segment,
                                  .send_threshold = NO_THRESHOLD,
                                  .send_window = FIRST_WINDOW,
                                  .advertised = stream ? segment : 0,
                                  .reordering = FIRST_REORDERING,
                                  .receive_space = socket->inet.socket.receive_buffer / 2,
                                  .pacing_rate_max = UINT64_MAX};
    if (stream) {
        info->options = TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE;
        info->window_scales = WINDOW_SCALE | WINDOW_SCALE << 4;
        describe_stream(stream, socket->side, info);
    } else if (info->state == TCP_LISTEN) { // the backlog: how much is in it, and its size
        info->unacked = socket->backlog_length;
        info->sacked = socket->backlog_max;
    }
    spin_unlock(&inet_lock);
}

status_t tcp_get_option(struct socket *base, int level, int name, void *value, size_t *size) {
    struct abi_tcp_info info;
    if (level != IPPROTO_TCP || name != TCP_INFO)
        return inet_get_option(base, level, name, value, size);
    describe(to_tcp(base), &info);
    *size = MIN(*size, sizeof(info));
    memcpy(value, &info, *size);
    return 0;
}
