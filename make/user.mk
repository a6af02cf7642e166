# SPDX-License-Identifier: MPL-2.0
# User-space programs: servers, system tests, benchmarks. Static, against Debian's musl, with Linux's own headers
# (linux-libc-dev) for what libc does not wrap. One folder of objects and programs an architecture: $(USER)/bin.

USER := $(OUT)/user
ifeq ($(ARCH),arm64)
# A cross build. musl is unpacked into out/cache: Debian has no package of it to install beside ours. Linux's headers,
# libgcc and the benchmark's glibc are Debian's for cross compilers.
user_cpu := aarch64
musl := out/cache/deb/musl-dev-arm64/usr
uapi := /usr/aarch64-linux-gnu/include
user_rtlib := libgcc
# Atomics in place, as on x86-64, and not in functions that look what the processor has.
bench_flags := -mno-outline-atomics
$(musl)/lib/$(user_cpu)-linux-musl/libc.a:
	$(Q)tools/fetch deb musl-dev --arch arm64 > /dev/null
else
user_cpu := x86_64
musl := /usr
uapi := /usr/include
user_rtlib := compiler-rt
endif
musl_lib := $(musl)/lib/$(user_cpu)-linux-musl
uapi_asm := $(firstword $(wildcard $(uapi)/$(user_cpu)-linux-gnu/asm $(uapi)/asm))
user_builtins = $(shell $(CLANG) --target=$(user_cpu)-linux-gnu -print-libgcc-file-name --rtlib=$(user_rtlib))

user_warnings := $(filter-out -Wmissing-prototypes -Wthread-safety -Wshadow,$(warnings))
user_flags := --target=$(user_cpu)-linux-musl -std=c23 -D_GNU_SOURCE -O2 -g $(user_warnings) -fno-strict-aliasing \
    -fno-stack-protector -ffunction-sections -fdata-sections \
    -nostdlibinc -isystem $(musl)/include/$(user_cpu)-linux-musl -idirafter $(USER)/uapi -Iabi/include -Ilibtessera/include -Iarch/$(ARCH)/user -I$(GEN)/include -Itests/include
user_link := -static --strip-debug -nostdlib -z noexecstack --gc-sections -z max-page-size=4096 --build-id=none

# Only the kernel's own headers: glibc's, which lie beside them, must not be found.
$(USER)/uapi/linked: $(uapi)/linux/futex.h
	$(Q)mkdir -p $(@D); ln -sfn $(uapi)/linux $(@D)/linux; ln -sfn $(uapi)/asm-generic $(@D)/asm-generic; \
	    ln -sfn $(uapi_asm) $(@D)/asm; touch $@

$(USER)/obj/%.o: %.c $(USER)/uapi/linked $(musl_lib)/libc.a make/user.mk | $$(native_generated)
	$(call say,USERCC,$<)mkdir -p $(@D); $(CLANG) $(user_flags) -MMD -MP -MJ $@.json -c $< -o $@

# Generated sources are anybody's, whatever the architecture.
$(USER)/obj/gen/%.o: $(GEN)/%.c $(USER)/uapi/linked $(musl_lib)/libc.a make/user.mk | $$(native_generated)
	$(call say,USERCC,$<)mkdir -p $(@D); $(CLANG) $(user_flags) -MMD -MP -MJ $@.json -c $< -o $@

# Every program may use the library: the linker takes what is asked for.
library_objects := $(patsubst %.c,$(USER)/obj/%.o,$(wildcard libtessera/*.c)) $(patsubst %,$(USER)/obj/gen/protocols/%.o,$(protocols))
LIBTESSERA := $(USER)/libtessera.a
$(LIBTESSERA): $(library_objects)
	$(call say,AR,$@)rm -f $@; $(LLVM_AR) rcs $@ $^
-include $(library_objects:.o=.d)

# HMAC-SHA256 for the registry's tokens: Debian's libsodium (make/libtessera.mk).
sodium := $(sodium_$(user_cpu))
SODIUM := $(sodium)/lib/$(user_cpu)-linux-gnu/libsodium.a
$(USER)/obj/servers/common/%.o: user_flags += -isystem $(sodium)/include
$(USER)/obj/servers/common/token.o: | $(SODIUM)
libraries_init := $(SODIUM)
libraries_registryd := $(SODIUM)

# Squashfs images for fsd: Debian's libsquashfs and libzstd.
squashfs := $(squashfs_$(user_cpu))
zstd := $(zstd_$(user_cpu))
SQUASHFS := $(squashfs)/lib/$(user_cpu)-linux-gnu/libsquashfs.a
ZSTD := $(zstd)/lib/$(user_cpu)-linux-gnu/libzstd.a
$(USER)/obj/servers/fsd/%.o: user_flags += -isystem $(squashfs)/include -isystem $(zstd)/include
$(patsubst %.c,$(USER)/obj/%.o,$(wildcard servers/fsd/*.c)): | $(SQUASHFS) $(ZSTD)
libraries_fsd := $(SQUASHFS) $(ZSTD)

# $(eval $(call user_program,NAME,SOURCES)): a program $(USER)/bin/NAME of these sources. libraries_NAME: more to link with.
define user_program
$(USER)/bin/$(1): $(patsubst %.c,$(USER)/obj/%.o,$(2)) $(LIBTESSERA) $(libraries_$(1))
	$$(call say,USERLD,$$@)mkdir -p $$(@D); $$(LLD) $$(user_link) -o $$@ $(musl_lib)/crt1.o $(musl_lib)/crti.o \
	    $$(filter %.o,$$^) --start-group $(LIBTESSERA) $(libraries_$(1)) $(musl_lib)/libc.a $$(user_builtins) --end-group $(musl_lib)/crtn.o
user_programs += $(USER)/bin/$(1)
-include $(patsubst %.c,$(USER)/obj/%.d,$(2))
endef

$(eval $(call user_program,../stress/stress,tests/stress/stress.c))
$(eval $(call user_program,../fuzz/random-calls,tests/fuzz/random_calls.c))
$(eval $(call user_program,run-tests,tests/runner/run-tests.c))
$(eval $(call user_program,tessera,$(wildcard apps/tessera/*.c)))
$(eval $(call user_program,init,$(wildcard servers/init/*.c servers/common/*.c)))
$(eval $(call user_program,registryd,$(wildcard servers/registryd/*.c servers/common/*.c)))
$(eval $(call user_program,posixd,$(wildcard servers/posixd/*.c)))
$(eval $(call user_program,fsd,$(wildcard servers/fsd/*.c)))
# What tests/services/services.py puts into an image.
$(foreach p,counterd count crasher probe supervision commands legacy filed files late stopped volumes,$(eval $(call user_program,../services/$(p),tests/services/$(p).c)))
# tests/system/ARCH: what only one architecture has.
$(foreach t,$(wildcard tests/system/*.c tests/system/$(ARCH)/*.c),$(eval $(call user_program,tests/$(notdir $(t:.c=)),$(t))))

INIT := $(USER)/bin/init
$(INIT): | $(USER)/bin/tessera $(USER)/bin/posixd $(USER)/bin/fsd # the image takes them from the same folder
RUN_TESTS := $(USER)/bin/run-tests
$(RUN_TESTS): | $(USER)/bin/posixd # tests start it
SYSTEM_TESTS := $(filter $(USER)/bin/tests/%,$(user_programs))

.PHONY: user
user: $(user_programs)
