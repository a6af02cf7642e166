// SPDX-License-Identifier: MPL-2.0
// /proc/sys/net: a table of numbers in Linux's ranges. Those that mean something for what is here are asked for where
// it matters (enum net_setting). The others are about networks, lost segments and congestion, which lo has not: they
// are kept and given back, so that a system's settings can be made.
#include "net_setting.h"
#include "inet_priv.h"

#include <lib/fmt.h>
#include <lib/log.h>
#include <vfs/path.h>

#define NUMBERS_MAX 3 // in one file
#define DIGITS_MAX 10

struct setting {
    const char *path; // in sys/net
    unsigned place;   // of the first number
    unsigned count;
    int32_t least, most;
    int32_t initial[NUMBERS_MAX];
};

#define OTHER(n) (SETTING_OTHERS + (n))
static const struct setting settings[] = {
    {"core/somaxconn", SETTING_BACKLOG, 1, 0, INT32_MAX, {4096}},
    {"core/rmem_max", SETTING_RECEIVE_MAX, 1, 2304, INT32_MAX, {212992}},
    {"core/wmem_max", SETTING_SEND_MAX, 1, 4608, INT32_MAX, {212992}},
    {"core/rmem_default", SETTING_RECEIVE_BUFFER, 1, 2304, INT32_MAX, {212992}},
    {"core/wmem_default", SETTING_SEND_BUFFER, 1, 4608, INT32_MAX, {212992}},
    {"core/netdev_max_backlog", OTHER(0), 1, INT32_MIN, INT32_MAX, {1000}},
    {"core/optmem_max", OTHER(1), 1, INT32_MIN, INT32_MAX, {20480}},
    {"core/busy_poll", OTHER(2), 1, 0, INT32_MAX, {0}},
    {"core/busy_read", OTHER(3), 1, 0, INT32_MAX, {0}},
    {"ipv4/ip_local_port_range", SETTING_FIRST_PORT, 2, 1, 65535, {32768, 60999}},
    {"ipv4/ip_unprivileged_port_start", SETTING_PRIVILEGED_PORTS, 1, 0, 65535, {1024}},
    {"ipv4/ip_nonlocal_bind", SETTING_NONLOCAL_BIND, 1, 0, 255, {0}},
    {"ipv4/ip_default_ttl", SETTING_TTL, 1, 1, 255, {64}},
    {"ipv4/ip_forward", OTHER(4), 1, INT32_MIN, INT32_MAX, {0}},
    {"ipv4/ip_no_pmtu_disc", OTHER(5), 1, 0, 255, {0}},
    {"ipv4/icmp_echo_ignore_all", SETTING_IGNORE_ECHO, 1, 0, 1, {0}},
    {"ipv4/icmp_echo_ignore_broadcasts", OTHER(6), 1, 0, 1, {1}},
    {"ipv4/icmp_ignore_bogus_error_responses", OTHER(7), 1, 0, 1, {1}},
    {"ipv4/icmp_ratelimit", OTHER(8), 1, INT32_MIN, INT32_MAX, {1000}},
    {"ipv4/tcp_keepalive_time", SETTING_KEEPALIVE_TIME, 1, 1, 32767, {7200}},
    {"ipv4/tcp_keepalive_intvl", SETTING_KEEPALIVE_INTERVAL, 1, 1, 32767, {75}},
    {"ipv4/tcp_keepalive_probes", SETTING_KEEPALIVE_PROBES, 1, 1, 127, {9}},
    {"ipv4/tcp_rmem", SETTING_TCP_RECEIVE_LEAST, 3, 1, INT32_MAX, {4096, 131072, 6291456}},
    {"ipv4/tcp_wmem", SETTING_TCP_SEND_LEAST, 3, 1, INT32_MAX, {4096, 16384, 4194304}},
    {"ipv4/tcp_mem", OTHER(9), 3, 0, INT32_MAX, {20832, 27778, 41664}},
    {"ipv4/udp_mem", OTHER(12), 3, 0, INT32_MAX, {41667, 55557, 83334}},
    {"ipv4/udp_rmem_min", OTHER(15), 1, 1, INT32_MAX, {4096}},
    {"ipv4/udp_wmem_min", OTHER(16), 1, 1, INT32_MAX, {4096}},
    {"ipv4/tcp_syncookies", OTHER(17), 1, 0, 255, {1}},
    {"ipv4/tcp_timestamps", OTHER(18), 1, 0, 255, {1}},
    {"ipv4/tcp_sack", OTHER(19), 1, 0, 255, {1}},
    {"ipv4/tcp_dsack", OTHER(20), 1, 0, 255, {1}},
    {"ipv4/tcp_fack", OTHER(21), 1, 0, 255, {0}},
    {"ipv4/tcp_window_scaling", OTHER(22), 1, 0, 255, {1}},
    {"ipv4/tcp_tw_reuse", OTHER(23), 1, 0, 2, {2}},
    {"ipv4/tcp_fin_timeout", OTHER(24), 1, INT32_MIN, INT32_MAX, {60}},
    {"ipv4/tcp_max_syn_backlog", OTHER(25), 1, INT32_MIN, INT32_MAX, {128}},
    {"ipv4/tcp_max_tw_buckets", OTHER(26), 1, INT32_MIN, INT32_MAX, {8192}},
    {"ipv4/tcp_max_orphans", OTHER(27), 1, INT32_MIN, INT32_MAX, {8192}},
    {"ipv4/tcp_orphan_retries", OTHER(28), 1, 0, 255, {0}},
    {"ipv4/tcp_syn_retries", OTHER(29), 1, 1, 127, {6}},
    {"ipv4/tcp_synack_retries", OTHER(30), 1, 0, 255, {5}},
    {"ipv4/tcp_retries1", OTHER(31), 1, 0, 255, {3}},
    {"ipv4/tcp_retries2", OTHER(32), 1, 0, 255, {15}},
    {"ipv4/tcp_ecn", OTHER(33), 1, 0, 2, {2}},
    {"ipv4/tcp_fastopen", OTHER(34), 1, INT32_MIN, INT32_MAX, {1}},
    {"ipv4/tcp_mtu_probing", OTHER(35), 1, 0, 255, {0}},
    {"ipv4/tcp_moderate_rcvbuf", OTHER(36), 1, 0, 255, {1}},
    {"ipv4/tcp_no_metrics_save", OTHER(37), 1, 0, 255, {0}},
    {"ipv4/tcp_slow_start_after_idle", OTHER(38), 1, 0, 255, {1}},
    {"ipv4/tcp_rfc1337", OTHER(39), 1, 0, 255, {0}},
    {"ipv4/tcp_abort_on_overflow", OTHER(40), 1, 0, 255, {0}},
    {"ipv4/tcp_low_latency", OTHER(41), 1, 0, 255, {0}},
    {"ipv4/tcp_notsent_lowat", OTHER(42), 1, INT32_MIN, INT32_MAX, {INT32_MAX}},
    {"ipv6/bindv6only", SETTING_V6ONLY, 1, 0, 255, {0}},
    {"ipv6/ip_nonlocal_bind", SETTING_NONLOCAL_BIND6, 1, 0, 255, {0}},
};
static_assert(OTHER(43) <= NET_SETTINGS);

