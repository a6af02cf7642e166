# SPDX-License-Identifier: MPL-2.0
# The stub port, and all generic code against it, compiled for a processor that the kernel does not run on (RISC-V): shows
# that nothing outside arch/ and drivers/ leans on x86-64 or ARM64, and keeps the porting guide compiling.
stub_target := --target=riscv64-linux-gnu -march=rv64imac -mabi=lp64 -ffreestanding -nostdlibinc -O1 -fPIE -DTESSERA_KERNEL
stub_modules := $(filter-out abi arch host $(ARCH),$(filter-out $(patsubst drivers/%,%,$(notdir $(wildcard drivers/*))),$(modules)))

define stub_check
$(HOST)/stub/$(1)/$(2).ok: $(1)/$(2).c $$(host_generated) make/stub.mk
	$$(call say,STUB,$$<)mkdir -p $$(@D); $$(CLANG) $$(c_flags) $$(stub_target) $(3) -fsyntax-only -MMD -MP -MT $$@ -MF $$(@:.ok=.d) $$< && touch $$@
stub_checks += $(HOST)/stub/$(1)/$(2).ok
endef
$(foreach m,$(stub_modules),$(foreach s,$(filter %.c,$(sources_$(m))),\
    $(eval $(call stub_check,$(dir_$(m)),$(basename $(s)),$(call includes,$(m),stub)))))
$(foreach s,$(patsubst arch/stub/%.c,%,$(wildcard arch/stub/*.c)),\
    $(eval $(call stub_check,arch/stub,$(s),-Iarch/include -Iarch/stub/include -Ilib/include -Iabi/include)))
-include $(stub_checks:.ok=.d)

.PHONY: check-stub
check-stub: $(stub_checks)
check: check-stub
