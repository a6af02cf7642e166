// SPDX-License-Identifier: MPL-2.0
// wait4 and waitid.
#pragma once

enum { WNOHANG = 1, WUNTRACED = 2, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x1000000 };
#define __WNOTHREAD 0x20000000
#define __WALL 0x40000000
#define __WCLONE 0x80000000u

enum { P_ALL = 0, P_PID = 1, P_PGID = 2, P_PIDFD = 3 };

#define WAIT_STATUS_EXITED(code) (((code) & 0xff) << 8)
#define WAIT_STATUS_SIGNALED(signal) ((signal) & 0x7f)
#define WAIT_STATUS_CORE 0x80
#define WAIT_STATUS_STOPPED(signal) ((((signal) & 0xff) << 8) | 0x7f)
#define WAIT_STATUS_CONTINUED 0xffff
