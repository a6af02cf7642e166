// SPDX-License-Identifier: MPL-2.0
#include "views.h"

#include <errno.h>
#include <string.h>

static struct view *find(const struct views *views, uint64_t badge) {
    for (unsigned i = 0; i < views->count; i++)
        if (views->list[i].badge == badge)
            return (struct view *)&views->list[i];
    return NULL;
}

int views_set(struct views *views, uint64_t badge, const char *names) {
    struct view *view = find(views, badge);
    if (!view) {
        if (views->count == VIEWS_MAX)
            return ENOSPC;
        view = &views->list[views->count++];
        view->badge = badge;
    }
    strncpy(view->names, names, VIEW_TEXT_MAX);
    view->names[VIEW_TEXT_MAX] = '\0';
    return 0;
}

bool views_known(const struct views *views, uint64_t badge) {
    return badge == VIEW_ALL || find(views, badge);
}

static bool has_word(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = words; length && (at = strstr(at, word)); at++)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

bool views_show(const struct views *views, uint64_t badge, const char *name) {
    if (badge == VIEW_ALL)
        return true;
    const struct view *view = find(views, badge);
    return view && !strchr(name, ' ') && (has_word(view->names, name) || has_word(view->names, "*"));
}
