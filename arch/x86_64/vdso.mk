# SPDX-License-Identifier: MPL-2.0
# The vDSO: a shared library of its own, embedded in the kernel by cpu/vdso_image.S.
VDSO := $(OUT)/vdso.so
vdso_flags := --target=$(ARCH_TARGET) -Iarch/common/include -ffreestanding -nostdlib -shared -fPIC -O2 -fno-stack-protector -fvisibility=default \
    -fasynchronous-unwind-tables -fcf-protection=none -mno-avx
$(VDSO): arch/x86_64/vdso/vdso.c arch/x86_64/vdso/vdso_data.h $(wildcard arch/common/include/common/vdso_*.h) \
    arch/x86_64/vdso/vdso.ld arch/x86_64/vdso.mk
	$(call say,VDSO,$@)mkdir -p $(@D); $(CLANG) $(c_flags) -g0 $(vdso_flags) --ld-path=$(shell command -v $(LLD)) \
	    -Wl,-T,arch/x86_64/vdso/vdso.ld,-soname,linux-vdso.so.1,--hash-style=both,--build-id=none,-z,max-page-size=4096,--eh-frame-hdr,-s \
	    $< -o $@
$(OUT)/obj/arch/x86_64/cpu/vdso_image.o: $(VDSO)
