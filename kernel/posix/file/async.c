// SPDX-License-Identifier: MPL-2.0
// Signals that tell of input and output: SIGIO (or what F_SETSIG chose) while O_ASYNC is set, and SIGURG of sockets.
//
// The receiver belongs to the open file: a process, a thread or a group, and who named it, for it is as if that user
// sent the signals. It is named by number, and held by nothing: a number that was given to another process since, which
// its object's id tells, is nobody.
#include "async.h"

#include "proc/proc_priv.h"
#include "process/process_priv.h"
#include "signal/signal_priv.h"
#include <abi/fcntl.h>
#include <abi/stat.h>
#include <arch/uaccess.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <net/socket.h>
#include <object/async.h>
#include <vfs/file.h>
#include <vfs/notify.h>

#define BAND_MESSAGE 0x400 // EPOLLMSG
#define ALL_EVENTS (SIGNALS_READ | SIGNALS_WRITE | SIGNAL_PRIORITY | SIGNAL_ERROR | SIGNAL_HANGUP | SIGNAL_READ_HANGUP)

struct receiver {
    int type;           // F_OWNER_*
    int id;             // 0: none
    uint64_t identity;  // of the process's object; 0: a group
    uint32_t uid, euid; // of who named it
    int signal;         // F_SETSIG; 0: SIGIO, without information
    int fd;             // what the file is called in the signal
    bool on;            // O_ASYNC
};

struct async_file {
    struct object_async async; // first
    bool is_socket;            // SIGURG. Never changes
    struct spinlock lock;
    struct receiver receiver; // under lock
    // F_NOTIFY, under lock: one reference, null: not used; the watch's number, and what signals call the file.
    struct object *directory;
    int watch;
    uint32_t watched; // DN_*
    int directory_fd;
};

// --- telling ---

// What Linux's tables say of each kind of event.
static const struct event {
    uint32_t signals;
    int code;
    int64_t band;
} events[] = {
    {SIGNAL_HANGUP, POLL_HUP, SIGNAL_HANGUP | SIGNAL_ERROR},
    {SIGNALS_READ | SIGNAL_READ_HANGUP, POLL_IN, SIGNALS_READ},
    {SIGNALS_WRITE, POLL_OUT, SIGNALS_WRITE | SIGNAL_WRITE_BAND},
    {SIGNAL_ERROR, POLL_ERR, SIGNAL_ERROR},
    {SIGNAL_PRIORITY, POLL_PRI, SIGNAL_PRIORITY | SIGNAL_READ_BAND},
};

static bool may_tell(const struct receiver *receiver, const struct process *process) {
    const struct cred *theirs = process->task.cred;
    return receiver->euid == 0 || receiver->euid == theirs->suid || receiver->euid == theirs->uid ||
           receiver->uid == theirs->suid || receiver->uid == theirs->uid;
}

// These signals' si_code has meanings of its own.
static bool has_own_codes(int signal) {
    return signal == SIGILL || signal == SIGFPE || signal == SIGSEGV || signal == SIGBUS || signal == SIGTRAP ||
           signal == SIGCHLD || signal == SIGSYS;
}

// `event` null: SIGURG.
static void tell_one(const struct receiver *receiver, struct process *process, struct posix_thread *thread,
                     const struct event *event) {
    int chosen = event ? receiver->signal : 0, plain = event ? SIGIO : SIGURG;
    if (!may_tell(receiver, process))
        return;
    spin_lock(&process->signal_lock);
    status_t status = -EAGAIN;
    if (chosen != 0) {
        struct signal_info info;
        signal_info_init(&info, chosen, has_own_codes(chosen) ? SI_SIGIO : event->code);
        info.poll.band = event->band;
        info.poll.fd = receiver->fd;
        status = signal_generate(process, thread, chosen, &info);
    }
    if (status != 0) // none was chosen, or its queue is full
        (void)signal_generate(process, thread, plain, nullptr);
    spin_unlock(&process->signal_lock);
}

static struct process *find_process(const struct receiver *receiver, struct posix_thread **thread)
    REQUIRES(&process_tree_lock) {
    struct posix_thread *found = thread_find(receiver->id);
    struct process *process = found ? found->process : process_find(receiver->id);
    *thread = receiver->type == F_OWNER_TID ? found : nullptr;
    return process && process->task.object.id == receiver->identity ? process : nullptr;
}

