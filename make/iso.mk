# SPDX-License-Identifier: MPL-2.0
# iso: one image that boots under BIOS and UEFI, from a CD drive or copied to a disk or stick. debug: QEMU stopped at
# its first instruction, waiting for gdb.

ISO := $(OUT)/tessera.iso
iso_files := $(OUT)/iso/boot/tessera.elf $(OUT)/iso/boot/image.cpio $(OUT)/iso/boot/grub/grub.cfg

# GRUB refuses a kernel with a relocation section, be it empty (kernel.ld asserts that it is).
$(OUT)/iso/boot/tessera.elf: $(KERNEL)
	$(Q)mkdir -p $(@D); $(LLVM_OBJCOPY) --strip-debug --remove-section .rela.dyn $< $@
$(OUT)/iso/boot/image.cpio: $(INIT) tools/image $(if $(FILES),force)
	$(call say,IMAGE,$@)mkdir -p $(@D); tools/image --out $@ --init $(INIT) --arch $(ARCH) --hostname tessera \
	    $(if $(FILES),--files '$(FILES)')
$(OUT)/iso/boot/grub/grub.cfg: make/grub.cfg
	$(Q)mkdir -p $(@D); cp $< $@
$(ISO): $(iso_files)
	$(call say,ISO,$@)rm -f $@; grub-mkrescue -o $@ $(OUT)/iso > $(OUT)/iso.log 2>&1 || { cat $(OUT)/iso.log; exit 1; }

.PHONY: iso debug force
iso: $(ISO)
	@echo "$(ISO): try it with  qemu-system-x86_64 -m 512 -nographic -cdrom $(ISO)"

# Symbols are where the kernel is linked to run: no KASLR.
debug: $(KERNEL) $(INIT)
	@echo "Stopped. In another terminal:  gdb -ex 'target remote :1234' $(KERNEL)"
	@echo "Then for instance:  hbreak kernel_main   continue   (Ctrl-A X here ends QEMU)"
	@QEMU_ARGS="-s -S $$QEMU_ARGS"; $(filter-out --qemu-args "$$QEMU_ARGS",$(run_command)) --append nokaslr \
	    --qemu-args "$$QEMU_ARGS"

# Boots on all kinds of machines, and with all kinds of trouble: make test-boot
.PHONY: test-boot
test-boot: $(KERNEL) $(ISO)
	$(Q)tools/test-boot --kernel $(KERNEL) --iso $(ISO)
