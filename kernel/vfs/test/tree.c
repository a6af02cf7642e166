// SPDX-License-Identifier: MPL-2.0
// Names: random operations on a tmpfs against a naive tree. Each call's status must be the model's, each path must
// lead to the vnode that the model says, and at the end nothing may be left in memory.
#include "vfs_test.h"

enum { NAMES = 4, NODES = 4096, STEPS = 60000, DEPTH = 5 };
enum kind { FREE, DIRECTORY, FILE_NODE, LINK };

struct node {
    enum kind kind;
    int child[NAMES]; // directories: node numbers, 0: none
    int parent;       // directories
    int links;        // names that lead here
    char target[32];  // links
    struct vnode *vnode;
};
static struct node nodes[NODES];
static const char letters[] = "wxyz";
enum { ROOT = 1 };

static int new_node(enum kind kind, int parent) {
    for (int i = ROOT; i < NODES; i++)
        if (nodes[i].kind == FREE) {
            nodes[i] = (struct node){.kind = kind, .parent = parent, .links = 1};
            return i;
        }
    abort();
}

static void drop_name(int dir, int name) {
    struct node *node = &nodes[nodes[dir].child[name]];
    nodes[dir].child[name] = 0;
    if (--node->links == 0)
        node->kind = FREE;
}

static bool is_empty(int dir) {
    for (int i = 0; i < NAMES; i++)
        if (nodes[dir].child[i])
            return false;
    return true;
}

// --- the model's walk ---

struct place {
    int dir;    // where the last component is looked up
    int name;   // its letter's number, or -1: ".", ".." or nothing
    int node;   // what is there, 0: nothing
    bool slash; // a slash follows
};

static status_t model_walk(int at, const char *text, bool follow_last, int *links, struct place *out) {
    out->name = -1;
    out->dir = out->node = at;
    out->slash = false;
    while (*text) {
        if (nodes[at].kind != DIRECTORY)
            return -ENOTDIR;
        size_t length = strcspn(text, "/");
        const char *rest = text + length;
        bool slash = *rest == '/';
        rest += strspn(rest, "/");
        bool last = !*rest;
        out->slash = slash;
        out->dir = at;
        if (text[0] == '.') {
            at = length == 2 ? nodes[at].parent : at;
            out->name = -1;
            out->node = at;
            text = rest;
            continue;
        }
        out->name = (int)(strchr(letters, text[0]) - letters);
        out->node = nodes[at].child[out->name];
        if (out->node && nodes[out->node].kind == LINK && (!last || follow_last || (slash && follow_last))) {
            if (++*links > 40)
                return -ELOOP;
            char joined[512];
            snprintf(joined, sizeof joined, "%s%s%s", nodes[out->node].target, slash || !last ? "/" : "", rest);
            return model_walk(at, joined, follow_last, links, out);
        }
        if (!out->node)
            return last ? 0 : -ENOENT;
        at = out->node;
        text = rest;
    }
    return 0;
}

static status_t model_place(const char *text, bool follow_last, struct place *out) {
    int links = 0;
    return model_walk(ROOT, text, follow_last, &links, out);
}

static status_t model_lookup(const char *text, bool follow, int *node) {
    struct place place;
    status_t status = model_place(text, follow || text[strlen(text) - 1] == '/', &place);
    if (status != 0)
        return status;
    if (!place.node)
        return -ENOENT;
    if (place.slash && nodes[place.node].kind != DIRECTORY)
        return -ENOTDIR;
    *node = place.node;
    return 0;
}

// --- the model's changes; what is created is returned in *made ---

static status_t model_create(const char *text, enum kind kind, const char *target, int *made) {
    struct place place;
    status_t status = model_place(text, false, &place);
    if (status != 0)
        return status;
    if (place.name < 0 || place.node)
        return -EEXIST;
    if (place.slash && kind != DIRECTORY)
        return -ENOENT;
    *made = nodes[place.dir].child[place.name] = new_node(kind, place.dir);
    if (target)
        strcpy(nodes[*made].target, target);
    return 0;
}

static status_t model_remove(const char *text, bool directory) {
    struct place place;
    status_t status = model_place(text, false, &place);
    if (status != 0)
        return status;
    if (place.name < 0) {
        if (!directory)
            return -EISDIR;
        size_t length = strlen(text);
        while (length && text[length - 1] == '/')
            length--;
        return length >= 2 && text[length - 2] == '.' ? -ENOTEMPTY : -EINVAL;
    }
    if (!place.node)
        return -ENOENT;
    bool is_dir = nodes[place.node].kind == DIRECTORY;
    if (directory && !is_dir)
        return -ENOTDIR;
    if (!directory && is_dir)
        return -EISDIR;
    if (!directory && place.slash)
        return -ENOTDIR;
    if (directory && !is_empty(place.node))
        return -ENOTEMPTY;
    drop_name(place.dir, place.name);
    return 0;
}

