// SPDX-License-Identifier: MPL-2.0
// The ioctls of sockets, of any family, that ask for network interfaces: there is lo, always up.
#include "interface.h"
#include "net_priv.h"

#include <abi/netlink.h>
#include <arch/smp.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <object/cred.h>
#include <object/task.h>

#define LO_FLAGS (IFF_UP | IFF_LOOPBACK | IFF_RUNNING)

struct interface_counts interface_counts PER_CPU;

struct interface_counts interface_total(void) {
    struct interface_counts total = {};
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        total.packets += cpu_local(interface_counts, cpu).packets;
        total.bytes += cpu_local(interface_counts, cpu).bytes;
    }
    return total;
}

static void put_address(struct abi_ifreq *request, uint8_t first, uint8_t last) {
    struct abi_sockaddr_in in = {.family = AF_INET, .address = {first, 0, 0, last}};
    memcpy(request->address, &in, sizeof(in));
}

static long list_interfaces(void __user *argument) {
    struct abi_ifconf list;
    struct abi_ifreq lo = {.name = "lo"};
    if (copy_from_user(&list, argument, sizeof(list)) != 0)
        return -EFAULT;
    put_address(&lo, 127, 1);
    if (list.buffer != 0 && list.size < (int32_t)sizeof(lo))
        list.size = 0;
    else if (list.buffer != 0 && copy_to_user((void __user *)list.buffer, &lo, sizeof(lo)) != 0)
        return -EFAULT;
    else
        list.size = sizeof(lo);
    return copy_to_user(argument, &list, sizeof(list));
}

// Bringing lo up changes nothing; nothing else can be changed.
static status_t set_flags(const struct abi_ifreq *request) {
    if (!cred_has_cap(cred_current(), CAP_NET_ADMIN))
        return -EPERM;
    return request->flags & IFF_UP ? 0 : -EOPNOTSUPP;
}

static status_t answer(unsigned command, struct abi_ifreq *request) {
    memset(request->bytes, 0, sizeof(request->bytes));
    switch (command) {
    case SIOCGIFFLAGS:
        request->flags = LO_FLAGS;
        return 0;
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
        put_address(request, 127, 1);
        return 0;
    case SIOCGIFBRDADDR:
        put_address(request, 0, 0);
        return 0;
    case SIOCGIFNETMASK:
        put_address(request, 255, 0);
        return 0;
    case SIOCGIFMETRIC:
        return 0;
    case SIOCGIFMTU:
        request->number = 65536;
        return 0;
    case SIOCGIFHWADDR:
        request->flags = ARPHRD_LOOPBACK; // the family's place
        return 0;
    case SIOCGIFINDEX:
        request->number = 1;
        return 0;
    case SIOCGIFTXQLEN:
        request->number = 1000;
        return 0;
    default:
        return -ENOTTY;
    }
}

long interface_ioctl(unsigned command, unsigned long argument) {
    void __user *user = (void __user *)argument;
    struct abi_ifreq request;
    if (command < SIOCGIFNAME || command > SIOCGIFTXQLEN)
        return -ENOTTY;
    if (command == SIOCGIFCONF)
        return list_interfaces(user);
    if (copy_from_user(&request, user, sizeof(request)) != 0)
        return -EFAULT;
    request.name[sizeof(request.name) - 1] = '\0';
    if (command == SIOCGIFNAME) {
        if (request.number != 1)
            return -ENODEV;
        memcpy(request.name, "lo", sizeof("lo"));
        return copy_to_user(user, &request, sizeof(request));
    }
    if (strcmp(request.name, "lo") != 0)
        return -ENODEV;
    if (command == SIOCSIFFLAGS)
        return set_flags(&request);
    status_t status = answer(command, &request);
    return status != 0 ? status : copy_to_user(user, &request, sizeof(request));
}
