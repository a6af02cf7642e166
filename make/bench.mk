# SPDX-License-Identifier: MPL-2.0
# bench: Tessera against Linux. The program is static against Debian's glibc, as most of what people run uses glibc.

ONLY ?=
BENCH := $(USER)/bin/bench
bench_sources := $(wildcard bench/*.c) libtessera/ring.c libtessera/ring_map.c libtessera/native.c
$(BENCH): $(bench_sources) bench/bench.h make/bench.mk bench/system_call.h $(wildcard abi/include/abi/*.h libtessera/include/tessera/*.h) $(native_generated)
	$(call say,USERLD,$@)mkdir -p $(@D); $(CLANG) --target=$(user_cpu)-linux-gnu -std=c23 -D_GNU_SOURCE= -O2 $(bench_flags) $(user_warnings) \
	    -Wno-unused-result -Iabi/include -Ilibtessera/include -Iarch/$(ARCH)/user -Ilibtessera -I$(GEN)/include -static -pthread -fuse-ld=lld -Wl,--strip-debug $(bench_sources) -o $@

user: $(BENCH)
.PHONY: bench bench-debian
bench: $(KERNEL_IMAGE) $(INIT) $(BENCH)
	$(Q)tools/bench --arch $(ARCH) --kernel $(KERNEL_IMAGE) $(if $(ONLY),--only '$(ONLY)')
bench-debian: $(KERNEL_IMAGE) $(INIT)
	$(Q)tools/bench --debian --arch $(ARCH) --kernel $(KERNEL_IMAGE)
