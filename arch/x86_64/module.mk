name := x86_64
deps := abi lib arch sched
# Start of the machine: boot/ …
sources += boot/entry.S
sources += boot/early.c
sources += boot/boot.c
sources += boot/console.c
sources += boot/percpu.c
# … and the CPU while it runs: cpu/
# Runs before relocation or before the sanitizers' shadow exists.
plain_x86_64 := boot/early.c
