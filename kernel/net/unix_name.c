// SPDX-License-Identifier: MPL-2.0
// Names of AF_UNIX sockets: paths (a socket node in the file system, vnode->bound), abstract names (a leading NUL; kept
// here), and automatic ones (an abstract name of five hex digits).
//
// What a name leads to is a weak pointer: both kinds of pointers change under names.lock, and whoever follows one takes
// a reference under it.
#include "unix_priv.h"

#include <abi/stat.h>
#include <lib/fmt.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/task.h>

#define BUCKETS 64

static struct {
    struct spinlock lock;
    struct list_node table[BUCKETS] GUARDED_BY(&lock); // abstract names; a head is linked on first use
    uint32_t next_automatic GUARDED_BY(&lock);
} names;

static struct list_node *bucket_of(const struct abi_sockaddr_un *address, unsigned size) REQUIRES(&names.lock) {
    uint32_t hash = 2166136261u;
    for (unsigned i = FAMILY_SIZE; i < size; i++)
        hash = (hash ^ (uint8_t)address->path[i - FAMILY_SIZE]) * 16777619u;
    struct list_node *head = &names.table[hash % BUCKETS];
    if (!head->next)
        list_init(head);
    return head;
}

// Each type of socket has its own abstract names, and so has each job whose programs see only each other.
static struct unix_name *find_abstract(const struct abi_sockaddr_un *address, unsigned size, int type)
    REQUIRES(&names.lock) {
    struct unix_name *name;
    uint64_t scope = job_scope_current();
    LIST_FOR_EACH(name, bucket_of(address, size), node)
    if (name->size == size && name->scope == scope && name->owner->socket.type == type &&
        memcmp(&name->address, address, size) == 0)
        return name;
    return nullptr;
}

void unix_name_put(struct unix_name *name) {
    if (!refcount_down(&name->ref))
        return;
    kfree(name);
}

static struct unix_name *name_alloc(const struct abi_sockaddr_un *address, unsigned size, struct unix_socket *owner) {
    struct unix_name *name = kzalloc_charged(sizeof(*name));
    if (!name)
        return nullptr;
    refcount_init(&name->ref, 1);
    memcpy(&name->address, address, MIN(size, (unsigned)sizeof(name->address)));
    name->size = size;
    name->owner = owner;
    name->scope = job_scope_current();
    list_init(&name->node);
    return name;
}

// -EINVAL: not an AF_UNIX address. A path's size becomes what it takes with its NUL.
static status_t check_address(const struct address *address, struct abi_sockaddr_un *un, unsigned *size) {
    if (address->size <= FAMILY_SIZE || address->size > sizeof(*un) || address->family != AF_UNIX)
        return -EINVAL;
    memset(un, 0, sizeof(*un));
    memcpy(un, &address->un, address->size);
    *size = address->size;
    if (un->path[0] != '\0')
        *size = (unsigned)(FAMILY_SIZE + strnlen(un->path, UNIX_PATH_MAX) + 1);
    return 0;
}

// --- bind ---

static status_t bind_abstract(struct unix_socket *socket, struct unix_name *name) {
    spin_lock(&names.lock);
    bool taken = find_abstract(&name->address, name->size, socket->socket.type) != nullptr;
    if (!taken)
        list_push_back(bucket_of(&name->address, name->size), &name->node);
    spin_unlock(&names.lock);
    return taken ? -EADDRINUSE : 0;
}

static status_t bind_path(struct unix_socket *socket, struct unix_name *name) {
    char text[UNIX_PATH_MAX + 1];
    memcpy(text, name->address.path, UNIX_PATH_MAX);
    text[UNIX_PATH_MAX] = '\0';
    name->is_path = true;
    return vfs_make_socket(text, S_IFSOCK | 0777, &socket->socket.object, &name->path);
}

// Only one bind succeeds: `binding` is set while one is under way.
static status_t begin_bind(struct unix_socket *socket) {
    spin_lock(&socket->lock);
    status_t status = socket->name || socket->binding ? -EINVAL : 0;
    if (status == 0)
        socket->binding = true;
    spin_unlock(&socket->lock);
    return status;
}

static void end_bind(struct unix_socket *socket, struct unix_name *name) {
    spin_lock(&socket->lock);
    socket->binding = false;
    socket->name = name;
    spin_unlock(&socket->lock);
}

status_t unix_autobind(struct unix_socket *socket) {
    struct abi_sockaddr_un address = {.family = AF_UNIX};
    if (begin_bind(socket) != 0)
        return 0; // it has a name, or is getting one
    struct unix_name *name = name_alloc(&address, FAMILY_SIZE + 6, socket);
    status_t status = name ? -EADDRINUSE : -ENOMEM;
    for (unsigned attempt = 0; status == -EADDRINUSE && attempt < 0x100000; attempt++) {
        spin_lock(&names.lock);
        uint32_t number = names.next_automatic++ & 0xfffff;
        spin_unlock(&names.lock);
        char digits[6];
        fmt_snprintf(digits, sizeof(digits), "%05x", number);
        memcpy(name->address.path + 1, digits, 5);
        status = bind_abstract(socket, name);
    }
    if (status != 0 && name) {
        unix_name_put(name);
        name = nullptr;
    }
    end_bind(socket, name);
    return status;
}

