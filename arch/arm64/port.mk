# SPDX-License-Identifier: MPL-2.0
# How the kernel is compiled and linked for ARM64: a static position-independent executable without vector code.
# (-linux-gnu and not -none-elf: clang has the kernel address sanitizer for it only.)
ARCH_TARGET := aarch64-linux-gnu
ARCH_FLAGS  := -march=armv8-a -fPIE -fdirect-access-external-data -mgeneral-regs-only -mno-outline-atomics \
    -mstack-protector-guard=global -mbranch-protection=standard
ARCH_LINK_FLAGS := -m aarch64linux -pie --no-dynamic-linker -z text -z norelro -z noexecstack --pack-dyn-relocs=relr \
    --hash-style=sysv --no-warn-mismatch
# Calls that copy the caller's registers: the entry code stores those that C preserves first (cpu/vectors.S).
ARCH_LINK_FLAGS += --wrap=sys_clone --wrap=sys_clone3
# And those that may park their thread.
ARCH_LINK_FLAGS += --wrap=sys_fipc_call --wrap=sys_fipc_reply_recv --wrap=sys_fipc_call_words --wrap=sys_fipc_reply_recv_words
ARCH_LINK_FLAGS += --wrap=sys_object_wait
# Calls that never return (arch/thread.h, ARCH_PARKS) lie at the end of the code (kernel.ld), within 1 MiB of all data that
# they use: the linker would leave a nop at each access otherwise. Nobody's frame is below theirs.
ifneq ($(DEBUG),1)
$(OUT)/obj/kernel/ipc/straight.o $(OUT)/obj/kernel/ipc/straight_words.o: kernel_flags += -mcmodel=tiny -fomit-frame-pointer
endif
-include arch/arm64/vdso.mk

# What loaders take: the image's bytes as they lie in memory, without .bss; the headers are in its first page.
ARCH_KERNEL_IMAGE := $(OUT)/Image
$(ARCH_KERNEL_IMAGE): $(OUT)/tessera.elf
	$(call say,IMAGE,$@)$(LLVM_OBJCOPY) -O binary $< $@
