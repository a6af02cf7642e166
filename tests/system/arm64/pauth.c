// SPDX-License-Identifier: MPL-2.0
// ARM64: pointer authentication keys belong to a program. New at exec, inherited by threads and children, changed and
// switched off by prctl.
#include "sys.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#define ADDRESS 0x1234'5678'9ab0ul
#define MODIFIER 0x77ul
enum { KEYS = 5, POINTERS = 16 };
static const char *const key_names[KEYS] = {"IA", "IB", "DA", "DB", "GA"};

#define SIGN(instruction, value)                                                      \
    ({                                                                                \
        uint64_t signed_ = (value);                                                   \
        __asm__ volatile(".arch armv8.3-a\n\t" instruction " %0, %1\n\t.arch armv8-a" \
                         : "+r"(signed_)                                              \
                         : "r"(MODIFIER));                                            \
        signed_;                                                                      \
    })

static uint64_t sign(int key, uint64_t value) {
    uint64_t result;
    switch (key) {
    case 0:
        return SIGN("pacia", value);
    case 1:
        return SIGN("pacib", value);
    case 2:
        return SIGN("pacda", value);
    case 3:
        return SIGN("pacdb", value);
    default:
        __asm__ volatile(".arch armv8.3-a\n\tpacga %0, %1, %2\n\t.arch armv8-a"
                         : "=r"(result)
                         : "r"(value), "r"(MODIFIER));
        return result;
    }
}

static uint64_t check(int key, uint64_t value) {
    switch (key) {
    case 0:
        return SIGN("autia", value);
    case 1:
        return SIGN("autib", value);
    case 2:
        return SIGN("autda", value);
    default:
        return SIGN("autdb", value);
    }
}

// Signatures of several pointers: that two keys agree on all by chance will not happen.
struct signatures {
    uint64_t of[KEYS][POINTERS];
};
static struct signatures sign_all(void) {
    struct signatures s = {};
    for (int key = 0; key < KEYS; key++)
        for (uint64_t i = 0; i < POINTERS; i++)
            if (key < 4 || getauxval(AT_HWCAP) >> 31)
                s.of[key][i] = sign(key, ADDRESS + 16 * i);
    return s;
}
static bool same_key(const struct signatures *a, const struct signatures *b, int key) {
    return !memcmp(a->of[key], b->of[key], sizeof a->of[key]);
}
static bool same(const struct signatures *a, const struct signatures *b) {
    return !memcmp(a, b, sizeof *a);
}

// A signature has few bits here, so now and then one is all zeros and the pointer as it was; of many, some are not.
static bool does_sign(const struct signatures *s, int key) {
    bool changed = false;
    for (uint64_t i = 0; i < POINTERS; i++)
        changed |= s->of[key][i] != ADDRESS + 16 * i;
    return changed;
}

static sigjmp_buf out;
static void caught(int signal) {
    siglongjmp(out, signal);
}

static void signing(void) {
    struct signatures s = sign_all();
    for (int key = 0; key < 4; key++) {
        bool back = true;
        for (uint64_t i = 0; i < POINTERS; i++)
            back &= check(key, s.of[key][i]) == ADDRESS + 16 * i;
        ok(does_sign(&s, key) && back, "key %s signs, and its signatures are good", key_names[key]);
    }
    // A wrong signature traps (FPAC) or makes the address a bad one.
    volatile uint64_t forged = s.of[0][0] ^ 1ul << 54;
    int signal = sigsetjmp(out, 1);
    if (signal == 0) {
        uint64_t result = check(0, forged);
        ok(result != ADDRESS, "a forged one does not give the address");
    } else {
        is(signal, SIGILL, "a forged one is an illegal instruction");
    }
}

static void *sign_in_thread(void *to) {
    *(struct signatures *)to = sign_all();
    return NULL;
}
static struct signatures in_thread(void) {
    struct signatures s;
    pthread_t thread;
    pthread_create(&thread, NULL, sign_in_thread, &s);
    pthread_join(thread, NULL);
    return s;
}

static struct signatures from_program(void) {
    struct signatures s = {};
    int pair[2];
    pipe(pair);
    wait_status(start_child({
        dup2(pair[1], 1);
        execl("/proc/self/exe", "pauth", "sign", NULL);
    }));
    read(pair[0], &s, sizeof s);
    close(pair[0]), close(pair[1]);
    return s;
}

static void inherited(void) {
    struct signatures mine = sign_all(), theirs = in_thread();
    ok(same(&mine, &theirs), "threads have the same keys");
    exited(in_child({
               theirs = sign_all();
               _exit(!same(&mine, &theirs));
           }),
           0, "children too");
    theirs = from_program();
    struct signatures others = from_program();
    bool all = true;
    for (int key = 0; key < KEYS; key++)
        if (key < 4 || getauxval(AT_HWCAP) >> 31)
            all &= !same_key(&mine, &theirs, key) && !same_key(&others, &theirs, key);
    ok(all, "each program has its own");
}

