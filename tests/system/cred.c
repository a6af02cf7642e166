// SPDX-License-Identifier: MPL-2.0
// User and group ids: who may change to whom, and what the ids then allow.
#include "sys.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>

static bool ids(uid_t real, uid_t effective, uid_t saved) {
    uid_t r, e, s;
    return getresuid(&r, &e, &s) == 0 && r == real && e == effective && s == saved;
}
static bool group_ids(gid_t real, gid_t effective, gid_t saved) {
    gid_t r, e, s;
    return getresgid(&r, &e, &s) == 0 && r == real && e == effective && s == saved;
}
#define refused(call, error) ((call) == -1 && errno == (error))
static void users(void) {
    exited(in_child(_exit(!(setuid(1000) == 0 && ids(1000, 1000, 1000) && refused(setuid(0), EPERM)))), 0,
           "root's setuid sets all three for good");
    exited(in_child(_exit(!(seteuid(1000) == 0 && ids(0, 1000, 0) && refused(setuid(2000), EPERM) && setuid(0) == 0 &&
                            ids(0, 0, 0)))),
           0, "seteuid can be undone");
    exited(in_child(_exit(!(setresuid(1, 2, 3) == 0 && ids(1, 2, 3) && setresuid(-1, 3, -1) == 0 && ids(1, 3, 3) &&
                            refused(setresuid(-1, 4, -1), EPERM) && setresuid(3, 1, 3) == 0))),
           0, "setresuid: among one's own three only");
    exited(
        in_child(_exit(!(setresuid(1, 2, 3) == 0 && setuid(3) == 0 && ids(1, 3, 3) && setuid(1) == 0 && ids(1, 1, 3)))),
        0, "setuid of an ordinary user changes the effective one");
    exited(in_child(_exit(!(setreuid(5, 6) == 0 && ids(5, 6, 6) && setreuid(6, 5) == 0 && ids(6, 5, 5)))), 0,
           "setreuid");
    exited(in_child(_exit(!(setfsuid(1000) == 0 && setfsuid(-1) == 1000 && ids(0, 0, 0)))), 0,
           "setfsuid answers with the old one");
}

static void groups(void) {
    exited(in_child(_exit(!(setgid(100) == 0 && group_ids(100, 100, 100)))), 0, "setgid");
    exited(in_child(_exit(!(setresgid(1, 2, 3) == 0 && setresuid(9, 9, 9) == 0 && group_ids(1, 2, 3) &&
                            refused(setresgid(7, -1, -1), EPERM) && setresgid(3, 1, 2) == 0))),
           0, "setresgid");
    gid_t list[] = {10, 20, 30}, got[10];
    exited(in_child({
               bool good = setgroups(3, list) == 0 && getgroups(0, NULL) == 3 && getgroups(10, got) == 3;
               good &= got[0] + got[1] + got[2] == 60 && refused(getgroups(2, got), EINVAL);
               good &= setgroups(0, NULL) == 0 && getgroups(10, got) == 0;
               setuid(1000);
               good &= refused(setgroups(3, list), EPERM);
               _exit(!good);
           }),
           0, "supplementary groups");
    fails(setgroups(70000, list), EINVAL, "too many groups");
}

static void files(void) {
    put_file("secret", "s"), chmod("secret", 0600);
    put_file("grouped", "g"), chmod("grouped", 0640), chown("grouped", 0, 55);
    put_file("public", "p"), chmod("public", 0644);
    put_file("mine", "m"), chmod("mine", 0070), chown("mine", 1000, 55);
    mkdir("closed", 0700), put_file("closed/in", "i");
    mkdir("nolist", 0711), put_file("nolist/in", "i");
    exited(in_child({
               setgroups(0, NULL);
               setgid(1000);
               setuid(1000);
               bool good = refused(open("secret", O_RDONLY), EACCES) && refused(open("grouped", O_RDONLY), EACCES);
               good &= open("public", O_RDONLY) >= 0 && refused(open("public", O_WRONLY), EACCES);
               good &= refused(open("mine", O_RDONLY), EACCES) && refused(open("closed/in", O_RDONLY), EACCES);
               good &= open("nolist/in", O_RDONLY) >= 0 && refused(open("nolist", O_RDONLY), EACCES);
               good &= refused(creat("new", 0600), EACCES) && refused(unlink("public"), EACCES) &&
                       refused(mkdir("d", 0700), EACCES);
               good &= refused(chmod("public", 0777), EPERM) && refused(chown("mine", 0, 0), EPERM);
               good &= chmod("mine", 0600) == 0 && open("mine", O_RDWR) >= 0;
               good &= access("secret", F_OK) == 0 && refused(access("secret", R_OK), EACCES);
               _exit(!good);
           }),
           0, "a stranger gets what the last three bits say; an owner his three only");
    exited(in_child({
               gid_t list[] = {55};
               setgroups(1, list);
               setgid(1000);
               setuid(1000);
               bool good = open("grouped", O_RDONLY) >= 0 && refused(open("grouped", O_WRONLY), EACCES);
               _exit(!good);
           }),
           0, "a supplementary group counts");
    exited(in_child({
               setresuid(0, 1000, 0);
               bool good = refused(open("secret", O_RDONLY), EACCES) && access("secret", R_OK) == 0;
               good &= faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS) == -1;
               _exit(!good);
           }),
           0, "open asks the effective user, access the real one");
    chmod("secret", 0);
    ok(open("secret", O_RDWR) >= 0, "root reads and writes whatever the bits say");
}

static void set_id_programs(char **argv) {
    char self[256] = "";
    readlink("/proc/self/exe", self, sizeof self - 1);
    int from = open(self, O_RDONLY), to = open("helper", O_CREAT | O_WRONLY, 0755);
    char buffer[8192];
    ssize_t size;
    while ((size = read(from, buffer, sizeof buffer)) > 0)
        write(to, buffer, size);
    close(from), close(to);
    chown("helper", 1234, 4321);
    chmod("helper", 06755);
    exited(in_child({
               setgid(1000);
               setuid(1000);
               execl("./helper", "helper", "ids", NULL);
           }),
           77, "a set-user-id program runs as the file's owner and group");
    exited(in_child({
               setgid(1000);
               setuid(1000);
               prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
               execl("./helper", "helper", "ids", NULL);
           }),
           78, "but not with no_new_privs");
    chown("helper", 0, 0);
    struct stat info;
    stat("helper", &info);
    is(info.st_mode & 07777, 0755, "chown takes the set-id bits away");
    (void)argv;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        uid_t r, e, s;
        getresuid(&r, &e, &s);
        return r == 1000 && e == 1234 && s == 1234 && getegid() == 4321 && getgid() == 1000 ? 77
               : e == 1000 && getegid() == 1000                                             ? 78
                                                                                            : 1;
    }
    if (!is_root()) {
        skip("needs root", "credentials");
        return tap_done();
    }
    enter_temp_dir();
    users();
    groups();
    files();
    set_id_programs(argv);
    return tap_done();
}
