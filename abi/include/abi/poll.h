// SPDX-License-Identifier: MPL-2.0
// poll, select, epoll, eventfd, timerfd, signalfd, pidfd: constants and structures.
#pragma once

#include <port/abi.h> // struct abi_epoll_event
#include <stdint.h>

enum {
    POLLIN = 0x1,
    POLLPRI = 0x2,
    POLLOUT = 0x4,
    POLLERR = 0x8,
    POLLHUP = 0x10,
    POLLNVAL = 0x20,
    POLLRDNORM = 0x40,
    POLLRDBAND = 0x80,
    POLLWRNORM = 0x100,
    POLLWRBAND = 0x200,
    POLLMSG = 0x400,
    POLLREMOVE = 0x1000,
    POLLRDHUP = 0x2000,
};
struct abi_pollfd {
    int32_t fd;
    uint16_t events, revents;
};
static_assert(sizeof(struct abi_pollfd) == 8);

enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };
#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP (1u << 29)
#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)

enum { EFD_SEMAPHORE = 1 };
enum { TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2 };

// What a signalfd yields for each signal.
struct abi_signalfd_siginfo {
    uint32_t signal;
    int32_t error, code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t timer, band, overrun, trap;
    int32_t status, value_int;
    uint64_t value, utime, stime, address;
    uint16_t address_lsb, pad2;
    int32_t system_call;
    uint64_t call_address;
    uint32_t arch;
    uint8_t pad[28];
};
static_assert(sizeof(struct abi_signalfd_siginfo) == 128);