static status_t model_link(const char *from, const char *to) {
    int node;
    struct place place;
    status_t status = model_lookup(from, false, &node);
    if (status == 0)
        status = model_place(to, false, &place);
    if (status != 0)
        return status;
    if (place.name < 0 || place.node)
        return -EEXIST;
    if (place.slash)
        return -ENOENT;
    if (nodes[node].kind == DIRECTORY)
        return -EPERM;
    nodes[place.dir].child[place.name] = node;
    nodes[node].links++;
    return 0;
}

static bool is_above(int node, int dir) {
    while (dir != node && dir != ROOT)
        dir = nodes[dir].parent;
    return dir == node;
}

static status_t rename_check(const struct place *from, const struct place *to, unsigned flags) {
    bool source_dir = nodes[from->node].kind == DIRECTORY, target_dir = to->node && nodes[to->node].kind == DIRECTORY;
    if (flags & RENAME_NOREPLACE && to->node)
        return -EEXIST;
    if (!source_dir && (from->slash || (to->slash && !target_dir)))
        return -ENOTDIR;
    if (from->node == to->node)
        return 1; // nothing to do
    if (source_dir && is_above(from->node, to->dir))
        return -EINVAL;
    if (target_dir && is_above(to->node, from->dir))
        return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    if (flags & RENAME_EXCHANGE)
        return to->node ? 0 : -ENOENT;
    if (to->node && source_dir && !target_dir)
        return -ENOTDIR;
    if (to->node && !source_dir && target_dir)
        return -EISDIR;
    return target_dir && !is_empty(to->node) ? -ENOTEMPTY : 0;
}

static status_t model_rename(const char *from_text, const char *to_text, unsigned flags) {
    struct place from, to;
    status_t status = model_place(from_text, false, &from);
    if (status == 0)
        status = model_place(to_text, false, &to);
    if (status != 0)
        return status;
    if (from.name < 0)
        return -EBUSY;
    if (to.name < 0)
        return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (!from.node)
        return -ENOENT;
    status = rename_check(&from, &to, flags);
    if (status != 0)
        return status > 0 ? 0 : status;
    if (flags & RENAME_EXCHANGE) {
        nodes[from.dir].child[from.name] = to.node;
        if (nodes[to.node].kind == DIRECTORY)
            nodes[to.node].parent = from.dir;
    } else {
        if (to.node)
            drop_name(to.dir, to.name);
        nodes[from.dir].child[from.name] = 0;
    }
    nodes[to.dir].child[to.name] = from.node;
    if (nodes[from.node].kind == DIRECTORY)
        nodes[from.node].parent = to.dir;
    return 0;
}

// --- the real thing beside it ---

static struct path top; // the tree under test

static void random_path(char *text) {
    *text = 0;
    for (int parts = 1 + (int)random() % DEPTH; parts > 0; parts--) {
        char part[4] = {letters[random() % NAMES]};
        if (random() % 8 == 0)
            strcpy(part, random() % 2 ? "." : "..");
        strcat(text, part);
        if (parts > 1)
            strcat(text, random() % 20 ? "/" : "//");
        else if (random() % 12 == 0)
            strcat(text, random() % 3 ? "/" : "///");
    }
}

static struct vnode *real_vnode(const char *text, unsigned flags, status_t *status) {
    struct path path;
    *status = path_lookup(&top, text, flags, &path);
    if (*status != 0)
        return nullptr;
    struct vnode *vnode = path_vnode(&path);
    path_put(&path);
    if (!vnode)
        *status = -ENOENT;
    return vnode;
}

static bool same_lookup(const char *text, bool follow) {
    int node = 0;
    status_t want = model_lookup(text, follow, &node), got;
    struct vnode *vnode = real_vnode(text, follow ? LOOKUP_FOLLOW : 0, &got);
    if (want == 0 && got == 0)
        return vnode == nodes[node].vnode;
    if (want != got)
        printf("# lookup %s: got %d, want %d\n", text, got, want);
    return want == got;
}

static status_t real_create(const char *text, enum kind kind, const char *target) {
    if (kind == DIRECTORY)
        return vfs_mkdir(&top, text, 0755);
    return kind == LINK ? vfs_symlink(&top, text, target) : vfs_mknod(&top, text, S_IFREG | 0644, 0);
}

static bool step_create(const char *text) {
    static const enum kind kinds[3] = {DIRECTORY, FILE_NODE, LINK};
    enum kind kind = kinds[random() % 3];
    char target[128];
    random_path(target);
    target[31] = 0;
    int made;
    status_t want = model_create(text, kind, target, &made), got = real_create(text, kind, target);
    if (want != got) {
        printf("# create %s (%d): got %d, want %d\n", text, kind, got, want);
        return false;
    }
    if (want == 0) {
        // Without the trailing slash, which would follow a link.
        char plain[128];
        strcpy(plain, text);
        while (plain[strlen(plain) - 1] == '/')
            plain[strlen(plain) - 1] = 0;
        nodes[made].vnode = real_vnode(plain, 0, &got);
    }
    return got == 0 || want != 0;
}

