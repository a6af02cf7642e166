// SPDX-License-Identifier: MPL-2.0
// Classic BPF as seccomp has it: plain logic, fuzzed on the host (tests/fuzz/bpf_fuzz.c).
#pragma once

#include <abi/seccomp.h>
#include <lib/status.h>
#include <lib/types.h>

// May the program be run? It ends whatever it is given, reads nothing but the call's data and scratch words that it has
// written, and divides by no constant 0. `reach`: BPF_LENGTH_MAX words of scratch memory. -EINVAL.
MUST_USE status_t bpf_check(const struct abi_bpf_instruction *code, unsigned length, uint16_t *reach);
// Runs a program that was checked. Division by a register that is 0 ends it with 0.
uint32_t bpf_run(const struct abi_bpf_instruction *code, const struct abi_seccomp_data *data);
