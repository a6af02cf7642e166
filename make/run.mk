# SPDX-License-Identifier: MPL-2.0
# run: Tessera in QEMU. IMAGE, FILES, DISK, CMD, ICOUNT, LINUX, TIMEOUT, MACHINE, CPU, GIC and QEMU_ARGS are make's names for tools/run's options.

IMAGE     ?=
FILES     ?=
DISK      ?=
CMD       ?=
ICOUNT    ?= 0
LINUX     ?= 0
TIMEOUT   ?=
MACHINE   ?=
CPU       ?=
GIC       ?=
QEMU_ARGS ?=
export CMD QEMU_ARGS

# One CPU unless asked otherwise when instructions are counted: they would take turns anyway.
ifeq ($(ICOUNT)$(origin SMP),1file)
run_smp := 1
else
run_smp := $(SMP)
endif

machine_options = --arch $(ARCH) $(if $(MACHINE),--machine $(MACHINE)) $(if $(CPU),--cpu $(CPU)) $(if $(GIC),--gic $(GIC))
run_command = tools/run $(machine_options) --kernel $(KERNEL_IMAGE) --init $(INIT) --smp $(run_smp) \
    $(if $(IMAGE),--image $(IMAGE)) $(if $(filter-out file,$(origin MEM)),--mem $(MEM)) \
    $(if $(FILES),--files '$(FILES)') $(foreach d,$(DISK),--disk '$(d)') $(if $(CMD),--cmd "$$CMD") $(if $(filter 1,$(ICOUNT)),--icount) \
    $(if $(filter 1,$(LINUX)),--linux) $(if $(TIMEOUT),--timeout $(TIMEOUT)) $(if $(QEMU_ARGS),--qemu-args "$$QEMU_ARGS") \
    $(if $(filter 1,$(V)),--show)

# A loaded function gives make the exit status of the command (make/run-command.c says why). It is compiled once the
# compiler is installed (make/deps.mk starts make over then).
ifneq ($(and $(filter run,$(MAKECMDGOALS)),$(wildcard out/deps/build.mk)),)
-load out/make/run-command.so(run_command_gmk_setup)
out/make/run-command.so: make/run-command.c
	@mkdir -p $(@D) && $(CLANG) -shared -fPIC -O1 $< -o $@
endif

.PHONY: run
run: $(if $(filter 1,$(LINUX)),,$(KERNEL_IMAGE)) $(INIT)
	$(run-command $(run_command))@$(run_command)
