# SPDX-License-Identifier: MPL-2.0
# The kernel image: every module but the host port, linked by arch/$(ARCH)/kernel.ld.

-include arch/$(ARCH)/port.mk

kernel_modules := $(filter-out abi arch host,$(modules))
kernel_flags := --target=$(ARCH_TARGET) -ffreestanding -nostdlibinc -O2 -fno-omit-frame-pointer \
    -fstack-protector-strong -ftrivial-auto-var-init=pattern -fno-asynchronous-unwind-tables -fvisibility=hidden \
    -ffunction-sections -fdata-sections $(ARCH_FLAGS) -DTESSERA_KERNEL
kernel_flags := $(filter-out -ftrivial-auto-var-init=pattern,$(kernel_flags))
ifeq ($(DEBUG),1)
kernel_flags += -DTESSERA_DEBUG -DTESSERA_KASAN
kasan_flags := -fsanitize=kernel-address -mllvm -asan-instrumentation-with-call-threshold=0 \
    -mllvm -asan-stack=1 -mllvm -asan-globals=1 -mllvm -asan-max-inline-poisoning-size=0 \
    -mllvm -asan-kernel-mem-intrinsic-prefix=1 -mllvm -asan-mapping-offset=0
ubsan_flags := -fsanitize=undefined -fno-sanitize=function,alignment
else
# A frame of its own costs a function that calls no other three instructions, 2 to 5 % of every system call. The price: a
# backtrace that begins inside of one goes on with its caller's caller. Debug kernels keep all frames.
kernel_flags += -momit-leaf-frame-pointer
endif

generated := $(OUT)/gen/include/abi/syscall_table.h

# Early boot code and the sanitizer's own runtime must not be instrumented: such files are listed in
# `plain_<module>` by their module.mk's port or below.
define kernel_object
$(OUT)/obj/$(dir_$(1))/$(basename $(2)).o: $(dir_$(1))/$(2) $$(generated) Makefile make/kernel.mk $(dir_$(1))/module.mk
	$$(call say,CC,$$<)mkdir -p $$(@D); $$(CLANG) $$(c_flags) $$(kernel_flags) \
	    $(if $(filter $(2),$(plain_$(1))),,$$(kasan_flags) $$(ubsan_flags)) $$(flags_$(1)) \
	    $$(call includes,$(1),$(ARCH)) -MMD -MP -MJ $$@.json -c $$< -o $$@
endef
$(foreach m,$(kernel_modules),$(foreach s,$(sources_$(m)),$(eval $(call kernel_object,$(m),$(s)))))
kernel_objects := $(foreach m,$(kernel_modules),$(patsubst %,$(OUT)/obj/$(dir_$(m))/%.o,$(basename $(sources_$(m)))))
-include $(kernel_objects:.o=.d)

$(OUT)/gen/include/abi/syscall_table.h: abi/syscalls.tbl tools/gen-syscalls
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-syscalls $(ARCH) $< > $@

# Linked twice: the second time with the symbol table that the first one yields (for backtraces).
KERNEL := $(OUT)/tessera.elf
link_flags := $(ARCH_LINK_FLAGS) -T arch/$(ARCH)/kernel.ld --gc-sections -z max-page-size=4096 --build-id=none
$(OUT)/tessera-nosyms.elf: $(kernel_objects) arch/$(ARCH)/kernel.ld
	$(call say,LD,$@)$(LLD) $(link_flags) $(kernel_objects) -o $@
$(OUT)/symbols.c: $(OUT)/tessera-nosyms.elf tools/gen-symbols
	$(call say,GEN,$@)$(LLVM_NM) -n $< | tools/gen-symbols > $@
$(OUT)/symbols.o: $(OUT)/symbols.c
	$(call say,CC,$@)$(CLANG) $(c_flags) $(kernel_flags) -Ilib/include -c $< -o $@
$(KERNEL): $(kernel_objects) $(OUT)/symbols.o arch/$(ARCH)/kernel.ld
	$(call say,LD,$@)$(LLD) $(link_flags) $(kernel_objects) $(OUT)/symbols.o -o $@

# What a loader takes: the ELF file, or what the port makes of it.
KERNEL_IMAGE := $(or $(ARCH_KERNEL_IMAGE),$(KERNEL))

.PHONY: kernel
kernel: $(KERNEL_IMAGE)
