// SPDX-License-Identifier: MPL-2.0
// Listeners: a program that decides about the calls of others, by a descriptor that its filter came with.
//
// A call that a filter answers with USER_NOTIF waits here. Its request lies on the waiting thread's stack, in the
// listener's list, under the lock of the listener's object:
//
//   caller                          listener
//   NEW, readable      ---------->  RECV: SENT, writable; it looks at the call, by the id
//                                   ADDFD: a handle for the caller, which the caller itself installs
//   ANSWERED           <----------  SEND
//
// A signal takes the caller away at any time (but see WAIT_KILLABLE_RECV), and with it the request: the listener learns
// it by ENOENT. If the listener's last descriptor goes, all who wait get ENOSYS; if the last thread with the filter
// goes, the listener is hung up. The filter and the descriptors each have a reference to the listener.
#include "file/fd.h"
#include "process/process_priv.h"
#include "seccomp_priv.h"

#include <abi/fcntl.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <sched/sched.h>

enum request_state { REQUEST_NEW, REQUEST_SENT, REQUEST_ANSWERED };

struct request {
    struct list_node node;
    struct posix_thread *thread;
    const struct abi_seccomp_data *data;
    uint64_t id;
    enum request_state state;
    struct abi_seccomp_response answer;
    struct list_node gifts;
    struct wait_queue wait; // the thread
};

// A handle on its way to the thread that waits. On the stack of the listener's thread, which has the handle meanwhile.
struct gift {
    struct list_node node; // in request->gifts, while nobody has taken it
    struct object *object;
    uint32_t rights;
    const struct abi_seccomp_addfd *how;
    bool done;
    long result;
};

struct seccomp_listener {
    struct object object; // its lock protects what follows
    struct list_node requests;
    uint64_t next_id;
    bool killable; // SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV; never changes
    bool closed;   // nobody listens any more
    bool deserted; // nobody will ask any more
    struct wait_queue readers, givers;
};
CHARGED_CACHE(listener_cache, struct seccomp_listener);

static const struct object_ops listener_ops;

static struct seccomp_listener *listener_of(struct object *object) {
    return CONTAINER_OF(object, struct seccomp_listener, object);
}

static void update_signals(struct seccomp_listener *listener) REQUIRES(&listener->object.lock) {
    uint32_t now = listener->deserted ? SIGNAL_HANGUP : 0;
    struct request *request;
    LIST_FOR_EACH(request, &listener->requests, node)
    now |= request->state == REQUEST_NEW ? SIGNALS_READ : request->state == REQUEST_SENT ? SIGNALS_WRITE : 0u;
    object_signal_locked(&listener->object, (SIGNALS_READ | SIGNALS_WRITE) & ~now, now);
}

static struct request *find(struct seccomp_listener *listener, uint64_t id) REQUIRES(&listener->object.lock) {
    struct request *request;
    LIST_FOR_EACH(request, &listener->requests, node)
    if (request->id == id)
        return request;
    return nullptr;
}

// ---------------------------------------------------------------- the caller's side

static long install(const struct gift *gift) {
    uint32_t flags = gift->how->new_flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0;
    object_get(gift->object);
    int fd = handle_install(gift->object, gift->rights, flags);
    if (fd < 0) {
        object_put(gift->object);
        return fd;
    }
    int wanted = (int)gift->how->new_fd;
    if (!(gift->how->flags & SECCOMP_ADDFD_FLAG_SETFD) || fd == wanted)
        return fd;
    long result = gift->how->new_fd > INT32_MAX ? -EBADF : handle_duplicate_to(fd, wanted, flags);
    (void)!handle_close(fd); // it was made above
    return result;
}

// What was given to this thread it installs itself, without the lock.
static void take_gifts(struct seccomp_listener *listener, struct request *request) REQUIRES(&listener->object.lock) {
    while (!list_is_empty(&request->gifts)) {
        struct gift *gift = LIST_ENTRY(list_pop_front(&request->gifts), struct gift, node);
        list_init(&gift->node);
        spin_unlock(&listener->object.lock);
        long result = install(gift);
        spin_lock(&listener->object.lock);
        if (gift->how->flags & SECCOMP_ADDFD_FLAG_SEND) {
            request->answer = (struct abi_seccomp_response){.value = result};
            request->state = result < 0 ? REQUEST_SENT : REQUEST_ANSWERED; // if that failed, another try
        }
        gift->result = result;
        gift->done = true;
        wait_queue_wake_all(&listener->givers);
    }
}

static void refuse_gifts(struct seccomp_listener *listener, struct request *request) REQUIRES(&listener->object.lock) {
    while (!list_is_empty(&request->gifts)) {
        struct gift *gift = LIST_ENTRY(list_pop_front(&request->gifts), struct gift, node);
        list_init(&gift->node);
        gift->result = -ESRCH;
        gift->done = true;
    }
    wait_queue_wake_all(&listener->givers);
}

