// SPDX-License-Identifier: MPL-2.0
// System V semaphore sets, with Linux's semantics.
//
// The operations of one call are done all or not at all: `attempt` does them on a copy of the values. Who waits for a
// set is in one list in the order of arrival, with the operation that could not be done; after each change `settle`
// goes through it until nobody can go on. SEM_UNDO keeps, for each process, what its end adds to each value.
#include "posixd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

// One set's values fit into a message (SETALL, GETALL).
enum { SET_MAX = 4000, SEMAPHORES_MAX = 1024000000, SETS_MAX = 32000, OPERATIONS_MAX = 500, VALUE_MAX = 32767 };

struct undo {
    struct link link;
    int process;
    int16_t add[]; // to each value, when the process ends
};

struct set {
    struct object object; // first
    struct link undos;
    int64_t operated, changed; // CLOCK_REALTIME, seconds
    int count;
    struct semaphore {
        int value, process; // the last to change or to test it
    } *semaphores;
};

static struct {
    struct kind kind;
    int64_t used; // in all sets
} semaphores = {.kind.max = SETS_MAX};

static struct set *set_find(int64_t id) {
    return (struct set *)object_find(&semaphores.kind, (int)id);
}

static struct undo *undo_find(struct set *set, int process) {
    for (struct link *link = set->undos.next; link != &set->undos; link = link->next)
        if (((struct undo *)link)->process == process)
            return (struct undo *)link;
    return NULL;
}

// ---------------------------------------------------------------- semop

struct attempt {
    int values[SET_MAX];
    int16_t add[SET_MAX]; // of the caller's undo, then
    bool alters, undoes;
};

// 0, WAITS or an error; the attempt has what the values would be.
static int64_t try_operations(struct set *set, struct caller *caller, struct attempt *attempt) {
    const struct sembuf *operations = (const void *)caller->input;
    int64_t count = caller->request.arguments[1];
    struct undo *undo = undo_find(set, caller->request.process);
    attempt->alters = attempt->undoes = false;
    for (int64_t i = 0; i < count; i++) {
        int number = operations[i].sem_num;
        attempt->values[number] = set->semaphores[number].value;
        attempt->add[number] = undo ? undo->add[number] : 0;
        attempt->alters |= operations[i].sem_op != 0;
    }
    for (int64_t i = 0; i < count; i++) {
        const struct sembuf *operation = &operations[i];
        int *value = &attempt->values[operation->sem_num];
        int now = *value + operation->sem_op;
        if (operation->sem_op == 0 ? *value != 0 : now < 0) {
            caller->blocking = (int)i;
            return operation->sem_flg & IPC_NOWAIT ? -EAGAIN : WAITS;
        }
        if (now > VALUE_MAX)
            return -ERANGE;
        if (operation->sem_flg & SEM_UNDO) {
            int add = attempt->add[operation->sem_num] - operation->sem_op;
            if (add < -VALUE_MAX - 1 || add > VALUE_MAX)
                return -ERANGE;
            attempt->add[operation->sem_num] = (int16_t)add;
            attempt->undoes = true;
        }
        *value = now;
    }
    return 0;
}

static int64_t operate(struct set *set, struct caller *caller) {
    static struct attempt attempt;
    const struct sembuf *operations = (const void *)caller->input;
    int64_t result = try_operations(set, caller, &attempt);
    if (result != 0)
        return result;
    struct undo *undo = undo_find(set, caller->request.process);
    if (attempt.undoes && !undo) {
        undo = calloc(1, sizeof *undo + set->count * sizeof *undo->add);
        if (!undo)
            return -ENOMEM;
        undo->process = caller->request.process;
        link_append(&set->undos, &undo->link); // all 0: no harm if the caller does not take the answer
    }
    if (!answer(caller, 0, NULL, 0, attempt.undoes ? POSIX_WATCH : 0))
        return ANSWERED;
    for (int64_t i = 0; i < caller->request.arguments[1]; i++) {
        int number = operations[i].sem_num;
        set->semaphores[number] = (struct semaphore){attempt.values[number], caller->request.process};
        if (undo)
            undo->add[number] = attempt.add[number];
    }
    set->operated = time(NULL);
    return ANSWERED;
}

static void settle(struct set *set) {
    for (bool again = true; again;) {
        again = false;
        for (struct link *link = set->object.waiting.next, *next; link != &set->object.waiting; link = next) {
            struct caller *caller = (struct caller *)link;
            next = link->next;
            int64_t result = operate(set, caller);
            if (result == WAITS)
                continue;
            again = true;
            if (result == ANSWERED)
                caller_end(caller);
            else
                caller_fail(caller, (int)result);
        }
    }
}

