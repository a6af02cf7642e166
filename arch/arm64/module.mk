# SPDX-License-Identifier: MPL-2.0
name := arm64
deps := abi lib arch sched
# Start of the machine: boot/ …
sources += boot/header.S
sources += boot/entry.S
sources += boot/early.c
sources += boot/efi_entry.S
sources += boot/efi.c
sources += boot/efi_load.c
sources += boot/handoff.c
sources += boot/boot.c
sources += boot/loader.c
sources += boot/machine.c
sources += boot/machine_fdt.c
sources += boot/machine_acpi.c
sources += boot/paging.c
sources += boot/features.c
sources += boot/percpu.c
sources += boot/psci.c
sources += boot/smp.c
sources += boot/power.c
sources += boot/random.c
sources += boot/console.c
sources += boot/platform.c
# … interrupts and time: irq/ …
sources += irq/gic.c
sources += irq/gicv2.c
sources += irq/gicv3.c
sources += irq/interrupt.c
sources += irq/clock.c
sources += irq/timer.c
sources += irq/rtc.c
sources += irq/ktest.c
# … and the CPU while it runs: cpu/
sources += cpu/init.c
sources += cpu/vectors.S
sources += cpu/switch.S
sources += cpu/layout.c
sources += cpu/thread.c
sources += cpu/trap.c
sources += cpu/extable.c
sources += cpu/uaccess.c
sources += cpu/user_copy.S
sources += cpu/string.S
sources += cpu/backtrace.c
sources += cpu/cpu_test.c
sources += cpu/test_user.c
sources += cpu/page.c
sources += cpu/aspace.c
sources += cpu/tlb.c
sources += cpu/vector.c
sources += cpu/vector_registers.S
sources += cpu/signal.c
sources += cpu/signal_test.c
sources += cpu/regs.c
sources += cpu/pauth.c
sources += cpu/idregs.c
sources += cpu/cpuinfo.c
sources += cpu/vdso.c
sources += cpu/vdso_image.S
# Runs before relocation or before the sanitizers' shadow exists.
plain_arm64 := boot/early.c boot/efi.c boot/efi_load.c
flags := -I$(OUT) # for the vDSO's image
# Until all of them are there.
sources := $(foreach s,$(sources),$(if $(wildcard arch/arm64/$(s)),$(s)))
