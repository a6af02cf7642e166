# SPDX-License-Identifier: MPL-2.0
# Unit tests: portable kernel code compiled for this machine with the host port, under ASan and UBSan.
# A test is MODULE/test/NAME.c with a main() that speaks TAP (tests/include/tap.h). It is linked with an
# archive of its module and of its deps, so it may define (fake) any function of a file that it does not pull in.

host_generated := $(HOST)/gen/include/abi/syscall_table.h
$(host_generated): abi/syscalls.tbl tools/gen-syscalls
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-syscalls x86_64 $< > $@

host_modules := $(filter lib sched mm object ipc vfs tty net posix dev block pci virtio host,$(modules))
host_flags := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
    -D_GNU_SOURCE -DTESSERA_HOST -DTESSERA_DEBUG -Wno-thread-safety-analysis

define host_object
$(HOST)/obj/$(dir_$(1))/$(basename $(2)).o: $(dir_$(1))/$(2) $$(host_generated) make/host.mk $(dir_$(1))/module.mk
	$$(call say,HOSTCC,$$<)mkdir -p $$(@D); $$(CLANG) $$(c_flags) $$(host_flags) $$(call includes,$(1),host) -MMD -MP -c $$< -o $$@
endef
host_sources = $(filter %.c,$(sources_$(1)))
$(foreach m,$(host_modules),$(foreach s,$(call host_sources,$(m)),$(eval $(call host_object,$(m),$(s)))))

define host_archive
$(HOST)/$(1).a: $(patsubst %.c,$(HOST)/obj/$(dir_$(1))/%.o,$(call host_sources,$(1)))
	$$(call say,AR,$$@)rm -f $$@; $$(LLVM_AR) rcs $$@ $$^
endef
$(foreach m,$(host_modules),$(eval $(call host_archive,$(m))))

define host_test
$(HOST)/test/$(1)/$(2): $(dir_$(1))/test/$(2).c $$(foreach m,$(filter $(host_modules),$(1) $(deps_$(1)) host),$(HOST)/$$(m).a)
	$$(call say,TEST,$$@)mkdir -p $$(@D); $$(CLANG) $$(c_flags) -Wno-missing-prototypes $$(host_flags) $$(call includes,$(1),host) \
	    -Itests/include -MMD -MF $$@.d $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group -lpthread -o $$@
host_tests += $(HOST)/test/$(1)/$(2)
endef
$(foreach m,$(host_modules),$(foreach t,$(tests_$(m)),$(eval $(call host_test,$(m),$(t)))))
-include $(wildcard $(HOST)/obj/*/*.d $(HOST)/obj/*/*/*.d $(HOST)/obj/*/*/*/*.d $(HOST)/test/*/*.d)

.PHONY: check-unit
check-unit: $(host_tests)
	$(Q)tools/tap-run -t 400 $(host_tests)
