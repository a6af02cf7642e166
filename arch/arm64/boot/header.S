// SPDX-License-Identifier: MPL-2.0
// The first page of the image: what two kinds of loader read.
//
// Bytes 0 to 63 are the header of a Linux arm64 Image, for loaders that jump to the first byte with the device tree's
// address in x0. The same bytes are the stub of a PE/COFF file, whose header follows, for UEFI: the first instruction
// reads "MZ" as text and does nothing that matters, and the last word says where the PE header is.
//
// In the file everything lies where it lies in memory, so file offsets are addresses relative to the first byte.

#define PAGE 4096
#define IMAGE_FLAGS 0xa // little-endian, 4 KiB pages, may be anywhere in memory

#define PE_MACHINE_ARM64 0xaa64
#define PE_EXECUTABLE 0x2
#define PE_NO_LINES 0x4
#define PE_NO_DEBUG 0x200
#define PE_MAGIC_64 0x20b
#define PE_SUBSYSTEM_EFI_APPLICATION 10
#define PE_NX_COMPATIBLE 0x100
#define PE_CODE 0x60000020 // readable, executable code
#define PE_DATA 0xc0000040 // readable, writable data
#define PE_DIRECTORIES 6   // as far as relocations: there are none for firmware to apply

// Offsets from the image's first byte, of this section.
#define FROM_START(symbol) (symbol - header_start)

    .section .head.text, "ax"
header_start:
    ccmp    x18, #0, #0xd, pl           // "MZ"
    b       entry_start
    .quad   0                           // offset from a multiple of 2 MiB
    .quad   FROM_START(kernel_end)      // memory that we take, .bss included
    .quad   IMAGE_FLAGS
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   FROM_START(pe_header)

pe_header:
    .ascii  "PE\0\0"
    .short  PE_MACHINE_ARM64
    .short  2                           // sections
    .long   0, 0, 0                     // time, symbols
    .short  pe_sections - pe_optional
    .short  PE_EXECUTABLE | PE_NO_LINES | PE_NO_DEBUG

pe_optional:
    .short  PE_MAGIC_64
    .short  0
    .long   FROM_START(kernel_text_end) - PAGE   // code
    .long   pe_data_file_size
    .long   0
    .long   FROM_START(efi_entry)
    .long   PAGE                        // first code
    .quad   0                           // preferred address: none
    .long   PAGE                        // alignment in memory …
    .long   PAGE                        // … and in the file
    .short  0, 0, 0, 0, 0, 0            // versions
    .long   0
    .long   FROM_START(kernel_end)
    .long   PAGE                        // of headers: this page
    .long   0                           // checksum
    .short  PE_SUBSYSTEM_EFI_APPLICATION
    .short  PE_NX_COMPATIBLE
    .quad   0, 0, 0, 0                  // stack and heap: firmware's
    .long   0
    .long   PE_DIRECTORIES
    .fill   PE_DIRECTORIES, 8, 0

pe_sections:
    .ascii  ".text\0\0\0"
    .long   FROM_START(kernel_text_end) - PAGE
    .long   PAGE
    .long   FROM_START(kernel_text_end) - PAGE
    .long   PAGE
    .long   0, 0, 0
    .long   PE_CODE
    .ascii  ".data\0\0\0"               // constants too: they are relocated before they become constant
    .long   pe_data_size
    .long   FROM_START(kernel_text_end)
    .long   pe_data_file_size
    .long   FROM_START(kernel_text_end)
    .long   0, 0, 0
    .long   PE_DATA
    .balign PAGE, 0
