// SPDX-License-Identifier: MPL-2.0
// Last words of services. A fault (SIGSEGV and its like) stops the service's thread and arrives at our port before it
// kills: that is the moment to look at its registers, its mappings and its stack. All other ends have a status only.
//
// There is no knowing where frames begin in a program without frame pointers or unwinding tables, so the backtrace is
// the words of the stack that point into code, which holds the return addresses in their order.
#include "services.h"

#include "init_priv.h"
#include "symbols.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <tessera/message.h>
#include <tessera/port.h>
#include <unistd.h>

#define RECORDS 8 // kept of each service
#define STACK_BYTES 16384
#define FRAMES_MAX 32

struct code {
    uint64_t start, end, offset;
    char path[128];
};

static struct {
    int port; // 0: none yet
    struct last_fault {
        pid_t process; // 0: none
        char text[4096];
    } faults[SERVICES_MAX];
} crash;

int crash_prepare(void) {
    crash.port = port_create(NULL);
    return crash.port;
}

int crash_right(unsigned number) {
    return crash.port <= 0 ? -1 : port_right(crash.port, number);
}

// The executable mappings of a process.
static unsigned read_code(pid_t process, struct code *code, unsigned most) {
    char path[32], line[512], rights[8];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/maps", process);
    FILE *maps = fopen(path, "re");
    while (maps && count < most && fgets(line, sizeof line, maps)) {
        struct code *c = &code[count];
        c->path[0] = '\0';
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %127s", &c->start, &c->end, rights,
                   &c->offset, c->path) >= 4 &&
            rights[2] == 'x')
            count++;
    }
    if (maps)
        fclose(maps);
    return count;
}

static void print_place(FILE *out, const char *what, uint64_t address, const struct code *code, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        if (address >= code[i].start && address < code[i].end) {
            uint64_t offset = address - code[i].start + code[i].offset;
            char name[80] = "?";
            // A return address is behind its call, which may be the last instruction of a function.
            (void)symbol_at(code[i].path, strcmp(what, "at") == 0 ? offset : offset - 1, name, sizeof name);
            fprintf(out, "%s %#" PRIx64 " %s (%s+%#" PRIx64 ")\n", what, address, name, code[i].path, offset);
            return;
        }
    if (strcmp(what, "at") == 0)
        fprintf(out, "%s %#" PRIx64 "\n", what, address);
}

static void print_stack(FILE *out, const struct fipc_fault *fault, const struct code *code, unsigned count) {
    static uint64_t stack[STACK_BYTES / 8];
    uint64_t sp = fault->sp & ~(uint64_t)7;
    size_t size = 0;
    for (; size < sizeof stack; size += 1024) { // as far as it is mapped
        struct iovec here = {(char *)stack + size, 1024}, there = {(void *)(uintptr_t)(sp + size), 1024};
        ssize_t got = process_vm_readv(fault->process, &here, 1, &there, 1, 0);
        if (got < 1024) {
            size += got > 0 ? (size_t)got : 0;
            break;
        }
    }
    for (size_t i = 0, frames = 0; i < size / 8 && frames < FRAMES_MAX; i++)
        for (unsigned k = 0; k < count; k++)
            if (stack[i] > code[k].start && stack[i] < code[k].end) {
                print_place(out, "from", stack[i], &code[k], 1);
                frames++;
                break;
            }
}

static void note(struct last_fault *last, const struct fipc_fault *fault) {
    struct code code[32];
    unsigned count = read_code(fault->process, code, 32);
    FILE *out = fmemopen(last->text, sizeof last->text, "w");
    if (!out)
        return;
    last->process = fault->process;
    fprintf(out, "fault: signal %d, code %d, address %#" PRIx64 ", thread %d, stack %#" PRIx64 "\n", fault->signal,
            fault->code, fault->address, fault->thread, fault->sp);
    print_place(out, "at", fault->pc, code, count);
    print_stack(out, fault, code, count);
    fclose(out);
}

void crash_listen(void) {
    struct {
        struct fipc_message header;
        struct fipc_fault fault;
    } message = {};
    if (fipc_recv(crash.port, &message.header, sizeof message, 0) < 0)
        return;
    if (message.header.type == FIPC_NOTE_FAULT && message.header.size == sizeof message.fault &&
        message.header.badge < SERVICES_MAX)
        note(&crash.faults[message.header.badge], &message.fault);
    struct fipc_message answer = {.type = FIPC_FAULT_SIGNAL}; // and so it takes its course
    (void)fipc_reply(&answer);                                // unless it was killed meanwhile
}

void end_describe(int status, char *text, size_t room) {
    if (WIFSIGNALED(status))
        snprintf(text, room, "signal %d", WTERMSIG(status));
    else
        snprintf(text, room, "exit status %d", WEXITSTATUS(status));
}

void crash_record(const struct service *service, unsigned number, int status, int64_t lived_ms, int64_t delay) {
    struct last_fault *last = &crash.faults[number];
    char path[96];
    snprintf(path, sizeof path, "/run/tessera/crashes/%s.%u", service->name, (service->crashes - 1) % RECORDS);
    FILE *out = fopen(path, "we");
    if (!out) {
        system_log("cannot write %s: %s", path, strerror(errno));
        return;
    }
    fprintf(out, "service: %s\nstart: %u\nend: %" PRId64 " ms since boot, %" PRId64 " ms after it was %s\nreason: %s",
            service->name, service->starts, now_ms(), lived_ms, service->state == SERVICE_READY ? "ready" : "started",
            service->end);
    fprintf(out, WIFSIGNALED(status) ? " (%s)\n" : "\n", strsignal(WTERMSIG(status)));
    if (WIFSIGNALED(status) && last->process)
        fputs(last->text, out);
    fprintf(out, delay < 0 ? "not started again\n" : "started again after %" PRId64 " ms\n", delay);
    fclose(out);
    last->process = 0;
}
