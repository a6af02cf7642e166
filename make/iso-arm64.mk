# SPDX-License-Identifier: MPL-2.0
# The image for ARM64 under UEFI: a FAT partition with the kernel, which is an application of UEFI's, under the name
# that firmware looks for; initrd and command line lie beside it. The same partition is what a CD drive boots from.

iso_try := qemu-system-aarch64 -M virt -cpu cortex-a72 -bios /usr/share/qemu-efi-aarch64/QEMU_EFI.fd
ISO_COMMAND_LINE ?= console=ttyAMA0
esp := $(OUT)/iso/esp.img

$(esp): $(KERNEL_IMAGE) $(OUT)/iso/boot/image.cpio make/iso-arm64.mk
	$(call say,ESP,$@)mkdir -p $(@D); rm -f $@; export MTOOLS_SKIP_CHECK=1; \
	    truncate -s $$(( ($$(stat -c %s $(KERNEL_IMAGE)) + $$(stat -c %s $(OUT)/iso/boot/image.cpio)) / 1048576 + 4 ))M $@; \
	    mformat -i $@ -v TESSERA :: && mmd -i $@ ::/EFI ::/EFI/BOOT ::/boot && \
	    mcopy -i $@ $(KERNEL_IMAGE) ::/EFI/BOOT/BOOTAA64.EFI && mcopy -i $@ $(OUT)/iso/boot/image.cpio ::/boot/image.cpio && \
	    echo '$(ISO_COMMAND_LINE)' | mcopy -i $@ - ::/boot/cmdline
$(ISO): $(esp)
	$(call say,ISO,$@)rm -f $@; mkdir -p $(OUT)/iso/empty; xorriso -as mkisofs -quiet -R -V TESSERA -append_partition 2 0xef $< -appended_part_as_gpt \
	    -e --interval:appended_partition_2:all:: -no-emul-boot -o $@ $(OUT)/iso/empty > $(OUT)/iso.log 2>&1 || { cat $(OUT)/iso.log; exit 1; }
