// SPDX-License-Identifier: MPL-2.0
// How a service comes to be: its file is read, and what outlives its process is made.
#include "services.h"

#include "init_priv.h"

#include <abi/native_numbers.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <tessera/handle.h>
#include <tessera/pager.h>
#include <tessera/port.h>
#include <unistd.h>

#define FILE_MAX 16384

void service_complain(const char *name, unsigned line, const char *problem) {
    char place[16] = "";
    if (line > 0)
        snprintf(place, sizeof place, ":%u", line);
    system_log(SERVICES_FOLDER "/%s.service%s: %s", name, place, problem);
}

bool service_load(struct service *service, const char *file) {
    static char text[FILE_MAX];
    char path[300], name[200], problem[160];
    unsigned line = 0;
    snprintf(path, sizeof path, SERVICES_FOLDER "/%s", file);
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(".service")), file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
    int error = errno;
    handle_close(fd);
    bool read_whole = size >= 0 && (size_t)size < sizeof text;
    if (!read_whole) {
        service_complain(name, 0, size < 0 ? strerror(error) : "too long");
        return false;
    }
    text[size] = '\0';
    bool good = service_parse(service, name, text, &line, problem, sizeof problem);
    if (!good)
        service_complain(name, line, problem);
    return good;
}

static void make_memories(struct service *service) {
    const char *at = service->memory;
    char word[64];
    uint64_t size;
    for (unsigned i = 0; next_word(&at, word, sizeof word) && split_memory(word, &size); i++) {
        service->memories[i] = memfd_create(word, MFD_CLOEXEC);
        if (service->memories[i] < 0 || ftruncate(service->memories[i], (off_t)size) < 0) {
            system_log("%s: cannot keep memory: %s", service->name, strerror(errno));
            service->state = SERVICE_FAILED;
        }
    }
}

static void make_ports(struct service *service) {
    const char *at = service->provides;
    char name[64];
    for (unsigned i = 0; next_word(&at, name, sizeof name); i++) {
        service->ports[i] = port_create(NULL);
        if (service->ports[i] < 0) {
            system_log("%s: cannot make a port: %s", service->name, strerror(-service->ports[i]));
            service->state = SERVICE_FAILED;
        }
    }
}

// The pager outlives the service, and so do the pages that it has brought.
static void make_pager(struct service *service) {
    if (!service->pager[0] || service->state == SERVICE_FAILED)
        return;
    service->paging = pager_create(service->ports[0], &(struct pager_options){.flags = PAGER_GIVES_BACK});
    if (service->paging < 0) {
        system_log("%s: cannot make a pager: %s", service->name, strerror(-service->paging));
        service->state = SERVICE_FAILED;
    }
}

// Its families of system calls come to its first port from now on, whether it runs or not.
static void claim_calls(struct service *service) {
    const char *at = service->serves;
    char name[64];
    while (service->state != SERVICE_FAILED && next_word(&at, name, sizeof name))
        if (syscall(NATIVE_posix_serve, service->ports[0], family_named(name)) < 0) {
            system_log("%s: cannot serve %s: %s", service->name, name, strerror(errno));
            service->state = SERVICE_FAILED;
        }
}

void service_equip(struct service *service, uint64_t view) {
    make_ports(service);
    service->registry = service_is_registryd(service) ? -1 : registry_right(view);
    make_memories(service);
    make_pager(service);
    claim_calls(service);
    service->broken = service->state == SERVICE_FAILED;
    if (service->start == START_ON_DEMAND && !service->broken)
        service->state = SERVICE_IDLE;
}