static void tell_receiver(const struct receiver *receiver, const struct event *event) {
    struct posix_thread *thread;
    spin_lock(&process_tree_lock);
    if (receiver->type == F_OWNER_PGRP) {
        struct process_group *group = process_group_find(receiver->id);
        struct process *member;
        if (group)
            LIST_FOR_EACH(member, &group->members, group_node)
        tell_one(receiver, member, nullptr, event);
    } else {
        struct process *process = find_process(receiver, &thread);
        if (process)
            tell_one(receiver, process, thread, event);
    }
    spin_unlock(&process_tree_lock);
}

static void tell(struct object_async *async, uint32_t signals) {
    struct async_file *file = CONTAINER_OF(async, struct async_file, async);
    spin_lock(&file->lock);
    struct receiver receiver = file->receiver;
    spin_unlock(&file->lock);
    if (receiver.id == 0)
        return;
    if (file->is_socket && signals & SIGNAL_PRIORITY)
        tell_receiver(&receiver, nullptr);
    if (signals & SIGNAL_HANGUP) // that says the rest, too
        signals &= ~(uint32_t)(SIGNALS_READ | SIGNAL_READ_HANGUP | SIGNALS_WRITE);
    for (unsigned i = 0; i < ARRAY_SIZE(events) && receiver.on; i++)
        if (signals & events[i].signals)
            tell_receiver(&receiver, &events[i]);
}

// --- whom ---

static void destroy(struct object_async *async) {
    struct async_file *file = CONTAINER_OF(async, struct async_file, async);
    if (file->directory)
        notify_close_listener(file->directory);
    kfree(file);
}

// The object's, made if there is none. Null: no memory.
static struct async_file *file_for(struct object *object) {
    struct object_async *async = object_async(object);
    if (async)
        return CONTAINER_OF(async, struct async_file, async);
    struct async_file *fresh = kzalloc_charged(sizeof(*fresh));
    if (!fresh)
        return nullptr;
    spin_init(&fresh->lock);
    fresh->async.tell = tell;
    fresh->async.destroy = destroy;
    fresh->is_socket = socket_of(object) != nullptr;
    fresh->receiver.type = F_OWNER_PID;
    return CONTAINER_OF(object_async_install(object, &fresh->async), struct async_file, async);
}

static struct receiver receiver_of(struct object *object) {
    struct object_async *async = object_async(object);
    struct receiver receiver = {.type = F_OWNER_PID};
    if (!async)
        return receiver;
    struct async_file *file = CONTAINER_OF(async, struct async_file, async);
    spin_lock(&file->lock);
    receiver = file->receiver;
    spin_unlock(&file->lock);
    return receiver;
}

// What is watched for follows from what is told. file->lock is held.
static void watch_locked(struct async_file *file) REQUIRES(&file->lock) {
    const struct receiver *receiver = &file->receiver;
    uint32_t events_wanted = receiver->on ? ALL_EVENTS : file->is_socket ? SIGNAL_PRIORITY : 0;
    object_async_watch(&file->async, receiver->id != 0 ? events_wanted : 0);
}

// Is there a process, thread or group `id`? The process's object's id, 0 for a group.
static status_t identify(int type, int id, uint64_t *identity) {
    status_t status = -ESRCH;
    *identity = 0;
    spin_lock(&process_tree_lock);
    struct process_group *group = type == F_OWNER_PGRP ? process_group_find(id) : nullptr;
    struct process *process =
        group ? LIST_FIRST(&group->members, struct process, group_node) : process_find_by_thread(id);
    if (process_seen(process)) {
        status = 0;
        *identity = type == F_OWNER_PGRP ? 0 : process->task.object.id;
    }
    spin_unlock(&process_tree_lock);
    return status;
}

// `id` 0: nobody. `replace`: even if somebody is named.
static status_t set_receiver(struct object *object, int type, int id, bool replace) {
    uint64_t identity = 0;
    status_t status = id != 0 ? identify(type, id, &identity) : 0;
    if (status != 0)
        return status;
    struct async_file *file = file_for(object);
    if (!file)
        return -ENOMEM;
    const struct cred *cred = cred_current();
    spin_lock(&file->lock);
    struct receiver *receiver = &file->receiver;
    if (replace || receiver->id == 0) {
        receiver->type = type;
        receiver->id = id;
        receiver->identity = identity;
        receiver->uid = cred->uid;
        receiver->euid = cred->euid;
        watch_locked(file);
    }
    spin_unlock(&file->lock);
    return 0;
}

