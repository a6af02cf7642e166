# SPDX-License-Identifier: MPL-2.0
name := lib
sources := fmt.c string.c rbtree.c chacha20.c blake2s.c radix.c boot_map.c bitmap.c acpi.c acpi_arm.c acpi_table.c acpi_devices.c fdt.c fdt_bus.c command_line.c smbios.c
deps := abi
tests := acpi acpi_devices bitmap boot_map command_line fdt fmt radix rbtree smbios string chacha20 blake2s
