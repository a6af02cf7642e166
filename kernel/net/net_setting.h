// SPDX-License-Identifier: MPL-2.0
// Settings of sockets that an administrator may change: /proc/sys/net. Private to kernel/net.
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

enum net_setting {
    SETTING_BACKLOG, // the longest that listen gives
    SETTING_RECEIVE_MAX,
    SETTING_SEND_MAX,
    SETTING_RECEIVE_BUFFER,
    SETTING_SEND_BUFFER,
    SETTING_FIRST_PORT, // of those that the kernel chooses
    SETTING_LAST_PORT,
    SETTING_PRIVILEGED_PORTS, // those below it
    SETTING_NONLOCAL_BIND,
    SETTING_NONLOCAL_BIND6,
    SETTING_TTL,
    SETTING_IGNORE_ECHO,
    SETTING_V6ONLY,
    SETTING_KEEPALIVE_TIME,
    SETTING_KEEPALIVE_INTERVAL,
    SETTING_KEEPALIVE_PROBES,
    SETTING_TCP_RECEIVE_LEAST,
    SETTING_TCP_RECEIVE_BUFFER,
    SETTING_TCP_RECEIVE_MOST,
    SETTING_TCP_SEND_LEAST,
    SETTING_TCP_SEND_BUFFER,
    SETTING_TCP_SEND_MOST,
    SETTING_OTHERS // those that nothing here asks for
};
#define NET_SETTINGS 80

extern _Atomic int32_t net_settings[NET_SETTINGS];
ALWAYS_INLINE int32_t net_setting(enum net_setting setting) {
    return atomic_load_explicit(&net_settings[setting], memory_order_relaxed);
}
