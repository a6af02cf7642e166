// SPDX-License-Identifier: MPL-2.0
// System V semaphore sets, with Linux's semantics.
//
// The operations of one call are done all or not at all: `attempt` does them on a copy of the values. Who waits for a
// set is in one list in the order of arrival, with the operation that could not be done. SEM_UNDO keeps, for each
// process, what its end adds to each value.
#include "posixd.h"

#include <errno.h>
#include <string.h>
#include <sys/sem.h>
#include <time.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

// One set's values fit into a message (SETALL, GETALL).
enum { SET_MAX = 4000, SEMAPHORES_MAX = 1024000000, SETS_MAX = 32000, OPERATIONS_MAX = 500, VALUE_MAX = 32767 };

struct undo {
    struct link link;
    int process;
    struct adjustment {
        int32_t add;    // to each value, when the process ends,
        uint32_t epoch; // if it is still that of the semaphore
    } adjustments[];
};

struct set {
    struct object object; // first
    struct link undos;
    int64_t operated, changed; // CLOCK_REALTIME, seconds
    int count;
    struct semaphore {
        int value, process; // the last to change or to test it
        uint32_t epoch;     // a new one makes all processes forget what they would add
    } *semaphores;
};

static struct kind *kind(void) {
    return &space()->sets;
}
static int64_t operate(struct object *object, struct caller *caller);
static struct object *create(struct caller *caller, int *error);
static void destroy(struct object *object);
static const struct family family = {kind, SETS_MAX, create, destroy, operate};

static struct set *set_find(int64_t id) {
    return (struct set *)object_find(&family, id);
}

static struct undo *undo_find(struct set *set, int process) {
    for (struct link *link = set->undos.next; link != &set->undos; link = link->next)
        if (((struct undo *)link)->process == process)
            return (struct undo *)link;
    return NULL;
}

static size_t undo_size(const struct set *set) {
    return sizeof(struct undo) + set->count * sizeof(struct adjustment);
}

static int adjustment(const struct set *set, const struct undo *undo, int number) {
    const struct adjustment *a = &undo->adjustments[number];
    return a->epoch == set->semaphores[number].epoch ? a->add : 0;
}

// ---------------------------------------------------------------- semop

struct attempt {
    int values[SET_MAX];
    int add[SET_MAX]; // of the caller's undo, then
    bool undoes;
};

// 0, WAITS or an error; the attempt has what the values would be.
static int64_t try_operations(struct set *set, struct caller *caller, struct attempt *attempt) {
    const struct sembuf *operations = (const void *)caller->input;
    int64_t count = caller->request.arguments[1];
    struct undo *undo = undo_find(set, caller->request.process);
    attempt->undoes = false;
    for (int64_t i = 0; i < count; i++) {
        int number = operations[i].sem_num;
        attempt->values[number] = set->semaphores[number].value;
        attempt->add[number] = undo ? adjustment(set, undo, number) : 0;
    }
    for (int64_t i = 0; i < count; i++) {
        const struct sembuf *operation = &operations[i];
        int *value = &attempt->values[operation->sem_num];
        int next = *value + operation->sem_op;
        if (operation->sem_op == 0 ? *value != 0 : next < 0) {
            caller->blocking = (int)i;
            bool waits =
                !(operation->sem_flg & IPC_NOWAIT) && (caller->deadline == INT64_MAX || caller->deadline > now());
            return waits ? WAITS : -EAGAIN;
        }
        if (next > VALUE_MAX)
            return -ERANGE;
        if (operation->sem_flg & SEM_UNDO) {
            int add = attempt->add[operation->sem_num] - operation->sem_op;
            if (add < -VALUE_MAX - 1 || add > VALUE_MAX)
                return -ERANGE;
            attempt->add[operation->sem_num] = add;
            attempt->undoes = true;
        }
        *value = next;
    }
    return 0;
}

