// SPDX-License-Identifier: MPL-2.0
// Starting a service's program: a session of its own, output to the kernel log, and of open files and handles just
// those that it was given, under names in TESSERA_HANDLES.
#include "services.h"

#include "init_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <tessera/handle.h>
#include <tessera/job.h>
#include <tessera/port.h>
#include <unistd.h>

#define WORDS_MAX 128
#define HANDLES_TEXT 2048

// Keeps a handle over exec, and says so in the list.
static void give(char *list, const char *name, int handle) {
    size_t length = strlen(list);
    if (handle < 0 || fcntl(handle, F_SETFD, 0) < 0)
        return;
    snprintf(list + length, HANDLES_TEXT - length, "%s%s=%d", length ? " " : "", name, handle);
}

static void give_ports(char *list, const struct service *service) {
    const char *at = service->provides;
    char name[64], label[72];
    for (unsigned i = 0; next_word(&at, name, sizeof name); i++) {
        snprintf(label, sizeof label, "port-%s", name);
        give(list, i == 0 ? "port" : label, service->ports[i]);
    }
}

static void give_memories(char *list, const struct service *service) {
    const char *at = service->memory;
    char word[64];
    uint64_t size;
    for (unsigned i = 0; next_word(&at, word, sizeof word) && split_memory(word, &size); i++)
        give(list, word, service->memories[i]);
}

// `handles = NAME=PATH:r|w|rw …`, as service_parse has checked: files that the service gets open.
static void give_files(char *list, const struct service *service) {
    const char *at = service->handles;
    char word[256];
    while (next_word(&at, word, sizeof word)) {
        char *path = strchr(word, '='), *mode = strrchr(word, ':');
        *path++ = *mode++ = '\0';
        int flags = strcmp(mode, "r") == 0 ? O_RDONLY : strcmp(mode, "w") == 0 ? O_WRONLY : O_RDWR;
        int fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
        if (fd < 0) {
            system_log("%s: cannot open %s: %s", service->name, path, strerror(errno));
            _exit(126);
        }
        give(list, word, fd);
    }
}

static void split_words(const char *text, char *storage, char **words, unsigned count) {
    strcpy(storage, text);
    for (char *word = strtok(storage, " \t"); word && count < WORDS_MAX - 1; word = strtok(NULL, " \t"))
        words[count++] = word;
    words[count] = NULL;
}

static void become_user(const struct service *service) {
    if (service->user && (setgroups(0, NULL) < 0 || setgid(service->user) < 0 || setuid(service->user) < 0)) {
        system_log("%s: cannot become user %u: %s", service->name, service->user, strerror(errno));
        _exit(126);
    }
}

static void prepare_process(void) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int input = open("/dev/null", O_RDONLY | O_CLOEXEC), output = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    dup2(input, 0);
    dup2(output < 0 ? input : output, 1);
    dup2(output < 0 ? input : output, 2);
}

[[noreturn]] static void run(struct service *service, int token, int key, int crash_right, int ready) {
    static char list[HANDLES_TEXT], arguments[sizeof service->arguments], environment[sizeof service->environment];
    static char *argv[WORDS_MAX], *envp[WORDS_MAX];
    static char handles[HANDLES_TEXT + 20];
    prepare_process();
    if (crash_right >= 0)
        (void)exception_port_set(-1, crash_right); // without it, the record just lacks the place
    give_ports(list, service);
    give_memories(list, service);
    give_files(list, service);
    if (service->paging >= 0)
        give(list, service->pager, service->paging);
    give(list, "registry", service->registry);
    give(list, "token", token);
    give(list, "ready", ready);
    if (key >= 0) {
        give(list, "port", registry_port());
        give(list, "key", key);
    }
    if (service->job >= 0 && job_enter(service->job) < 0)
        _exit(126);
    snprintf(handles, sizeof handles, "TESSERA_HANDLES=%s", list);
    envp[0] = "PATH=/sbin:/bin:/usr/sbin:/usr/bin";
    envp[1] = handles;
    argv[0] = service->program;
    split_words(service->arguments, arguments, argv, 1);
    split_words(service->environment, environment, envp, 2);
    become_user(service);
    execve(service->program, argv, envp);
    system_log("%s: cannot run %s: %s", service->name, service->program, strerror(errno));
    _exit(127);
}

// With or without limits: the end of the job is the end of whatever the service has started.
static void make_job(struct service *service) {
    service->job = job_create(-1, service->name, 0);
    int status = service->job < 0 ? service->job : job_set_limits(service->job, &service->limits);
    if (status < 0)
        system_log("%s: cannot have a job: %s", service->name, strerror(-status));
}

pid_t launch(struct service *service, int token, int key, int crash_right) {
    int ends[2] = {-1, -1};
    if (service->ready_when == READY_NOTIFY && pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    make_job(service);
    pid_t pid = fork();
    if (pid == 0)
        run(service, token, key, crash_right, ends[1]);
    int error = errno;
    handle_close(ends[1]);
    if (pid > 0) {
        service->ready = ends[0];
        return pid;
    }
    handle_close(ends[0]);
    handle_close(service->job);
    service->job = -1;
    return -error;
}
