// SPDX-License-Identifier: MPL-2.0
// Keys and keyrings: add_key, request_key, keyctl.
#include "sys.h"

#include <linux/keyctl.h>
#include <pthread.h>

#define ALL 0x3f3f3f3f
enum { OTHER_USER = 65500 };

static long add(const char *type, const char *name, const void *payload, size_t size, long ring) {
    return syscall(SYS_add_key, type, name, payload, size, (int)ring);
}
static long text_key(const char *name, const char *text, long ring) {
    return add("user", name, text, strlen(text), ring);
}
static long ring_in(const char *name, long ring) {
    return add("keyring", name, NULL, 0, ring);
}
static long ctl(int operation, long a, long b, long c, long d) {
    return syscall(SYS_keyctl, operation, a, b, c, d);
}
static long request(const char *type, const char *name, const char *callout, long ring) {
    return syscall(SYS_request_key, type, name, callout, (int)ring);
}
static bool reads(long key, const char *text) {
    char buffer[64] = {};
    return ctl(KEYCTL_READ, key, (long)buffer, sizeof buffer, 0) == (long)strlen(text) && strcmp(buffer, text) == 0;
}
static long search(long ring, const char *name, long to) {
    return syscall(SYS_keyctl, KEYCTL_SEARCH, ring, "user", name, to);
}
static long described(long key, char *to) {
    return ctl(KEYCTL_DESCRIBE, key, (long)to, 256, 0);
}
static bool has(long ring, long key) {
    int serials[64];
    long size = ctl(KEYCTL_READ, ring, (long)serials, sizeof serials, 0);
    for (long i = 0; i < size / (long)sizeof *serials && i < 64; i++)
        if (serials[i] == key)
            return true;
    return false;
}