static int64_t semop_call(struct caller *caller) {
    const int64_t *arguments = caller->request.arguments;
    const struct sembuf *operations = (const void *)caller->input;
    if (arguments[1] < 1 || arguments[1] > OPERATIONS_MAX || caller->input_size < arguments[1] * sizeof *operations)
        return -EINVAL;
    struct set *set = set_find(arguments[0]);
    if (!set)
        return -EINVAL;
    bool alters = false;
    for (int64_t i = 0; i < arguments[1]; i++) {
        alters |= operations[i].sem_op != 0;
        if (operations[i].sem_num >= set->count)
            return -EFBIG;
    }
    int error = object_permits(&set->object, caller, alters ? 0222 : 0444);
    if (error)
        return error;
    int64_t result = operate(set, caller);
    if (result == ANSWERED && alters)
        settle(set);
    if (result != WAITS)
        return result;
    if (arguments[2] == 0)
        return -EAGAIN;
    if (arguments[2] > 0) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t deadline;
        if (!__builtin_add_overflow(now.tv_sec * 1'000'000'000LL + now.tv_nsec, arguments[2], &deadline))
            caller->deadline = deadline;
    }
    link_append(&set->object.waiting, &caller->link);
    return WAITS;
}

void semaphores_process_ended(int process) {
    for (int i = 0; i < semaphores.kind.room; i++) {
        struct set *set = (struct set *)semaphores.kind.objects[i];
        struct undo *undo = set ? undo_find(set, process) : NULL;
        if (!undo)
            continue;
        for (int number = 0; number < set->count; number++) {
            if (undo->add[number] == 0)
                continue;
            int value = set->semaphores[number].value + undo->add[number];
            value = value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value;
            set->semaphores[number] = (struct semaphore){value, process};
        }
        link_remove(&undo->link);
        free(undo);
        set->operated = time(NULL);
        settle(set);
    }
}

// ---------------------------------------------------------------- semget, semctl

static void set_free(struct set *set) {
    while (!link_is_empty(&set->undos)) {
        struct link *undo = set->undos.next;
        link_remove(undo);
        free(undo);
    }
    semaphores.used -= set->count;
    free(set->semaphores);
    free(set);
}

static int64_t create(struct caller *caller, key_t key, int count, int flags) {
    if (count == 0)
        return -EINVAL;
    if (semaphores.used + count > SEMAPHORES_MAX)
        return -ENOSPC;
    struct set *set = calloc(1, sizeof *set);
    if (!set)
        return -ENOMEM;
    set->semaphores = calloc(count, sizeof *set->semaphores);
    set->count = count;
    set->changed = time(NULL);
    link_init(&set->undos);
    semaphores.used += count;
    int error = set->semaphores ? object_add(&semaphores.kind, &set->object, caller, key, flags) : -ENOMEM;
    if (error) {
        set_free(set);
        return error;
    }
    if (!answer(caller, set->object.id, NULL, 0, 0)) {
        object_remove(&semaphores.kind, &set->object);
        set_free(set);
    }
    return ANSWERED;
}

static int64_t get(struct caller *caller) {
    key_t key = (key_t)caller->request.arguments[0];
    int64_t count = caller->request.arguments[1];
    int flags = (int)caller->request.arguments[2];
    if (count < 0 || count > SET_MAX)
        return -EINVAL;
    struct object *object = key == IPC_PRIVATE ? NULL : object_by_key(&semaphores.kind, key);
    if (!object && key != IPC_PRIVATE && !(flags & IPC_CREAT))
        return -ENOENT;
    if (!object)
        return create(caller, key, (int)count, flags);
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    if (count > ((struct set *)object)->count)
        return -EINVAL;
    int error = object_permits(object, caller, flags);
    return error ? error : (answer(caller, object->id, NULL, 0, 0), ANSWERED);
}

static int64_t information(struct caller *caller, int command) {
    struct seminfo info = {.semmap = SEMAPHORES_MAX,
                           .semmni = SETS_MAX,
                           .semmns = SEMAPHORES_MAX,
                           .semmnu = SEMAPHORES_MAX,
                           .semmsl = SET_MAX,
                           .semopm = OPERATIONS_MAX,
                           .semume = OPERATIONS_MAX,
                           .semusz = 20,
                           .semvmx = VALUE_MAX,
                           .semaem = VALUE_MAX};
    if (command == SEM_INFO) {
        info.semusz = semaphores.kind.used;
        info.semaem = (int)semaphores.used;
    }
    answer(caller, object_highest(&semaphores.kind), &info, sizeof info, 0);
    return ANSWERED;
}

static int64_t state(struct caller *caller, int command) {
    int id = (int)caller->request.arguments[0];
    struct set *set = command == IPC_STAT ? set_find(id) : (void *)object_at(&semaphores.kind, id % IDS_MAX);
    if (!set)
        return -EINVAL;
    int error = command == SEM_STAT_ANY ? 0 : object_permits(&set->object, caller, 0444);
    if (error)
        return error;
    struct semid_ds out = {.sem_otime = set->operated, .sem_ctime = set->changed};
    out.sem_nsems = (unsigned short)set->count;
    object_get_owner(&set->object, &out.sem_perm);
    answer(caller, command == IPC_STAT ? 0 : set->object.id, &out, sizeof out, 0);
    return ANSWERED;
}

static int64_t change(struct set *set, struct caller *caller, int command) {
    struct semid_ds in;
    if (!object_is_owned(&set->object, caller))
        return -EPERM;
    if (command == IPC_RMID) {
        if (answer(caller, 0, NULL, 0, 0)) {
            object_remove(&semaphores.kind, &set->object);
            set_free(set);
        }
        return ANSWERED;
    }
    if (caller->input_size < sizeof in)
        return need_input(caller, sizeof in);
    memcpy(&in, caller->input, sizeof in);
    int error = object_set_owner(&set->object, &in.sem_perm);
    if (error)
        return error;
    set->changed = time(NULL);
    answer(caller, 0, NULL, 0, 0);
    return ANSWERED;
}

static void forget_undo(struct set *set, int number) {
    for (struct link *link = set->undos.next; link != &set->undos; link = link->next)
        ((struct undo *)link)->add[number] = 0;
}

static int64_t set_values(struct set *set, struct caller *caller, int first, int count, const uint16_t *values) {
    for (int i = 0; i < count; i++)
        if (values[i] > VALUE_MAX)
            return -ERANGE;
    for (int i = 0; i < count; i++) {
        set->semaphores[first + i] = (struct semaphore){values[i], caller->request.process};
        forget_undo(set, first + i);
    }
    set->changed = time(NULL);
    answer(caller, 0, NULL, 0, 0);
    settle(set);
    return ANSWERED;
}

static int64_t get_all(struct set *set, struct caller *caller) {
    static uint16_t values[SET_MAX];
    for (int i = 0; i < set->count; i++)
        values[i] = (uint16_t)set->semaphores[i].value;
    answer(caller, 0, values, set->count * sizeof *values, 0);
    return ANSWERED;
}

// How many wait for this one: to grow, or to become 0.
static int64_t count_waiting(struct set *set, int number, bool for_zero) {
    int64_t count = 0;
    for (struct link *link = set->object.waiting.next; link != &set->object.waiting; link = link->next) {
        struct caller *caller = (struct caller *)link;
        const struct sembuf *blocking = (const struct sembuf *)(const void *)caller->input + caller->blocking;
        count += blocking->sem_num == number && (blocking->sem_op == 0) == for_zero;
    }
    return count;
}

static int64_t one_value(struct set *set, struct caller *caller, int command) {
    int64_t number = caller->request.arguments[1], value = caller->request.arguments[3];
    if (command == SETVAL && (value < 0 || value > VALUE_MAX))
        return -ERANGE;
    if (number < 0 || number >= set->count)
        return -EINVAL;
    int error = object_permits(&set->object, caller, command == SETVAL ? 0222 : 0444);
    if (error)
        return error;
    const struct semaphore *semaphore = &set->semaphores[number];
    if (command == SETVAL)
        return set_values(set, caller, (int)number, 1, &(uint16_t){(uint16_t)value});
    int64_t result = command == GETVAL   ? semaphore->value
                     : command == GETPID ? semaphore->process
                                         : count_waiting(set, (int)number, command == GETZCNT);
    answer(caller, result, NULL, 0, 0);
    return ANSWERED;
}

static int64_t all_values(struct set *set, struct caller *caller, int command) {
    int error = object_permits(&set->object, caller, command == SETALL ? 0222 : 0444);
    if (error)
        return error;
    if (command == GETALL)
        return get_all(set, caller);
    uint32_t size = set->count * sizeof(uint16_t);
    return caller->input_size < size ? need_input(caller, size)
                                     : set_values(set, caller, 0, set->count, (const void *)caller->input);
}

int64_t semaphores_serve(struct caller *caller) {
    if (caller->call == POSIX_SEMGET)
        return get(caller);
    if (caller->call == POSIX_SEMOP)
        return semop_call(caller);
    int command = (int)caller->request.arguments[2];
    if (command == IPC_INFO || command == SEM_INFO)
        return information(caller, command);
    if (command == IPC_STAT || command == SEM_STAT || command == SEM_STAT_ANY)
        return state(caller, command);
    struct set *set = set_find(caller->request.arguments[0]);
    switch (command) {
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
    case SETVAL:
        return set ? one_value(set, caller, command) : -EINVAL;
    case GETALL:
    case SETALL:
        return set ? all_values(set, caller, command) : -EINVAL;
    case IPC_SET:
    case IPC_RMID:
        return set ? change(set, caller, command) : -EINVAL;
    default:
        return -EINVAL;
    }
}
