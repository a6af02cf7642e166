name := x86_64
deps := abi lib arch sched
# Start of the machine: boot/ …
sources += boot/entry.S
sources += boot/early.c
sources += boot/boot.c
sources += boot/loader.c
sources += boot/paging.c
sources += boot/features.c
sources += boot/percpu.c
sources += boot/gdt.c
sources += boot/acpi.c
sources += boot/apic.c
sources += boot/ioapic.c
sources += boot/interrupt.c
sources += boot/hpet.c
sources += boot/tsc.c
sources += boot/timer.c
sources += boot/smp.c
sources += boot/trampoline.S
sources += boot/power.c
sources += boot/rtc.c
sources += boot/random.c
sources += boot/console.c
# … and the CPU while it runs: cpu/
# Runs before relocation or before the sanitizers' shadow exists.
plain_x86_64 := boot/early.c
