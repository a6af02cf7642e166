// SPDX-License-Identifier: MPL-2.0
// posixd: serves the system calls of the legacy path (docs/posixd.md): System V message queues and semaphores.
//
// init gives it a port, which has the families already, and memory for what it must not lose. Started by hand, it makes
// its own port and claims the families; then its objects die with it.
#include "posixd.h"

#include <abi/fipc.h>
#include <abi/native_numbers.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <tessera/handle.h>
#include <tessera/server.h>
#include <time.h>
#include <unistd.h>

struct packet {
    struct fipc_message header;
    uint8_t data[POSIX_DATA_MAX] __attribute__((aligned(8)));
};

static struct {
    int port;
    struct packet in, out;
} server;

bool transmit(const struct caller *caller, const struct posix_answer *head, const void *data, uint32_t size) {
    server.out.header = (struct fipc_message){.type = caller->call, .size = sizeof *head + size};
    memcpy(server.out.data, head, sizeof *head);
    if (size > 0)
        memcpy(server.out.data + sizeof *head, data, size);
    if (caller->reply < 0)
        return syscall(NATIVE_fipc_reply, &server.out) == 0;
    return syscall(NATIVE_fipc_send, caller->reply, &server.out, 0) == 0;
}

static int save_reply(void) {
    int handle = (int)syscall(NATIVE_fipc_reply_save, 0);
    return handle < 0 ? -errno : handle;
}

int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

bool process_has_ended(int process) {
    char path[32], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    const char *state = size > 0 ? strrchr(text, ')') : NULL;
    return size < 0 || (state && (state[2] == 'Z' || state[2] == 'X'));
}

// /proc/tessera/jobs: a line a job, with its number, its parent's, its name, its flags, and how many tasks it has.
bool job_has_ended(uint64_t job) {
    char line[300];
    unsigned long long id;
    unsigned tasks;
    bool found = false;
    FILE *file = fopen("/proc/tessera/jobs", "re");
    if (!file)
        return false;
    while (!found && fgets(line, sizeof line, file))
        found = sscanf(line, "%llu\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%u", &id, &tasks) == 2 && id == job && tasks > 0;
    fclose(file);
    return !found;
}

static bool claim(unsigned family) {
    if (syscall(NATIVE_posix_serve, server.port, family) == 0)
        return true;
    fprintf(stderr, "posixd: cannot serve family %u: %s\n", family, strerror(errno));
    return false;
}

static bool begin(void) {
    // One handle for each caller that waits.
    struct rlimit handles = {.rlim_cur = 65536, .rlim_max = 65536};
    if (setrlimit(RLIMIT_NOFILE, &handles) < 0 && getrlimit(RLIMIT_NOFILE, &handles) == 0) {
        handles.rlim_cur = handles.rlim_max;
        setrlimit(RLIMIT_NOFILE, &handles);
    }
    callers_init();
    if (!state_open(handle_named("state"))) {
        fprintf(stderr, "posixd: no memory\n");
        return false;
    }
    spaces_reopen();
    server.port = handle_named("port");
    if (server.port < 0)
        server.port = (int)syscall(NATIVE_port_create, NULL);
    if (server.port < 0)
        perror("posixd: no port");
    return server.port >= 0 && claim(POSIX_SYSV_MESSAGES) && claim(POSIX_SYSV_SEMAPHORES);
}

int main(void) {
    if (!begin())
        return 1;
    tessera_ready();
    for (;;) {
        int64_t deadline = callers_expire();
        if (syscall(NATIVE_fipc_recv, server.port, &server.in, sizeof server.in, deadline) != 0) {
            if (errno == ETIMEDOUT || errno == EAGAIN || errno == EINTR)
                continue;
            perror("posixd");
            return 1;
        }
        if (server.in.header.flags & FIPC_CALL)
            serve_call(server.in.header.type, server.in.data, server.in.header.size, save_reply);
        else
            serve_notice(server.in.header.type, server.in.data, server.in.header.size);
    }
}