_Atomic int32_t net_settings[NET_SETTINGS];

// --- numbers ---

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

// Reads decimal numbers. How many there are; -EINVAL: something else, or more than NUMBERS_MAX.
static int parse_numbers(const char *text, size_t size, int64_t *out) {
    int count = 0;
    for (size_t i = 0; i < size;) {
        if (is_space(text[i])) {
            i++;
            continue;
        }
        if (count == NUMBERS_MAX)
            return -EINVAL;
        bool negative = text[i] == '-';
        int64_t value = 0;
        size_t start = i += negative;
        for (; i < size && text[i] >= '0' && text[i] <= '9' && i - start < DIGITS_MAX; i++)
            value = value * 10 + (text[i] - '0');
        if (i == start || (i < size && !is_space(text[i])))
            return -EINVAL;
        out[count++] = negative ? -value : value;
    }
    return count;
}

static void setting_show(struct text_buffer *text, void *context) {
    const struct setting *setting = context;
    for (unsigned i = 0; i < setting->count; i++)
        text_printf(text, "%s%d", i > 0 ? "\t" : "",
                    atomic_load_explicit(&net_settings[setting->place + i], memory_order_relaxed));
    text_printf(text, "\n");
}

// Fewer numbers than there are change the first ones.
static ssize_t setting_store(void *context, const char *from, size_t size) {
    const struct setting *setting = context;
    int64_t value[NUMBERS_MAX];
    int count = parse_numbers(from, size, value);
    if (count < 1 || (unsigned)count > setting->count)
        return -EINVAL;
    for (int i = 0; i < count; i++)
        if (value[i] < setting->least || value[i] > setting->most)
            return -EINVAL;
    if (setting->place == SETTING_FIRST_PORT && (count != 2 || value[0] > value[1]))
        return -EINVAL;
    for (int i = 0; i < count; i++)
        atomic_store_explicit(&net_settings[setting->place + (unsigned)i], (int32_t)value[i], memory_order_relaxed);
    return (ssize_t)size;
}

// --- who may ping ---

static void ping_groups_show(struct text_buffer *text, void *context) {
    uint64_t range = atomic_load_explicit(&ping_groups, memory_order_relaxed);
    text_printf(text, "%u\t%u\n", (unsigned)(range >> 32), (unsigned)range);
}

static ssize_t ping_groups_store(void *context, const char *from, size_t size) {
    int64_t value[NUMBERS_MAX];
    if (parse_numbers(from, size, value) != 2 || value[0] < 0 || value[1] < 0 || value[0] > INT32_MAX ||
        value[1] > INT32_MAX)
        return -EINVAL;
    if (value[0] > value[1]) { // nobody
        value[0] = 1;
        value[1] = 0;
    }
    atomic_store_explicit(&ping_groups, (uint64_t)value[0] << 32 | (uint64_t)value[1], memory_order_relaxed);
    return (ssize_t)size;
}

static void add(const char *path, text_fn *show, text_store_fn *store, const struct setting *setting) {
    char whole[64];
    fmt_snprintf(whole, sizeof(whole), "sys/net/%s", path);
    status_t status = procfs_add(whole, 0644, show, store, (void *)setting);
    if (status != 0)
        klog(LOG_ERROR, "/proc/%s: error %d", whole, -status);
}

void net_settings_init(void) {
    for (unsigned i = 0; i < ARRAY_SIZE(settings); i++) {
        for (unsigned k = 0; k < settings[i].count; k++)
            atomic_store_explicit(&net_settings[settings[i].place + k], settings[i].initial[k], memory_order_relaxed);
        add(settings[i].path, setting_show, setting_store, &settings[i]);
    }
    add("ipv4/ping_group_range", ping_groups_show, ping_groups_store, nullptr);
}
