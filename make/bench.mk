# SPDX-License-Identifier: MPL-2.0
# bench: Tessera against Linux. The program is static against Debian's glibc, as most of what people run uses glibc.

ONLY ?=
BENCH := $(USER)/bin/bench
bench_sources := $(wildcard bench/*.c)
$(BENCH): $(bench_sources) bench/bench.h make/bench.mk
	$(call say,USERLD,$@)mkdir -p $(@D); $(CLANG) --target=$(musl_arch)-linux-gnu -std=c23 -O2 $(user_warnings) \
	    -Wno-unused-result -static -pthread -fuse-ld=lld -Wl,--strip-debug $(bench_sources) -o $@

.PHONY: bench
bench: $(KERNEL) $(INIT) $(BENCH)
	$(Q)tools/bench --kernel $(KERNEL) $(if $(ONLY),--only '$(ONLY)')
