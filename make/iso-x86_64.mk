# SPDX-License-Identifier: MPL-2.0
# The image for PCs: GRUB, which loads the kernel by Multiboot2 under BIOS and UEFI.

iso_try := qemu-system-x86_64
iso_files := $(OUT)/iso/boot/tessera.elf $(OUT)/iso/boot/image.cpio $(OUT)/iso/boot/grub/grub.cfg

# GRUB refuses a kernel with a relocation section, be it empty (kernel.ld asserts that it is).
$(OUT)/iso/boot/tessera.elf: $(KERNEL)
	$(Q)mkdir -p $(@D); $(LLVM_OBJCOPY) --strip-debug --remove-section .rela.dyn $< $@
$(OUT)/iso/boot/grub/grub.cfg: make/grub.cfg
	$(Q)mkdir -p $(@D); cp $< $@
$(ISO): $(iso_files)
	$(call say,ISO,$@)rm -f $@; grub-mkrescue -o $@ $(OUT)/iso > $(OUT)/iso.log 2>&1 || { cat $(OUT)/iso.log; exit 1; }