static struct undo *undo_add(struct set *set, int process) {
    struct undo *undo = state_allocate(undo_size(set));
    if (!undo)
        return NULL;
    undo->process = process;
    kept_append(&set->undos, &undo->link);
    return undo;
}

static void carry_out(struct set *set, struct caller *caller, const struct attempt *attempt, struct undo *undo) {
    const struct sembuf *operations = (const void *)caller->input;
    for (int64_t i = 0; i < caller->request.arguments[1]; i++) {
        int number = operations[i].sem_num;
        struct semaphore *semaphore = &set->semaphores[number];
        KEEP(*semaphore);
        semaphore->value = attempt->values[number];
        semaphore->process = caller->request.process;
        if (!undo)
            continue;
        KEEP(undo->adjustments[number]);
        undo->adjustments[number] = (struct adjustment){attempt->add[number], semaphore->epoch};
    }
    KEEP(set->operated);
    set->operated = time(NULL);
}

static int64_t operate(struct object *object, struct caller *caller) {
    static struct attempt attempt;
    struct set *set = (struct set *)object;
    int64_t result = try_operations(set, caller, &attempt);
    if (result != 0)
        return result;
    struct undo *undo = undo_find(set, caller->request.process);
    if (attempt.undoes && !undo && !(undo = undo_add(set, caller->request.process)))
        return -ENOMEM;
    carry_out(set, caller, &attempt, undo);
    answer(caller, 0, NULL, 0, attempt.undoes ? POSIX_WATCH : 0);
    return ANSWERED;
}

static int64_t semop_call(struct caller *caller) {
    const int64_t *arguments = caller->request.arguments;
    const struct sembuf *operations = (const void *)caller->input;
    if (arguments[1] < 1 || arguments[1] > OPERATIONS_MAX || caller->input_size < arguments[1] * sizeof *operations)
        return -EINVAL;
    struct set *set = set_find(arguments[0]);
    if (!set)
        return -EINVAL;
    bool alters = false, undoes = false;
    for (int64_t i = 0; i < arguments[1]; i++) {
        alters |= operations[i].sem_op != 0;
        undoes |= operations[i].sem_flg & SEM_UNDO;
        if (operations[i].sem_num >= set->count)
            return -EFBIG;
    }
    int error = object_permits(&set->object, caller, alters ? 0222 : 0444);
    if (error)
        return error;
    // Paid for before it waits: who has waited is not sent back.
    int64_t wanted = undoes && caller->request.job && !undo_find(set, caller->request.process)
                         ? (int64_t)state_room(undo_size(set))
                         : 0;
    if (wanted > caller->request.memory)
        return need_memory(caller, wanted - caller->request.memory);
    caller->deadline = arguments[2];
    return object_serve(&family, &set->object, caller);
}

static void end_undo(struct set *set, struct undo *undo) {
    for (int number = 0; number < set->count; number++) {
        struct semaphore *semaphore = &set->semaphores[number];
        int add = adjustment(set, undo, number), value = semaphore->value + add;
        if (add == 0)
            continue;
        KEEP(*semaphore);
        semaphore->value = value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value;
        semaphore->process = undo->process;
    }
    KEEP(set->operated);
    set->operated = time(NULL);
    kept_remove(&undo->link);
    state_free(undo, undo_size(set));
    state_commit();
    object_settle(&family, &set->object);
}

static void process_ended(void *context) {
    for (int i = 0; i < kind()->room; i++) {
        struct set *set = (struct set *)kind()->objects[i];
        struct undo *undo = set ? undo_find(set, *(int *)context) : NULL;
        if (undo)
            end_undo(set, undo);
    }
}

void semaphores_process_ended(int process) {
    spaces_each(process_ended, &process);
}

void semaphores_clear(void) {
    objects_clear(&family);
}