// Many at once: a switch must bring the right ones.
static void crowd(void) {
    enum { CHILDREN = 6 };
    pid_t children[CHILDREN];
    int good = 0;
    for (int i = 0; i < CHILDREN; i++)
        children[i] = start_child({
            prctl(PR_PAC_RESET_KEYS, 0, 0, 0, 0);
            struct signatures first = sign_all();
            bool kept = true;
            for (int round = 0; round < 500 && kept; round++) {
                sched_yield();
                struct signatures now = sign_all();
                kept = same(&first, &now);
            }
            _exit(!kept);
        });
    for (int i = 0; i < CHILDREN; i++)
        good += wait_status(children[i]) == 0;
    is(good, CHILDREN, "%d processes each keep their own", CHILDREN);
}

// In a child, for its callers' return addresses may be signed.
__attribute__((target("branch-protection=none"))) static void reset(void) {
    static const unsigned bits[KEYS] = {PR_PAC_APIAKEY, PR_PAC_APIBKEY, PR_PAC_APDAKEY, PR_PAC_APDBKEY, PR_PAC_APGAKEY};
    int keys = getauxval(AT_HWCAP) >> 31 ? KEYS : 4;
    for (int changed = 0; changed < keys; changed++) {
        exited(in_child({
                   struct signatures before = sign_all();
                   bool good = prctl(PR_PAC_RESET_KEYS, bits[changed], 0, 0, 0) == 0;
                   struct signatures after = sign_all();
                   struct signatures thread = in_thread();
                   for (int key = 0; key < keys; key++)
                       good &= same_key(&before, &after, key) == (key != changed);
                   _exit(!(good && same(&after, &thread)));
               }),
               0, "PR_PAC_RESET_KEYS of %s changes that one only", key_names[changed]);
    }
    fails(prctl(PR_PAC_RESET_KEYS, 32, 0, 0, 0), EINVAL, "an unknown key");
    fails(prctl(PR_PAC_RESET_KEYS, PR_PAC_APIAKEY, 1, 0, 0), EINVAL, "another argument");
}

static void enabled(void) {
    is(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0), 15, "all address keys are on");
    fails(prctl(PR_PAC_GET_ENABLED_KEYS, 1, 0, 0, 0), EINVAL, "an argument");
    fails(prctl(PR_PAC_SET_ENABLED_KEYS, PR_PAC_APGAKEY, 0, 0, 0), EINVAL, "the generic key has no switch");
    fails(prctl(PR_PAC_SET_ENABLED_KEYS, 1, 2, 0, 0), EINVAL, "a key on that is not named");
    fails(prctl(PR_PAC_SET_ENABLED_KEYS, 1, 0, 1, 0), EINVAL, "another argument");
    for (int key = 0; key < 4; key++) {
        exited(in_child({
                   struct signatures before = sign_all();
                   bool good = prctl(PR_PAC_SET_ENABLED_KEYS, 1u << key, 0, 0, 0) == 0;
                   good &= prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0) == (15 & ~(1 << key));
                   for (int round = 0; round < 20; round++) {
                       sched_yield();
                       struct signatures now = sign_all();
                       for (int k = 0; k < 4; k++)
                           good &= does_sign(&now, k) == (k != key);
                   }
                   struct signatures thread = in_thread();
                   good &= !does_sign(&thread, key);
                   good &= prctl(PR_PAC_SET_ENABLED_KEYS, 1u << key, 1u << key, 0, 0) == 0;
                   struct signatures after = sign_all();
                   _exit(!(good && same(&before, &after)));
               }),
               0, "key %s can be switched off, and on again", key_names[key]);
    }
    exited(in_child({
               prctl(PR_PAC_SET_ENABLED_KEYS, 15, 0, 0, 0);
               struct signatures theirs = from_program();
               _exit(!does_sign(&theirs, 0) || !does_sign(&theirs, 3));
           }),
           0, "a new program has all of them on");
}

int main(int count, char **arguments) {
    if (count > 1 && !strcmp(arguments[1], "sign")) {
        struct signatures s = sign_all();
        return write(1, &s, sizeof s) != sizeof s;
    }
    if (!(getauxval(AT_HWCAP) >> 30 & 1)) {
        fails(prctl(PR_PAC_RESET_KEYS, 0, 0, 0, 0), EINVAL, "no keys to reset");
        fails(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0), EINVAL, "none that are enabled");
        skip("this CPU has no pointer authentication", "signing, inheriting, switching keys");
        return tap_done();
    }
    on_signal(SIGILL, caught, SA_NODEFER);
    signing();
    inherited();
    crowd();
    reset();
    enabled();
    return tap_done();
}