static bool is_there(const struct receiver *receiver) {
    struct posix_thread *thread;
    spin_lock(&process_tree_lock);
    bool there = receiver->type == F_OWNER_PGRP ? process_group_find(receiver->id) != nullptr
                                                : find_process(receiver, &thread) != nullptr;
    spin_unlock(&process_tree_lock);
    return receiver->id != 0 && there;
}

// As F_SETOWN has it: a negative number is a group.
static status_t set_number(struct object *object, int number) {
    if (number == INT32_MIN)
        return -EINVAL;
    return set_receiver(object, number < 0 ? F_OWNER_PGRP : F_OWNER_PID, number < 0 ? -number : number, true);
}

static int get_number(struct object *object) {
    struct receiver receiver = receiver_of(object);
    int id = is_there(&receiver) ? receiver.id : 0;
    return receiver.type == F_OWNER_PGRP ? -id : id;
}

static status_t set_extended(struct object *object, const struct abi_owner_ex __user *user) {
    struct abi_owner_ex owner;
    if (copy_from_user(&owner, user, sizeof(owner)) != 0)
        return -EFAULT;
    if (owner.type != F_OWNER_TID && owner.type != F_OWNER_PID && owner.type != F_OWNER_PGRP)
        return -EINVAL;
    return owner.pid < 0 ? -ESRCH : set_receiver(object, owner.type, owner.pid, true);
}

static status_t get_extended(struct object *object, struct abi_owner_ex __user *user) {
    struct receiver receiver = receiver_of(object);
    struct abi_owner_ex owner = {.type = receiver.type, .pid = is_there(&receiver) ? receiver.id : 0};
    return copy_to_user(user, &owner, sizeof(owner));
}

static status_t set_signal(struct object *object, unsigned long signal) {
    if (signal > SIGNAL_COUNT)
        return -EINVAL;
    struct async_file *file = file_for(object);
    if (!file)
        return -ENOMEM;
    spin_lock(&file->lock);
    file->receiver.signal = (int)signal;
    spin_unlock(&file->lock);
    return 0;
}

long async_command(struct object *object, unsigned command, unsigned long argument) {
    switch (command) {
    case F_SETOWN:
        return set_number(object, (int)argument);
    case F_GETOWN:
        return get_number(object);
    case F_SETOWN_EX:
        return set_extended(object, (const struct abi_owner_ex __user *)argument);
    case F_GETOWN_EX:
        return get_extended(object, (struct abi_owner_ex __user *)argument);
    case F_SETSIG:
        return set_signal(object, argument);
    case F_GETSIG:
        return receiver_of(object).signal;
    default:
        return -EINVAL;
    }
}

long async_ioctl(struct object *object, unsigned command, unsigned long argument) {
    int __user *user = (int __user *)argument;
    int number;
    bool sets = command == FIOSETOWN || command == SIOCSPGRP, gets = command == FIOGETOWN || command == SIOCGPGRP;
    if ((!sets && !gets) || !socket_of(object))
        return -ENOTTY;
    if (gets)
        return put_user(get_number(object), user);
    return get_user(number, user) != 0 ? -EFAULT : set_number(object, number);
}

// --- F_NOTIFY ---

static _Atomic bool directories_tell = true; // /proc/sys/fs/dir-notify-enable

static void enable_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "%d\n", atomic_load_explicit(&directories_tell, memory_order_relaxed));
}

static ssize_t enable_store(void *context, const char *from, size_t size) {
    uint64_t value;
    (void)context;
    if (!proc_parse_number(from, size, &value))
        return -EINVAL;
    atomic_store_explicit(&directories_tell, value != 0, memory_order_relaxed);
    return (ssize_t)size;
}

void async_init(void) {
    static const struct proc_file files[] = {{"sys/fs/dir-notify-enable", 0644, enable_show, enable_store}};
    proc_add_all(files, ARRAY_SIZE(files));
}

