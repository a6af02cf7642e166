// SPDX-License-Identifier: MPL-2.0
// $(run-command WORDS): a function that GNU make loads. It runs the shell command and ends make with its exit status.
//
// Why: `make run CMD=...` is to end with the guest command's exit status, but a failing recipe makes GNU make itself
// always exit with 2. A recipe is expanded after its prerequisites are built, so expanding this is running it.

#include <gnumake.h>
#include <stdlib.h>
#include <sys/wait.h>

int plugin_is_GPL_compatible; // GNU make asks every loaded object for this symbol
int run_command_gmk_setup(void);

// Only recipes see what make exports. Unexpanded, so that a `$` in the user's command stays his.
static void export_variable(const char *name, const char *text) {
    char *value = gmk_expand(text);
    setenv(name, value, 1);
    gmk_free(value);
}

static char *run_command(const char *name, unsigned int argc, char **argv) {
    (void)name;
    (void)argc;
    export_variable("CMD", "$(value CMD)");
    export_variable("QEMU_ARGS", "$(value QEMU_ARGS)");
    int status = system(argv[0]);
    exit(status == -1 ? 127 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int run_command_gmk_setup(void) {
    gmk_add_function("run-command", run_command, 1, 1, GMK_FUNC_DEFAULT);
    return 1;
}