static void keys(long ring) {
    char text[256], wish[256];
    long key = text_key("name", "secret", ring);
    ok(key > 0, "a key is made");
    ok(reads(key, "secret"), "and read");
    snprintf(wish, sizeof wish, "user;%d;%d;3f010000;name", getuid(), getgid());
    is(described(key, text), (long)strlen(wish) + 1, "its description");
    ok(strcmp(text, wish) == 0, "says whose it is, and who may do what");
    is(text_key("name", "other", ring), key, "one of the same name is changed");
    ok(reads(key, "other"), "to other contents");
    is(ctl(KEYCTL_UPDATE, key, (long)"third!", 6, 0), 0, "as by KEYCTL_UPDATE");
    ok(reads(key, "third!"), "which is read");
    is(ctl(KEYCTL_READ, key, (long)text, 2, 0), 6, "a short buffer gets the length");
    is(ctl(KEYCTL_READ, key, 0, 0, 0), 6, "and no buffer");
    fails(ctl(KEYCTL_READ, key, 8, 100, 0), EFAULT, "a bad buffer");
    fails(ctl(KEYCTL_READ, 0x7fff'fff1, 0, 0, 0), ENOKEY, "no such key");
    fails(ctl(KEYCTL_DESCRIBE, 0x7fff'fff1, 0, 0, 0), ENOKEY, "to describe");
    fails(ctl(KEYCTL_DESCRIBE, 0, 0, 0, 0), EINVAL, "0 is no number");
    is(ctl(KEYCTL_GET_SECURITY, key, (long)text, sizeof text, 0), 1, "no label");
    is(search(ring, "name", 0), key, "it is found");
    fails(search(ring, "no-name", 0), ENOKEY, "others are not");
    fails(search(key, "name", 0), ENOTDIR, "a key is no keyring");
    is(ctl(KEYCTL_UNLINK, key, ring, 0, 0), 0, "it is taken away");
    ok(ctl(KEYCTL_UNLINK, key, ring, 0, 0) < 0 && (errno == ENOKEY || errno == ENOENT), "and gone, or about to be");
}

static void kinds(long ring) {
    char *big = malloc(70'000);
    memset(big, 'x', 70'000);
    long key = add("logon", "service:name", "pass", 4, ring);
    ok(key > 0, "logon");
    fails(ctl(KEYCTL_READ, key, 0, 0, 0), EOPNOTSUPP, "is for the kernel alone");
    fails(add("logon", "name", "pass", 4, ring), EINVAL, "and has a service");
    fails(add("logon", ":name", "pass", 4, ring), EINVAL, "with a name");
    long large = add("big_key", "large", big, 70'000, ring);
    ok(large > 0 || errno == ENODEV, "big_key, if the kernel was made with it");
    if (large > 0) {
        is(ctl(KEYCTL_READ, large, (long)big, 70'000, 0), 70'000, "keeps much");
        ok(big[0] == 'x' && big[69'999] == 'x', "of what it got");
    }
    fails(add("user", "large", big, 32'768, ring), EINVAL, "user keeps less");
    fails(add("user", "large", big, 1 << 20, ring), EINVAL, "nobody that much");
    fails(add("user", "none", NULL, 0, ring), EINVAL, "and not nothing");
    fails(add("keyring", "x", "x", 1, ring), EINVAL, "a keyring begins empty");
    fails(add("no-such-type", "x", "x", 1, ring), ENODEV, "an unknown type");
    fails(add(".user", "x", "x", 1, ring), EPERM, "a hidden one");
    fails(add("", "x", "x", 1, ring), EINVAL, "none");
    fails(add("user", "", "x", 1, ring), EINVAL, "no name");
    fails(add("keyring", ".x", NULL, 0, ring), EPERM, "a hidden name");
    fails(add("user", "x", (void *)8, 1, ring), EFAULT, "a bad payload");
    fails(add("user", (void *)8, "x", 1, ring), EFAULT, "a bad name");
    fails(add("user", "x", "x", 1, key), ENOTDIR, "no keyring");
    fails(add("user", "x", "x", 1, KEY_SPEC_GROUP_KEYRING), EINVAL, "groups have none");
    fails(add("user", "x", "x", 1, -100), EINVAL, "nor what does not exist");
    fails(ctl(KEYCTL_UPDATE, ring, (long)"x", 1, 0), EOPNOTSUPP, "a keyring is not updated");
    fails(ctl(1000, 0, 0, 0, 0), EOPNOTSUPP, "an unknown operation");
    is(ctl(KEYCTL_CLEAR, ring, 0, 0, 0), 0, "all are taken away");
    is(ctl(KEYCTL_READ, ring, 0, 0, 0), 0, "the keyring is empty");
    free(big);
}

static void rings(long ring) {
    long a = ring_in("a", ring), b = ring_in("b", ring), key = text_key("deep", "1", b);
    ok(a > 0 && b > 0 && key > 0, "keyrings in a keyring");
    is(ctl(KEYCTL_READ, ring, 0, 0, 0), 8, "two of them");
    ok(has(ring, a) && has(ring, b) && has(b, key), "which it lists");
    is(search(ring, "deep", 0), key, "a search goes through them");
    fails(search(a, "deep", 0), ENOKEY, "from the top");
    is(ctl(KEYCTL_LINK, b, a, 0, 0), 0, "a link");
    is(search(a, "deep", 0), key, "leads on");
    fails(ctl(KEYCTL_LINK, a, b, 0, 0), EDEADLK, "no cycle");
    fails(ctl(KEYCTL_LINK, a, a, 0, 0), EDEADLK, "of any length");
    is(search(ring, "deep", a), key, "what is found can be linked");
    ok(has(a, key), "at once");
    is(ctl(KEYCTL_LINK, key, ring, 0, 0), 0, "also by number");
    long other = text_key("deep", "2", ring);
    is(other, key, "the same key by three names");
    long twin = text_key("deep", "twin", KEY_SPEC_THREAD_KEYRING);
    ok(twin > 0 && twin != key, "another one of that name");
    is(ctl(KEYCTL_LINK, twin, ring, 0, 0), 0, "takes its place");
    ok(has(ring, twin) && !has(ring, key), "there");
    is(ctl(KEYCTL_MOVE, twin, ring, a, KEYCTL_MOVE_EXCL) < 0 ? errno : 0, EEXIST, "a move that would displace");
    is(ctl(KEYCTL_MOVE, twin, ring, a, 0), 0, "moves, if it may");
    ok(has(a, twin) && !has(ring, twin), "from one to the other");
    fails(ctl(KEYCTL_MOVE, twin, ring, a, 0), ENOENT, "once");
    fails(ctl(KEYCTL_MOVE, twin, ring, a, 2), EINVAL, "with no other flag");
    long holder = ring_in("same", ring), held = ring_in("same", holder);
    is(ctl(KEYCTL_MOVE, held, holder, ring, 0), 0, "one moves to where its keyring was, which ends");
    ok(has(ring, held) && !has(ring, holder), "it is there");
    fails(ctl(KEYCTL_UNLINK, twin, ring, 0, 0), ENOENT, "it is not there");
    fails(ctl(KEYCTL_UNLINK, key, twin, 0, 0), ENOTDIR, "a key has no links");
    long nest = ring;
    char name[16];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "nest%d", i);
        nest = ring_in(name, nest);
    }
    ok(nest > 0 && text_key("bottom", "x", nest) > 0, "keyrings within keyrings");
    ok(search(ring, "bottom", 0) > 0, "are searched");
    long sealed = ring_in("sealed", ring);
    is(ctl(KEYCTL_RESTRICT_KEYRING, sealed, 0, 0, 0), 0, "a keyring may be closed");
    fails(ctl(KEYCTL_LINK, key, sealed, 0, 0), EPERM, "to all that come");
    fails(ctl(KEYCTL_RESTRICT_KEYRING, sealed, 0, 0, 0), EEXIST, "once");
    ctl(KEYCTL_UNLINK, twin, KEY_SPEC_THREAD_KEYRING, 0, 0);
    ctl(KEYCTL_CLEAR, ring, 0, 0, 0);
}

static void ends(long ring) {
    long key = text_key("revoked", "x", ring);
    is(ctl(KEYCTL_REVOKE, key, 0, 0, 0), 0, "a key is revoked");
    char text[256];
    fails(described(key, text), EKEYREVOKED, "and says so");
    fails(ctl(KEYCTL_REVOKE, key, 0, 0, 0), EKEYREVOKED, "to all");
    fails(search(ring, "revoked", 0), EKEYREVOKED, "who look for it");
    long fresh = text_key("revoked", "y", ring);
    ok(fresh > 0 && fresh != key, "another takes its place");
    is(search(ring, "revoked", 0), fresh, "and is found");
    is(ctl(KEYCTL_SET_TIMEOUT, fresh, 1, 0, 0), 0, "a key for a second");
    ok(eventually(described(fresh, text) < 0 && errno == EKEYEXPIRED), "expires");
    fails(search(ring, "revoked", 0), EKEYEXPIRED, "for who looks for it");
    long brief = text_key("invalid", "x", ring);
    is(ctl(KEYCTL_INVALIDATE, brief, 0, 0, 0), 0, "an invalid one");
    fails(search(ring, "invalid", 0), ENOKEY, "is not found");
    ok(eventually(!has(ring, brief)), "and leaves");
    long inner = ring_in("inner", ring);
    text_key("x", "x", inner);
    is(ctl(KEYCTL_REVOKE, inner, 0, 0, 0), 0, "a keyring is revoked");
    fails(text_key("y", "y", inner), EKEYREVOKED, "nothing comes in");
    ctl(KEYCTL_CLEAR, ring, 0, 0, 0);
}

static void requests(long ring) {
    long key = text_key("wanted", "x", ring), own = ring_in("own", KEY_SPEC_PROCESS_KEYRING);
    is(request("user", "wanted", NULL, 0), key, "a key is asked for");
    is(request("user", "wanted", NULL, own), key, "and put");
    ok(has(own, key), "into a keyring");
    fails(request("user", "unwanted", NULL, 0), ENOKEY, "there is no other");
    // Linux says ENOENT if there is no /sbin/request-key, and ENOKEY if that does not make the key.
    ok(request("user", "unwanted", "words", 0) < 0 && (errno == ENOKEY || errno == ENOENT), "and nobody to make it");
    fails(request("no-such-type", "x", NULL, 0), ENOKEY, "of what is unknown");
    fails(request("user", NULL, NULL, 0), EFAULT, "no name");
    fails(request("user", "wanted", NULL, 0x7fff'fff1), ENOKEY, "no such keyring");
    ctl(KEYCTL_REVOKE, key, 0, 0, 0);
    is(ctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_NO_CHANGE, 0, 0, 0), 0, "the default place");
    is(ctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_SESSION_KEYRING, 0, 0, 0), 0, "can be another");
    is(ctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_DEFAULT, 0, 0, 0), 3, "and again");
    fails(ctl(KEYCTL_SET_REQKEY_KEYRING, 6, 0, 0, 0), EINVAL, "a group's cannot");
    fails(ctl(KEYCTL_INSTANTIATE, key, 0, 0, 0), EPERM, "only a helper makes keys");
    fails(ctl(KEYCTL_ASSUME_AUTHORITY, key, 0, 0, 0), ENOKEY, "that it is asked for");
    is(ctl(KEYCTL_ASSUME_AUTHORITY, 0, 0, 0, 0), 0, "or not");
    ctl(KEYCTL_CLEAR, ring, 0, 0, 0);
}

static void permissions(long ring) {
    long key = text_key("mine", "x", ring);
    fails(ctl(KEYCTL_SETPERM, key, 0x40000000, 0, 0), EINVAL, "no such permission");
    is(ctl(KEYCTL_SETPERM, key, 0x39010000, 0, 0), 0, "without reading and writing");
    fails(ctl(KEYCTL_UPDATE, key, (long)"y", 1, 0), EACCES, "it is not written");
    ok(reads(key, "x"), "who possesses it reads it all the same, as it may be searched");
    is(ctl(KEYCTL_SETPERM, key, 0x31010000, 0, 0), 0, "without searching");
    fails(ctl(KEYCTL_READ, key, 0, 0, 0), EACCES, "it does not");
    fails(search(ring, "mine", 0), EACCES, "nor is it found");
    long open = text_key("open", "x", ring);
    is(ctl(KEYCTL_SETPERM, open, 0x3f010003, 0, 0), 0, "for others, too");
    exited(in_child({
               long hidden = ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
               if (setresuid(OTHER_USER, OTHER_USER, OTHER_USER) != 0 || hidden <= 0)
                   _exit(2);
               char text[256];
               _exit(!(described(open, text) > 0 && reads(open, "x") && described(ring, text) < 0 &&
                       ctl(KEYCTL_UPDATE, open, (long)"y", 1, 0) < 0 && errno == EACCES &&
                       ctl(KEYCTL_SETPERM, open, ALL, 0, 0) < 0 && errno == EACCES));
           }),
           0, "another user may what others may, and no more");
    is(ctl(KEYCTL_SETPERM, open, 0x3f3f0000, 0, 0), 0, "all for its user");
    is(ctl(KEYCTL_CHOWN, open, OTHER_USER, -1, 0), 0, "who is another now");
    exited(in_child({
               ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
               if (setresuid(OTHER_USER, OTHER_USER, OTHER_USER) != 0)
                   _exit(2);
               _exit(!(ctl(KEYCTL_UPDATE, open, (long)"y", 1, 0) == 0 && ctl(KEYCTL_CHOWN, open, 0, -1, 0) < 0 &&
                       errno == EACCES));
           }),
           0, "and does not give it back");
    ok(reads(open, "y"), "it was changed");
    ctl(KEYCTL_CLEAR, ring, 0, 0, 0);
}

static void *own_ring(void *from) {
    long *out = from;
    out[0] = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 1, 0, 0);
    out[1] = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1, 0, 0);
    out[2] = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
    return NULL;
}

static void whose(void) {
    long mine[3], its[3];
    pthread_t thread;
    own_ring(mine);
    pthread_create(&thread, NULL, own_ring, its);
    pthread_join(thread, NULL);
    ok(mine[0] > 0 && its[0] > 0 && mine[0] != its[0], "each thread has a keyring");
    is(its[1], mine[1], "a process one");
    is(its[2], mine[2], "a session, too");
    exited(in_child(own_ring(its); _exit(!(its[0] != mine[0] && its[1] != mine[1] && its[2] == mine[2]))), 0,
           "which a child shares, and nothing else");
    exited(in_child({
               long alone = ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
               char text[256];
               _exit(!(alone > 0 && alone != mine[2] && described(alone, text) > 0 && strstr(text, ";_ses") &&
                       ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0) == alone));
           }),
           0, "a new session begins");
    is(ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0), mine[2], "for itself");
    exited(in_child({
               long first = ctl(KEYCTL_JOIN_SESSION_KEYRING, (long)"by-name", 0, 0, 0);
               if (ctl(KEYCTL_SETPERM, first, 0x3f1f0000, 0, 0) != 0)
                   _exit(2);
               _exit(WEXITSTATUS(in_child({
                   ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
                   _exit(ctl(KEYCTL_JOIN_SESSION_KEYRING, (long)"by-name", 0, 0, 0) != first);
               })));
           }),
           0, "a session with a name may be joined");
    fails(ctl(KEYCTL_JOIN_SESSION_KEYRING, (long)".hidden", 0, 0, 0), EPERM, "not by a hidden one");
    long user = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0, 0, 0);
    long session = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_SESSION_KEYRING, 0, 0, 0);
    char text[256], wish[64];
    ok(user > 0 && session > 0 && described(user, text) > 0, "users have keyrings");
    snprintf(wish, sizeof wish, "keyring;%d;65534;1f3f0000;_uid.%d", getuid(), getuid());
    ok(strcmp(text, wish) == 0, "of their names");
    ok(has(session, user), "one within the other");
    fails(ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_REQKEY_AUTH_KEY, 0, 0, 0), ENOKEY, "nobody asks for a key");
    long persistent = ctl(KEYCTL_GET_PERSISTENT, -1, KEY_SPEC_PROCESS_KEYRING, 0, 0);
    ok(persistent > 0 && has(mine[1], persistent), "a keyring that outlives sessions");
    is(ctl(KEYCTL_GET_PERSISTENT, getuid(), KEY_SPEC_PROCESS_KEYRING, 0, 0), persistent, "is the same again");
    exited(in_child({
               long parent_session = ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
               int status = in_child({
                   long fresh = ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
                   text_key("gift", "x", fresh);
                   _exit(ctl(KEYCTL_SESSION_TO_PARENT, 0, 0, 0, 0) != 0);
               });
               long now = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
               _exit(!(status == 0 && now != parent_session && search(now, "gift", 0) > 0));
           }),
           0, "a child may give its session to its parent");
}

static char *read_file(const char *path) {
    static char text[65536];
    int fd = open(path, O_RDONLY);
    ssize_t size = 0, got;
    while (fd >= 0 && (got = read(fd, text + size, sizeof text - 1 - (size_t)size)) > 0)
        size += got;
    close(fd);
    text[size] = 0;
    return text;
}

static void files(long ring) {
    char wish[64];
    long key = text_key("in-proc", "four", ring);
    snprintf(wish, sizeof wish, "%08lx I--Q--- ", key);
    char *line = strstr(read_file("/proc/keys"), wish);
    ok(line != NULL, "/proc/keys has the key");
    char *end = line ? strchr(line, '\n') : NULL;
    if (end)
        *end = 0;
    ok(line && strstr(line, "perm 3f010000") && strstr(line, "user      in-proc: 4"), "and what it is");
    snprintf(wish, sizeof wish, "%5u: ", getuid());
    ok(strstr(read_file("/proc/key-users"), wish) != NULL, "/proc/key-users has its user");
    ok(atoi(read_file("/proc/sys/kernel/keys/maxkeys")) > 0, "who has a quota");
    ctl(KEYCTL_CLEAR, ring, 0, 0, 0);
}

static void quota(void) {
    exited(in_child({
               ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
               if (setresuid(OTHER_USER, OTHER_USER, OTHER_USER) != 0)
                   _exit(2);
               int made = 0;
               char name[32];
               for (; made < 10'000; made++) {
                   snprintf(name, sizeof name, "key%d", made);
                   if (text_key(name, "x", KEY_SPEC_PROCESS_KEYRING) < 0)
                       break;
               }
               if (errno != EDQUOT || made < 100 || made > 200)
                   _exit(3);
               ctl(KEYCTL_CLEAR, KEY_SPEC_PROCESS_KEYRING, 0, 0, 0);
               _exit(!eventually(text_key("again", "x", KEY_SPEC_PROCESS_KEYRING) > 0));
           }),
           0, "a user has so many keys, and no more");
}

static void capabilities(void) {
    uint8_t bits[8];
    memset(bits, 0xff, sizeof bits);
    long size = ctl(KEYCTL_CAPABILITIES, (long)bits, sizeof bits, 0, 0);
    ok(size == 1 || size == 2, "capabilities");
    ok((bits[0] & 0xe1) == 0xe1 && bits[7] == 0, "which there are");
}

int main(void) {
    ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
    long ring = ring_in("tests", KEY_SPEC_SESSION_KEYRING);
    ok(ring > 0, "a keyring in the session's");
    keys(ring);
    kinds(ring);
    rings(ring);
    ends(ring);
    requests(ring);
    permissions(ring);
    whose();
    files(ring);
    quota();
    capabilities();
    return tap_done();
}