// 0: answered. -ENOSYS: nobody listens. -ERESTARTSYS.
static status_t await(struct seccomp_listener *listener, struct request *request) REQUIRES(&listener->object.lock) {
    for (;;) {
        take_gifts(listener, request);
        if (request->state == REQUEST_ANSWERED)
            return 0;
        if (listener->closed)
            return -ENOSYS;
        bool killable = listener->killable && request->state == REQUEST_SENT;
        status_t status = wait_queue_sleep(&request->wait, &listener->object.lock,
                                           killable ? WAIT_KILLABLE : WAIT_INTERRUPTIBLE, NSEC_NEVER);
        if (status != 0)
            return -ERESTARTSYS;
    }
}

bool seccomp_ask_listener(const struct seccomp_filter *filter, struct arch_frame *frame,
                          const struct abi_seccomp_data *data) {
    struct seccomp_listener *listener = filter->listener;
    struct request request = {.thread = posix_current(), .data = data};
    if (!listener) {
        arch_frame_set_result(frame, -ENOSYS);
        return false;
    }
    list_init(&request.gifts);
    wait_queue_init(&request.wait);
    spin_lock(&listener->object.lock);
    request.id = listener->next_id++;
    list_push_back(&listener->requests, &request.node);
    update_signals(listener);
    wait_queue_wake_one(&listener->readers);
    status_t status = await(listener, &request);
    list_remove(&request.node);
    refuse_gifts(listener, &request);
    update_signals(listener);
    spin_unlock(&listener->object.lock);
    if (status == 0 && (request.answer.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE))
        return true;
    arch_frame_set_result(frame, status != 0            ? status
                                 : request.answer.error ? request.answer.error
                                                        : (long)request.answer.value);
    return false;
}

// ---------------------------------------------------------------- the listener's side

static struct request *first_new(struct seccomp_listener *listener) REQUIRES(&listener->object.lock) {
    struct request *request;
    LIST_FOR_EACH(request, &listener->requests, node)
    if (request->state == REQUEST_NEW)
        return request;
    return nullptr;
}

