// SPDX-License-Identifier: MPL-2.0
// Between the files of boot/.
#pragma once

#include <arch/cpu.h>
#include <lib/acpi.h>
#include <lib/types.h>

// --- percpu.c ---
size_t percpu_area_size(void);
// Fills the area of `cpu` from the template and records its base.
void percpu_prepare(unsigned cpu, void *area);
// Makes this CPU be `cpu`.
void percpu_load(unsigned cpu);
