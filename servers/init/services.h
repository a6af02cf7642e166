// SPDX-License-Identifier: MPL-2.0
// Services as the rest of init sees them, and what the files about them share: services.c (their lives), load.c (how
// they come to be), launch.c (the child's side), control.c (commands), registry.c (names), crash.c (last words).
#pragma once

#include "service.h"

#include <signal.h>
#include <tessera/token.h>

#define SERVICES_FOLDER "/etc/tessera/services"

// --- services.c ---
// Reads the service files. Without any, all that follows does nothing, and costs nothing.
void services_load(void);
// A process has ended: whether it was a service.
bool services_ended(pid_t pid, int status);
// Waits for a signal of the set, which is blocked; meanwhile starts what is due and hears who is ready. The signal's
// number, or 0 to look again.
int services_wait(const sigset_t *watched);
// In the child that becomes the console's session: it gets a registry handle, which shows all names.
void services_equip_console(void);
// Stops all, those that need others first, and does not come back before they have ended, or will not.
void services_stop(void);
int64_t now_ms(void);

// For commands (control.c). The list, sorted.
struct service *services_list(unsigned *count);
// It is to run, or is being started again.
bool service_is_up(const struct service *service);
// Starts it and what it needs; `anew`: even if it runs. Whether it is ready is told by control_tell. False: it is
// broken.
[[nodiscard]] bool service_demand(struct service *service, bool anew);
// It is to be stopped as soon as no others that are to be stopped need it. The end is told by control_tell.
void service_hold(struct service *service);

// --- load.c ---
// Reads a file of the services' folder. False: it is no service, which is logged.
[[nodiscard]] bool service_load(struct service *service, const char *file);
// Logs a problem with a service's file, as PATH:LINE. 0: no line.
void service_complain(const char *name, unsigned line, const char *problem);
// Makes what outlives its process: ports, memory, its handle to the registry; claims its families of system calls.
void service_equip(struct service *service, uint64_t view);

// --- control.c ---
// The port for commands; -1: there is none.
int control_prepare(void);
int control_right(void);   // to it
void control_listen(void); // a message is there
// A service is in a new state, or (error) did not get ready.
void control_tell(const struct service *service, int error);

// --- launch.c ---
// Starts the service's program with its handles. Its process id, or a negative error number.
pid_t launch(struct service *service, int token, int key, int crash_right);

// --- registry.c ---
// Makes the registry's port and key. To be called once, if one service is registryd.
void registry_prepare(void);
// The handle that a service with this view finds the registry by; -1: there is none.
int registry_right(uint64_t view);
int registry_port(void);
int registry_key(void); // a memory object with the key; the caller closes it
// A memory object with tokens for all that it provides, in its current start. The caller closes it.
int registry_tokens(const struct service *service, uint64_t view);
// Tells registryd what a view shows: the names of both lists. False: it fails.
[[nodiscard]] bool registry_say_view(uint64_t view, const char *names, const char *more);
// Tells registryd, which has just come up, the view of a service, and, if that is ready, its names. False: it fails.
[[nodiscard]] bool registry_introduce(const struct service *service, uint64_t view);

// --- crash.c ---
// Where services' faults arrive (-1: the kernel has no such thing), and a right for the one of that number.
int crash_prepare(void);
int crash_right(unsigned number);
// A message is there: notes where the fault happened.
void crash_listen(void);
// "signal 9", "exit status 1".
void end_describe(int status, char *text, size_t room);
// Writes the record of a service's end: /run/tessera/crashes/NAME.N.
void crash_record(const struct service *service, unsigned number, int status, int64_t lived_ms, int64_t delay);