void semaphores_reopen(void) {
    objects_reopen(kind());
    for (int i = 0; i < kind()->room; i++) {
        struct set *set = (struct set *)kind()->objects[i];
        for (struct link *link = set ? set->undos.next : NULL, *next; set && link != &set->undos; link = next) {
            next = link->next;
            if (process_has_ended(((struct undo *)link)->process))
                end_undo(set, (struct undo *)link);
        }
    }
}

// ---------------------------------------------------------------- semget, semctl

static void destroy(struct object *object) {
    struct set *set = (struct set *)object;
    for (struct link *link = set->undos.next, *next; link != &set->undos; link = next) {
        next = link->next;
        state_free(link, undo_size(set));
    }
    KEEP(space()->semaphores);
    space()->semaphores -= set->count;
    state_free(set->semaphores, set->count * sizeof *set->semaphores);
    state_free(set, sizeof *set);
}

static struct object *create(struct caller *caller, int *error) {
    int count = (int)caller->request.arguments[1];
    *error = count == 0 ? -EINVAL : space()->semaphores + count > SEMAPHORES_MAX ? -ENOSPC : -ENOMEM;
    struct set *set = *error == -ENOMEM ? state_allocate(sizeof *set) : NULL;
    struct semaphore *members = set ? state_allocate(count * sizeof *members) : NULL;
    if (!members)
        return NULL;
    set->semaphores = members;
    set->count = count;
    set->changed = time(NULL);
    link_init(&set->undos);
    KEEP(space()->semaphores);
    space()->semaphores += count;
    return &set->object;
}

static int check(const struct object *found, const struct caller *caller) {
    return found && caller->request.arguments[1] > ((const struct set *)found)->count ? -EINVAL : 0;
}

static int64_t get(struct caller *caller) {
    const int64_t *arguments = caller->request.arguments;
    if (arguments[1] < 0 || arguments[1] > SET_MAX)
        return -EINVAL;
    return object_get(&family, caller, (key_t)arguments[0], (int)arguments[2], check);
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
        info.semusz = kind()->used;
        info.semaem = (int)space()->semaphores;
    }
    answer(caller, object_highest(&family), &info, sizeof info, 0);
    return ANSWERED;
}

static int64_t state(struct caller *caller, int command) {
    int error;
    struct set *set =
        (struct set *)object_to_show(&family, caller, command == IPC_STAT, command == SEM_STAT_ANY, &error);
    if (!set)
        return error;
    struct semid_ds out = {.sem_otime = set->operated, .sem_ctime = set->changed};
    out.sem_nsems = (unsigned short)set->count;
    object_show_owner(&set->object, &out.sem_perm);
    answer(caller, command == IPC_STAT ? 0 : set->object.id, &out, sizeof out, 0);
    return ANSWERED;
}

static int64_t change(struct set *set, struct caller *caller, int command) {
    struct semid_ds in;
    if (!object_is_owned(&set->object, caller))
        return -EPERM;
    if (command == IPC_RMID)
        return object_remove(&family, &set->object, caller);
    if (caller->input_size < sizeof in)
        return need_input(caller, sizeof in);
    memcpy(&in, caller->input, sizeof in);
    int error = object_set_owner(&set->object, &in.sem_perm);
    if (error)
        return error;
    KEEP(set->changed);
    set->changed = time(NULL);
    answer(caller, 0, NULL, 0, 0);
    return ANSWERED;
}

static int64_t set_values(struct set *set, struct caller *caller, int first, int count, const uint16_t *values) {
    for (int i = 0; i < count; i++)
        if (values[i] > VALUE_MAX)
            return -ERANGE;
    keep(&set->semaphores[first], count * sizeof *set->semaphores);
    for (int i = 0; i < count; i++) {
        struct semaphore *semaphore = &set->semaphores[first + i];
        *semaphore = (struct semaphore){values[i], caller->request.process, semaphore->epoch + 1};
    }
    KEEP(set->changed);
    set->changed = time(NULL);
    answer(caller, 0, NULL, 0, 0);
    object_settle(&family, &set->object);
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
