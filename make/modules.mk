# SPDX-License-Identifier: MPL-2.0
# Modules. Each folder's module.mk sets
#   name     what others call it in their `deps`
#   sources  C and assembly files, relative to the folder
#   deps     modules whose include/ it may use: nothing else is on its include path
#   tests    host unit tests in test/ (without .c); each is linked with the module and its deps
#   flags    extra compiler flags (optional)
# A module's public headers are in its include/; its own folder is on its own path only.

module_dirs := abi lib arch $(sort $(patsubst %/module.mk,%,$(wildcard arch/$(ARCH)/module.mk arch/common/module.mk arch/host/module.mk \
    kernel/*/module.mk drivers/*/module.mk)))

modules :=
define load_module
name :=
sources :=
deps :=
tests :=
flags :=
include $(1)/module.mk
modules += $$(name)
dir_$$(name) := $(1)
sources_$$(name) := $$(sources)
deps_$$(name) := $$(deps)
tests_$$(name) := $$(tests)
flags_$$(name) := $$(flags)
endef
$(foreach d,$(module_dirs),$(eval $(call load_module,$(d))))

# $(call includes,MODULE,PORT): its -I list. `arch` brings the contract and the port's inline half, `abi` the system-call
# table, whose numbers are x86-64's for the ports that run no programs (make/host.mk).
gen_of = $(if $(filter $(ARCH),$(1)),$(OUT),$(HOST))/gen/include
include_of = -I$(dir_$(1))/include $(if $(filter arch,$(1)),-Iarch/$(2)/include) $(if $(filter abi,$(1)),-I$(call gen_of,$(2)))
includes = -I$(dir_$(1)) $(foreach m,$(1) $(deps_$(1)),$(call include_of,$(m),$(2)))