static long receive(struct seccomp_listener *listener, struct abi_seccomp_notification __user *to) {
    struct abi_seccomp_notification out;
    struct request *request;
    status_t status = 0;
    if (copy_from_user(&out, to, sizeof(out)) != 0)
        return -EFAULT;
    for (unsigned i = 0; i < sizeof(out); i++)
        if (((const uint8_t *)&out)[i] != 0)
            return -EINVAL;
    spin_lock(&listener->object.lock);
    while (status == 0 && !(request = first_new(listener)))
        status = listener->deserted
                     ? -ENOENT
                     : wait_queue_sleep(&listener->readers, &listener->object.lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
    if (status == 0) {
        struct process *process = request->thread->process;
        out.id = request->id;
        out.pid = job_sees(job_current(), process->task.job) ? (uint32_t)request->thread->tid : 0;
        out.data = *request->data;
        request->state = REQUEST_SENT;
        update_signals(listener);
        wait_queue_wake_all(&request->wait); // from now on perhaps only killable
    }
    spin_unlock(&listener->object.lock);
    if (status != 0)
        return status == -EINTR ? -ERESTARTSYS : status;
    if (copy_to_user(to, &out, sizeof(out)) == 0)
        return 0;
    spin_lock(&listener->object.lock); // another may have it
    request = find(listener, out.id);
    if (request && request->state == REQUEST_SENT) {
        request->state = REQUEST_NEW;
        update_signals(listener);
        wait_queue_wake_one(&listener->readers);
    }
    spin_unlock(&listener->object.lock);
    return -EFAULT;
}

static long answer(struct seccomp_listener *listener, const struct abi_seccomp_response __user *from) {
    struct abi_seccomp_response in;
    if (copy_from_user(&in, from, sizeof(in)) != 0)
        return -EFAULT;
    if (in.flags & ~(uint32_t)SECCOMP_USER_NOTIF_FLAG_CONTINUE)
        return -EINVAL;
    if ((in.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE) && (in.error != 0 || in.value != 0))
        return -EINVAL;
    spin_lock(&listener->object.lock);
    struct request *request = find(listener, in.id);
    long result = !request ? -ENOENT : request->state != REQUEST_SENT ? -EINPROGRESS : 0;
    if (result == 0) {
        request->answer = in;
        request->state = REQUEST_ANSWERED;
        update_signals(listener);
        wait_queue_wake_all(&request->wait);
    }
    spin_unlock(&listener->object.lock);
    return result;
}

static long is_valid(struct seccomp_listener *listener, const uint64_t __user *from) {
    uint64_t id;
    if (get_user(id, from) != 0)
        return -EFAULT;
    spin_lock(&listener->object.lock);
    const struct request *request = find(listener, id);
    bool valid = request && request->state == REQUEST_SENT;
    spin_unlock(&listener->object.lock);
    return valid ? 0 : -ENOENT;
}

// The gift lies in the request's list. Returns when the thread has taken it, or is gone.
static long await_taken(struct seccomp_listener *listener, struct gift *gift) REQUIRES(&listener->object.lock) {
    enum wait_mode mode = WAIT_INTERRUPTIBLE;
    while (!gift->done) {
        if (wait_queue_sleep(&listener->givers, &listener->object.lock, mode, NSEC_NEVER) == 0 || gift->done)
            continue;
        if (!list_is_empty(&gift->node)) { // a signal, and nobody has it yet
            list_remove(&gift->node);
            return -ERESTARTSYS;
        }
        mode = WAIT_UNINTERRUPTIBLE; // it is being installed, which is soon done
    }
    return gift->result;
}

static long give(struct seccomp_listener *listener, struct gift *gift) {
    bool sends = gift->how->flags & SECCOMP_ADDFD_FLAG_SEND;
    spin_lock(&listener->object.lock);
    struct request *request = find(listener, gift->how->id);
    long result = !request                                   ? -ENOENT
                  : request->state != REQUEST_SENT           ? -EINPROGRESS
                  : sends && !list_is_empty(&request->gifts) ? -EBUSY
                                                             : 0;
    if (result == 0) {
        list_push_back(&request->gifts, &gift->node);
        wait_queue_wake_all(&request->wait);
        result = await_taken(listener, gift);
    }
    spin_unlock(&listener->object.lock);
    return result;
}

static long add_handle(struct seccomp_listener *listener, const struct abi_seccomp_addfd __user *from) {
    struct abi_seccomp_addfd in;
    struct handle_ref ref;
    if (copy_from_user(&in, from, sizeof(in)) != 0)
        return -EFAULT;
    if ((in.flags & ~(uint32_t)(SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND)) ||
        (in.new_flags & ~(uint32_t)O_CLOEXEC) || (in.new_fd && !(in.flags & SECCOMP_ADDFD_FLAG_SETFD)))
        return -EINVAL;
    status_t status = fd_get((int)in.source_fd, RIGHT_TRANSFER, &ref);
    if (status != 0)
        return status;
    struct gift gift = {.object = ref.object, .rights = ref.rights, .how = &in};
    list_init(&gift.node);
    long result = give(listener, &gift);
    handle_release(&ref);
    return result;
}

static long listener_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct seccomp_listener *listener = listener_of(object);
    switch (command) {
    case SECCOMP_IOCTL_NOTIF_RECV:
        return receive(listener, (struct abi_seccomp_notification __user *)argument);
    case SECCOMP_IOCTL_NOTIF_SEND:
        return answer(listener, (const struct abi_seccomp_response __user *)argument);
    case SECCOMP_IOCTL_NOTIF_ID_VALID:
    case SECCOMP_IOCTL_NOTIF_ID_VALID_WRONG_DIR:
        return is_valid(listener, (const uint64_t __user *)argument);
    case SECCOMP_IOCTL_NOTIF_ADDFD:
        return add_handle(listener, (const struct abi_seccomp_addfd __user *)argument);
    default:
        return -EINVAL;
    }
}

// ---------------------------------------------------------------- life

static void listener_closed(struct object *object) {
    struct seccomp_listener *listener = listener_of(object);
    struct request *request;
    spin_lock(&listener->object.lock);
    listener->closed = true;
    LIST_FOR_EACH(request, &listener->requests, node)
    wait_queue_wake_all(&request->wait);
    spin_unlock(&listener->object.lock);
}

static void listener_destroy(struct object *object) {
    charged_free(&listener_cache, listener_of(object));
}

static const struct object_ops listener_ops = {
    .type = OBJECT_EVENT,
    .name = "seccomp notify",
    .destroy = listener_destroy,
    .closed = listener_closed,
    .ioctl = listener_ioctl,
};

struct seccomp_listener *seccomp_listener_make(bool killable) {
    struct seccomp_listener *listener = charged_alloc_zero(&listener_cache);
    if (!listener)
        return nullptr;
    object_init(&listener->object, &listener_ops, 0);
    listener->object.status_flags = O_RDWR;
    listener->killable = killable;
    list_init(&listener->requests);
    wait_queue_init(&listener->readers);
    wait_queue_init(&listener->givers);
    listener->next_id = 1;
    return listener;
}

struct object *seccomp_listener_object(struct seccomp_listener *listener) {
    return &listener->object;
}

void seccomp_listener_desert(struct seccomp_listener *listener) {
    spin_lock(&listener->object.lock);
    listener->deserted = true;
    update_signals(listener);
    wait_queue_wake_all(&listener->readers);
    spin_unlock(&listener->object.lock);
    object_put(&listener->object);
}