static bool step_link(const char *from, const char *to) {
    struct path target;
    status_t want = model_link(from, to), got = path_lookup(&top, from, 0, &target);
    if (got == 0) {
        got = vfs_link(&target, &top, to);
        path_put(&target);
    }
    if (want != got)
        printf("# link %s %s: got %d, want %d\n", from, to, got, want);
    return want == got;
}

static bool step(void) {
    char a[128], b[128];
    random_path(a);
    random_path(b);
    status_t want, got;
    switch (random() % 8) {
    case 0:
    case 1:
        return step_create(a);
    case 2:
        want = model_remove(a, false), got = vfs_unlink(&top, a);
        break;
    case 3:
        want = model_remove(a, true), got = vfs_rmdir(&top, a);
        break;
    case 4: {
        static const unsigned kinds[4] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
        unsigned flags = kinds[random() % 4];
        want = model_rename(a, b, flags);
        got = vfs_rename(&(struct rename_request){&top, &top, a, b, flags});
        if (want != got)
            printf("# rename flags %u to %s\n", flags, b);
        break;
    }
    case 5:
        return step_link(a, b);
    default:
        return same_lookup(a, random() % 2);
    }
    if (want != got)
        printf("# on %s: got %d, want %d\n", a, got, want);
    return want == got;
}

// --- whole-tree comparison by readdir ---

struct counter {
    struct dir_sink sink;
    unsigned count, budget;
    loff_t next;
    bool wrong;
    int dir;
};

static bool count_entry(struct dir_sink *sink, struct name name, uint64_t inode, unsigned type, loff_t next) {
    struct counter *counter = CONTAINER_OF(sink, struct counter, sink);
    if (counter->budget == 0)
        return false;
    counter->budget--;
    counter->next = next;
    if (name.text[0] == '.' || name.text[0] == 'd') // dev
        return true;
    int child = nodes[counter->dir].child[strchr(letters, name.text[0]) - letters];
    counter->wrong |= !child || nodes[child].vnode->inode != inode;
    counter->count++;
    return true;
}

static bool same_directory(int dir) {
    struct vnode *vnode = nodes[dir].vnode;
    struct counter counter = {.sink = {count_entry}, .dir = dir};
    unsigned want = 0;
    for (int i = 0; i < NAMES; i++)
        want += nodes[dir].child[i] != 0;
    do { // in small pieces, as with a small buffer
        counter.budget = 1 + (unsigned)random() % 3;
        if (vnode->ops->readdir(vnode, counter.next, &counter.sink) != 0)
            return false;
    } while (counter.budget == 0);
    return !counter.wrong && counter.count == want;
}

static bool same_tree(int dir) {
    bool same = same_directory(dir);
    for (int i = 0; i < NAMES; i++) {
        int child = nodes[dir].child[i];
        if (child && nodes[child].kind == DIRECTORY)
            same &= same_tree(child);
        else if (child)
            same &= (int)nodes[child].vnode->links == nodes[child].links;
    }
    return same;
}

static void remove_tree(int dir, const char *at) {
    for (int i = 0; i < NAMES; i++) {
        int child = nodes[dir].child[i];
        char text[256];
        if (!child)
            continue;
        snprintf(text, sizeof text, "%s%c", at, letters[i]);
        bool directory = nodes[child].kind == DIRECTORY;
        if (directory) {
            char deeper[300];
            snprintf(deeper, sizeof deeper, "%s/", text);
            remove_tree(child, deeper);
        }
        status_t status = directory ? vfs_rmdir(&top, text) : vfs_unlink(&top, text);
        if (status != 0)
            printf("# cannot remove %s: %d\n", text, status);
    }
}

static uint64_t wanted_count;
static const char *wanted_cache;
static void visit(const struct slab_cache *cache, void *context) {
    (void)context;
    if (strcmp(cache->name, wanted_cache) == 0)
        wanted_count = slab_in_use((struct slab_cache *)(uintptr_t)cache);
}
static uint64_t count_of(const char *name) {
    wanted_cache = name;
    wanted_count = 0;
    slab_for_each(visit, nullptr);
    return wanted_count;
}

static void body(void) {
    uint64_t vnodes;
    ok(path_lookup(nullptr, "/", LOOKUP_DIRECTORY, &top) == 0, "the root, to test in");
    rcu_barrier();
    vnodes = count_of("struct vnode");
    nodes[ROOT] = (struct node){.kind = DIRECTORY, .parent = ROOT, .links = 1, .vnode = path_vnode(&top)};
    bool right = true, trees = true;
    srandom(7);
    for (int i = 0; i < STEPS && right; i++) {
        right &= step();
        if (i % 500 == 0)
            trees &= same_tree(ROOT);
    }
    ok(right, "%d random operations: statuses and vnodes as in the model", STEPS);
    ok(trees, "the same tree by readdir, now and then");
    remove_tree(ROOT, "");
    rcu_barrier();
    is(count_of("struct vnode"), vnodes, "all vnodes are freed after their names");
}

int main(void) {
    vfs_test(body);
}