// Something happened to a name in the directory. The lock of all watches is held.
static void tell_directory(void *context, uint32_t mask) {
    static const struct event event = {.code = POLL_MSG, .band = SIGNALS_READ | BAND_MESSAGE};
    struct async_file *file = context;
    (void)mask;
    spin_lock(&file->lock);
    struct receiver receiver = file->receiver;
    receiver.fd = file->directory_fd;
    if (!(file->watched & DN_MULTISHOT))
        file->watched = 0;
    spin_unlock(&file->lock);
    if (receiver.id != 0)
        tell_receiver(&receiver, &event);
}

static uint32_t to_watch(unsigned long wanted) {
    static const struct {
        uint32_t event, mask;
    } rows[] = {
        {DN_ACCESS, NOTIFY_ACCESS},
        {DN_MODIFY, NOTIFY_MODIFY},
        {DN_CREATE, NOTIFY_CREATE | NOTIFY_MOVED_TO},
        {DN_DELETE, NOTIFY_DELETE | NOTIFY_MOVED_FROM},
        {DN_RENAME, NOTIFY_RENAMED},
        {DN_ATTRIB, NOTIFY_ATTRIB},
    };
    uint32_t mask = wanted & DN_MULTISHOT ? 0 : NOTIFY_ONE_SHOT;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        mask |= wanted & rows[i].event ? rows[i].mask : 0;
    return mask;
}

// The file's listener, which lives as long as it does. Null: no memory.
static struct object *listener_for(struct async_file *file) {
    struct object *fresh = notify_create_listener(tell_directory, file);
    spin_lock(&file->lock);
    struct object *unused = file->directory ? fresh : nullptr;
    if (!file->directory)
        file->directory = fresh;
    struct object *listener = file->directory;
    spin_unlock(&file->lock);
    if (unused)
        notify_close_listener(unused);
    return listener;
}

status_t async_watch_directory(struct object *object, int fd, unsigned long wanted) {
    struct file *opened = file_of(object);
    if (!atomic_load_explicit(&directories_tell, memory_order_relaxed))
        return -EINVAL;
    if (!opened || !opened->vnode || !S_ISTYPE(opened->vnode->mode, S_IFDIR))
        return -ENOTDIR;
    struct async_file *file = file_for(object);
    struct object *listener = file ? listener_for(file) : nullptr;
    if (!listener)
        return -ENOMEM;
    bool wants = wanted & ~(unsigned long)DN_MULTISHOT;
    status_t status = wants ? set_receiver(object, F_OWNER_PID, process_current()->task.id, false) : 0;
    if (status != 0)
        return status;
    spin_lock(&file->lock);
    int number = file->watch;
    file->watched = wants ? file->watched | (uint32_t)wanted : 0;
    wanted = file->watched;
    file->directory_fd = fd;
    spin_unlock(&file->lock);
    if (!wants) {
        if (number > 0)
            (void)!notify_remove(listener, number); // it may have been for once
        return 0;
    }
    number = notify_add(listener, opened->vnode, to_watch(wanted));
    if (number < 0)
        return number;
    spin_lock(&file->lock);
    file->watch = number;
    spin_unlock(&file->lock);
    return 0;
}

// --- O_ASYNC ---

status_t async_set(struct object *object, int fd, bool on) {
    bool was_on = atomic_load(&object->status_flags) & O_ASYNC;
    int owner = object->ops->async_owner ? object->ops->async_owner(object) : OBJECT_ASYNC_NEVER;
    if (on == was_on)
        return 0;
    if (owner == OBJECT_ASYNC_NEVER)
        return -ENOTTY;
    struct async_file *file = file_for(object);
    if (!file)
        return -ENOMEM;
    if (on && owner <= 0 &&
        set_receiver(object, owner < 0 ? F_OWNER_PGRP : F_OWNER_PID, owner < 0 ? -owner : process_current()->task.id,
                     false) != 0)
        return -ESRCH;
    spin_lock(&file->lock);
    file->receiver.on = on;
    file->receiver.fd = fd;
    watch_locked(file);
    if (on)
        atomic_fetch_or(&object->status_flags, (uint32_t)O_ASYNC);
    else
        atomic_fetch_and(&object->status_flags, ~(uint32_t)O_ASYNC);
    spin_unlock(&file->lock);
    return 0;
}
