// SPDX-License-Identifier: MPL-2.0
// The rooms of init: system.c (mounts, name, power), root.c (a root on a disk), session.c (the console and what runs on
// it).
#pragma once

#include <sys/types.h>

// Mounts /proc, /sys, /dev and so on, and sets the host name. What fails is logged; the rest goes on.
void system_prepare(void);

// root.c: a root that a service's volume is the ground of. Where there is none, all of these do nothing.
// Starts a process that makes it, which waits for the service. Its process id; 0: there is no such service.
pid_t root_start(void);
// How that ended.
void root_made(int status);
// In a child: from now on its root is that one.
void root_enter(void);

// Writes a warning to the kernel log, so that the console shows only what programs print.
__attribute__((format(printf, 1, 2))) void system_log(const char *format, ...);

// Ends every process, flushes, and does what `command` (RB_…) says. `grace_ms`: how long they get after SIGTERM.
[[noreturn]] void system_shut_down(int command, int grace_ms);

// Starts argv as the leader of a new session with the console as its controlling terminal, in `directory` if that
// exists. Null: root's login shell. With `stay`, argv runs as a child of that leader, whose exit status becomes 128 + n
// if signal n ended it. Returns the leader's process id, or -1.
pid_t session_start(char *const argv[], const char *directory, bool stay);

// Reports the exit status of the one command where tools/run reads it: the serial port that REPORT in our environment
// names, or the second one.
void session_report(int status);
