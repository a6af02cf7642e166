// SPDX-License-Identifier: MPL-2.0
// execve in four steps: the strings (exec_args.c), the file and its `#!` line (exec.c), the new address space
// (exec_load.c, exec_stack.c), and the change of image (exec_commit.c). Only the last cannot fail.
#pragma once

#include "elf.h"
#include "exec_script.h"
#include "process/process_priv.h"
#include <abi/fcntl.h>
#include <mm/aspace.h>
#include <vfs/path.h>

enum { EXEC_HEAD_SIZE = 1024, EXEC_INTERPRETERS_MAX = 5, EXEC_STRING_MAX = 131072 };

// Zero-terminated strings, one after the other.
struct exec_strings {
    char *data;
    size_t used, capacity;
    unsigned count;
    size_t skip; // bytes at the front that were dropped (argv[0] of a script)
};

// Where argv and envp come from: the kernel (init) or the caller's memory.
struct exec_request {
    const char *const *kernel_argv, *const *kernel_envp;
    const void __user *argv, *envp;
};

struct exec {
    // What is executed in the end: after `#!`, the interpreter.
    struct object *file;
    struct vnode *vnode;
    size_t head_size;
    bool loads_interpreter;
    struct exec_strings argv, envp, prefix; // prefix: what `#!` lines put before argv
    struct aspace *aspace;
    struct cred *cred;   // new credentials, or null: unchanged
    bool secure;         // AT_SECURE
    uint32_t code_flags; // REGION_ flags for the code of the image that is being mapped
    vaddr_t entry;       // where user mode begins
    vaddr_t program_entry, table_address, interpreter_base;
    uint16_t table_count;
    vaddr_t stack_pointer;
    struct elf_image image;
    char name[16];       // comm
    char path[PATH_MAX]; // AT_EXECFN
    _Alignas(16) char head[EXEC_HEAD_SIZE];
    struct elf_program_header table[ELF_TABLE_MAX];
};

// --- exec_args.c ---
MUST_USE status_t exec_copy_strings(struct exec *exec, const struct exec_request *request);
// Drops argv[0] and puts interpreter, its argument and the script's path in its place.
MUST_USE status_t exec_prepend_script(struct exec *exec, const struct script_line *line, const char *script);
void exec_strings_free(struct exec_strings *strings);

// --- exec_load.c ---
// Reads `size` bytes of a file. Short files: -ENOEXEC.
MUST_USE status_t exec_read(struct vnode *vnode, uint64_t offset, void *to, size_t size);
// Makes exec->aspace with program and interpreter mapped.
MUST_USE status_t exec_load(struct exec *exec);
// Opens a program file: execute permission, regular, not on a noexec mount, not open for writing.
// The object holds the denial: give it back with executable_put.
MUST_USE status_t exec_open(const struct path *at, const char *path, bool no_follow, struct object **out);
MUST_USE status_t exec_open_path(const struct path *path, struct object **out);
// A random number of pages, in bytes; 0 if addresses are not to be random.
vaddr_t exec_random_offset(unsigned page_bits);
// /proc/sys/kernel/randomize_va_space.
bool exec_randomizes(void);

// --- exec_stack.c ---
MUST_USE status_t exec_map_stack(struct exec *exec);
// Writes argc, argv, envp, the auxiliary vector and the strings.
MUST_USE status_t exec_fill_stack(struct exec *exec);

// --- exec_cred.c ---
// Decides on the new credentials: set-user-id files, capabilities.
MUST_USE status_t exec_prepare_cred(struct exec *exec);

// --- exec_commit.c ---
// Point of no return. -EAGAIN: another thread ends the process; nothing has changed.
MUST_USE status_t exec_commit(struct exec *exec);

// --- exec.c ---
MUST_USE status_t exec_kernel(const char *path, const char *const *argv, const char *const *envp);

// --- vdso.c ---
MUST_USE status_t vdso_map(struct exec *exec);
void vdso_init(void);
