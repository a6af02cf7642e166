# SPDX-License-Identifier: MPL-2.0
# iso: one image that boots from a CD drive or copied to a disk or stick; make/iso-$(ARCH).mk says how it is put
# together. debug: QEMU stopped at its first instruction, waiting for gdb.

ISO := $(OUT)/tessera.iso

$(OUT)/iso/boot/image.cpio: $(INIT) tools/image $(if $(FILES),force)
	$(call say,IMAGE,$@)mkdir -p $(@D); tools/image --out $@ --init $(INIT) --arch $(ARCH) --hostname tessera \
	    $(if $(FILES),--files '$(FILES)')
include make/iso-$(ARCH).mk

.PHONY: iso debug force
iso: $(ISO)
	@echo "$(ISO): try it with  $(iso_try) -m 512 -nographic -cdrom $(ISO)"

# Debian's gdb knows its own architecture only.
debugger := $(if $(filter x86_64,$(ARCH)),gdb,gdb-multiarch)

# Symbols are where the kernel is linked to run: no KASLR.
debug: $(KERNEL_IMAGE) $(INIT)
	@echo "Stopped. In another terminal:  $(debugger) -ex 'target remote :1234' $(KERNEL)"
	@echo "Then for instance:  hbreak kernel_main   continue   (Ctrl-A X here ends QEMU)"
	@QEMU_ARGS="-s -S $$QEMU_ARGS"; $(filter-out --qemu-args "$$QEMU_ARGS",$(run_command)) --append nokaslr \
	    --qemu-args "$$QEMU_ARGS"

# Boots on all kinds of machines, and with all kinds of trouble: make test-boot
.PHONY: test-boot
test-boot: $(KERNEL_IMAGE) $(ISO)
	$(Q)tools/test-boot --arch $(ARCH) --kernel $(KERNEL_IMAGE) --iso $(ISO)
