// SPDX-License-Identifier: MPL-2.0
// A service: what its file says, and how it fares. The files are /etc/tessera/services/NAME.service (docs/services.md).
#pragma once

#include <abi/job.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVICES_MAX 64
#define SERVICE_NAME_MAX 31
#define PROVIDES_MAX 8
#define MEMORIES_MAX 8
#define REGISTRYD "registryd" // the service of this name gets the registry's port and key

enum service_restart { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
enum service_ready { READY_DEFAULT, READY_START, READY_NOTIFY }; // when it was started, or when it says so
enum service_start { START_AT_BOOT, START_ON_DEMAND };           // when the first message comes to one of its ports
enum service_state {
    SERVICE_WAITING,
    SERVICE_IDLE, // until it is asked for
    SERVICE_STARTING,
    SERVICE_READY,
    SERVICE_STOPPING,
    SERVICE_STOPPED, // by a command, until another one
    SERVICE_ENDED,
    SERVICE_FAILED
};

struct service {
    char name[SERVICE_NAME_MAX + 1];
    // Lists are words with a blank between them.
    char program[256], arguments[512], environment[512], provides[512], uses[1024], needs[512], handles[512],
        memory[256], serves[128], pager[32], mounts[64];
    enum service_restart restart;
    enum service_ready ready_when;
    enum service_start start;
    struct job_limits limits;
    unsigned user;
    unsigned needs_line; // where the file says `needs`

    enum service_state state;
    bool broken;                // never started: the file asks for what cannot be
    bool held;                  // is not to run,
    bool again;                 // but only until it has ended
    bool killed;                // STOPPING: it did not listen
    pid_t pid;                  // 0: does not run
    int64_t since;              // of the state, ms
    int64_t due;                // WAITING: not before
    unsigned starts;            // also the generation of its tokens
    unsigned crashes;           // ends that were not asked for
    unsigned failures;          // in a row, without a steady life between them
    char end[24];               // the last one: "exit status 1"; "" before
    int ready;                  // where it says so; -1
    int job;                    // of the current start; -1
    int ports[PROVIDES_MAX];    // one for each name that it provides; they stay over its restarts
    int memories[MEMORIES_MAX]; // and for each piece of memory that is kept for it
    int paging;                 // the pager that is kept for it; -1
    int registry;               // its handle to the registry; -1
};

// Fills in what the file says; the rest is as for a service that never ran. False: `problem` says what is wrong, and
// *line where; 0: what is wrong is missing.
[[nodiscard]] bool service_parse(struct service *service, const char *name, const char *text, unsigned *line,
                                 char *problem, size_t room);

// Sorts so that each service comes behind those it needs. Services with needs that do not exist or form a circle are
// made SERVICE_FAILED and reported; so are those that need them.
void services_sort(struct service *services, unsigned count,
                   void (*report)(const struct service *service, const char *why));

bool service_is_registryd(const struct service *service);
// Directly; who registers or looks up names needs registryd.
bool service_needs(const struct service *service, const struct service *other);
// Marks all that need the one of that number, directly or by others, and itself.
void services_mark_dependents(const struct service *services, unsigned count, unsigned number, bool *marked);
// Marks all that it needs, directly or by others, and itself.
void services_mark_needs(const struct service *services, unsigned count, unsigned number, bool *marked);

// A service has ended. How many ms until it is to be started again; -1: not at all. `steady_ms`: how long it was ready
// before (0: it never was). Keeps count of failures.
int64_t service_restart_delay(struct service *service, bool failed, int64_t steady_ms);

// The first word of a list from *at, which moves on; false: there is none.
bool next_word(const char **at, char *word, size_t room);
// Splits NAME=SIZE (of `memory`) in place. False: it is no such thing.
bool split_memory(char *word, uint64_t *size);
// The number of a family of system calls (enum posix_family) by its name, or -1.
int family_named(const char *name);
bool has_word(const char *list, const char *word);