status_t unix_bind(struct socket *base, const struct address *address) {
    struct unix_socket *socket = to_unix(base);
    struct abi_sockaddr_un un;
    unsigned size;
    if (address->size == FAMILY_SIZE && address->family == AF_UNIX) {
        spin_lock(&socket->lock);
        bool bound = socket->name != nullptr;
        spin_unlock(&socket->lock);
        return bound ? -EINVAL : unix_autobind(socket);
    }
    status_t status = check_address(address, &un, &size);
    if (status == 0)
        status = begin_bind(socket);
    if (status != 0)
        return status;
    struct unix_name *name = name_alloc(&un, size, socket);
    if (!name)
        status = -ENOMEM;
    else
        status = un.path[0] == '\0' ? bind_abstract(socket, name) : bind_path(socket, name);
    if (status != 0 && name) {
        unix_name_put(name);
        name = nullptr;
    }
    end_bind(socket, name);
    return status;
}

void unix_name_release(struct unix_socket *socket) {
    spin_lock(&socket->lock);
    struct unix_name *name = socket->name;
    spin_unlock(&socket->lock);
    if (!name)
        return;
    spin_lock(&names.lock);
    bool mine = name->owner == socket; // an accepted socket shares its listener's name
    if (mine) {
        name->owner = nullptr;
        if (name->is_path)
            path_vnode(&name->path)->bound = nullptr;
        else
            list_remove(&name->node);
    }
    spin_unlock(&names.lock);
    if (mine && name->is_path)
        path_put(&name->path);
}

// --- lookup ---

static status_t find_by_path(const struct abi_sockaddr_un *un, struct unix_socket **out) {
    char text[UNIX_PATH_MAX + 1];
    struct path path;
    memcpy(text, un->path, UNIX_PATH_MAX);
    text[UNIX_PATH_MAX] = '\0';
    status_t status = path_lookup(nullptr, text, LOOKUP_FOLLOW, &path);
    if (status != 0)
        return status;
    struct vnode *vnode = path_vnode(&path);
    status = -ECONNREFUSED;
    if (!vnode)
        status = -ENOENT;
    else if (vnode_permission(vnode, cred_current(), 2) != 0)
        status = -EACCES;
    else if (S_ISTYPE(vnode->mode, S_IFSOCK)) {
        spin_lock(&names.lock);
        struct socket *socket = vnode->bound ? socket_of(vnode->bound) : nullptr;
        if (socket && refcount_try_up(&socket->object.ref)) {
            *out = to_unix(socket);
            status = 0;
        }
        spin_unlock(&names.lock);
    }
    path_put(&path);
    return status;
}

static status_t find_by_abstract_name(const struct abi_sockaddr_un *un, unsigned size, int type,
                                      struct unix_socket **out) {
    status_t status = -ECONNREFUSED;
    spin_lock(&names.lock);
    struct unix_name *name = find_abstract(un, size, type);
    if (name && refcount_try_up(&name->owner->socket.object.ref)) {
        *out = name->owner;
        status = 0;
    }
    spin_unlock(&names.lock);
    return status;
}

status_t unix_find(const struct address *address, int type, struct unix_socket **out) {
    struct abi_sockaddr_un un;
    unsigned size;
    status_t status = check_address(address, &un, &size);
    if (status == 0)
        status = un.path[0] == '\0' ? find_by_abstract_name(&un, size, type, out) : find_by_path(&un, out);
    if (status == 0 && (*out)->socket.type != type) {
        unix_put(*out);
        status = -EPROTOTYPE;
    }
    return status;
}

// --- getsockname, getpeername ---

void unix_name_to_address(const struct unix_name *name, struct address *out) {
    memset(out->bytes, 0, sizeof(out->bytes));
    if (name) {
        memcpy(out->bytes, &name->address, MIN(name->size, (unsigned)sizeof(name->address)));
        out->size = name->size;
    } else {
        out->family = AF_UNIX;
        out->size = FAMILY_SIZE;
    }
}

// Whom a socket of datagrams is connected to, referenced, or null.
static struct unix_socket *peer_of(struct unix_socket *socket) {
    struct unix_socket *peer;
    spin_lock(&socket->lock);
    peer = socket->peer;
    if (peer)
        unix_get(peer);
    spin_unlock(&socket->lock);
    return peer;
}

void unix_peer_name(struct stream *connection, unsigned side, struct unix_socket *socket, struct address *out) {
    spin_lock(&connection->lock);
    struct socket *other = connection->end[!side].socket;
    unix_name_to_address(other ? to_unix(other)->name : socket->peer_name, out);
    spin_unlock(&connection->lock);
}

void unix_name_leave(struct unix_socket *socket, struct stream *connection) {
    spin_lock(&connection->lock);
    struct socket *other = connection->end[!socket->side].socket;
    if (other && socket->name) {
        refcount_up(&socket->name->ref);
        to_unix(other)->peer_name = socket->name;
    }
    spin_unlock(&connection->lock);
}

status_t unix_get_name(struct socket *base, enum socket_name name, struct address *out) {
    bool peer = name != NAME_OWN;
    struct unix_socket *socket = to_unix(base);
    struct stream *connection = peer ? unix_connection_of(socket) : nullptr;
    if (connection) {
        unix_peer_name(connection, socket->side, socket, out);
        return 0;
    }
    if (peer) {
        socket = peer_of(socket);
        if (!socket)
            return -ENOTCONN;
    }
    spin_lock(&socket->lock);
    unix_name_to_address(socket->name, out);
    spin_unlock(&socket->lock);
    if (peer)
        unix_put(socket);
    return 0;
}
