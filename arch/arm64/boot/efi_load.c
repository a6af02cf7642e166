// SPDX-License-Identifier: MPL-2.0
// Command line and initrd under UEFI. A loader (QEMU's -kernel -initrd -append) passes them as it does for Linux: load
// options, and a LoadFile2 protocol under Linux's name for it. From a medium that is booted as it is (make iso), they
// are the files \boot\cmdline and \boot\image.cpio beside us. Like efi.c, this holds no address as a constant.

#include "boot/boot_priv.h"
#include "boot/efi.h"
#include <lib/string.h>

static const struct efi_guid file_system_guid = {
    0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
static const struct efi_guid load_file_guid = {
    0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};

// A device path: the vendor's medium that Linux has named, and the path's end.
static const struct {
    uint8_t type, subtype;
    uint16_t size;
    struct efi_guid vendor;
    uint8_t end_type, end_subtype;
    uint16_t end_size;
} initrd_path = {4,    3,    20, {0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}},
                 0x7f, 0xff, 4};
static_assert(sizeof initrd_path == 24);

#define COMMAND_LINE_FILE u"\\boot\\cmdline"
#define INITRD_FILE u"\\boot\\image.cpio"
#define FILE_SIZE_MAX (1ull << 32)
#define COMMAND_LINE_MAX 4096u // one more than boot_info keeps, so that it can say what was lost

// A whole file of the volume we come from. *size 0: there is none.
static efi_status read_file(const struct efi_start *start, const uint16_t *name, paddr_t *at, uint64_t *size) {
    struct efi_file_system *volume;
    struct efi_file *root, *file;
    *size = 0;
    if (start->boot->handle_protocol(start->loaded->device, &file_system_guid, &volume) != 0 ||
        volume->open_volume(volume, &root) != 0)
        return 0;
    efi_status status = root->open(root, &file, name, EFI_FILE_READ, 0);
    root->close(root);
    if (status != 0)
        return 0;
    uint64_t length = 0;
    status = file->set_position(file, UINT64_MAX);
    if (status == 0)
        status = file->get_position(file, &length);
    if (status == 0)
        status = file->set_position(file, 0);
    if (status == 0 && length != 0 && length < FILE_SIZE_MAX) {
        *at = efi_allocate(start, length);
        status = *at != 0 ? file->read(file, &length, (void *)*at) : EFI_NOT_FOUND;
        *size = length;
    }
    file->close(file);
    return status;
}

// --- command line ---

// QEMU's firmware tells Linux with this word where the initrd is. It would end up among init's arguments.
static void drop_initrd_word(char *line, size_t length) {
    static const char word[] = "initrd=initrd";
    size_t size = sizeof word - 1;
    if (length < size || memcmp(line + length - size, word, size) != 0)
        return;
    length -= size;
    if (length == 0 || line[length - 1] == ' ')
        line[length == 0 ? 0 : length - 1] = '\0';
}

static void take_options(const struct efi_loaded_image *loaded, char *line) {
    size_t length = 0, units = loaded->options_size / 2;
    while (length < units && length < COMMAND_LINE_MAX && loaded->options[length] != 0) {
        uint16_t unit = loaded->options[length];
        line[length++] = unit < 0x80 ? (char)unit : (char)0x80; // what is not text is for loader.c to complain about
    }
    line[length] = '\0';
    drop_initrd_word(line, length);
}

// The first line of the file.
static efi_status take_file(const struct efi_start *start, char *line) {
    paddr_t at;
    uint64_t size;
    efi_status status = read_file(start, COMMAND_LINE_FILE, &at, &size);
    if (status != 0) {
        efi_say(start, "Tessera: \\boot\\cmdline cannot be read");
        return status;
    }
    const char *text = (const char *)at;
    size_t length = 0;
    while (length < size && length < COMMAND_LINE_MAX && text[length] != '\n' && text[length] != '\r') {
        line[length] = text[length];
        length++;
    }
    line[length] = '\0';
    return 0;
}

efi_status efi_load_command_line(const struct efi_start *start) {
    paddr_t line = efi_allocate(start, COMMAND_LINE_MAX + 1);
    if (line == 0)
        return EFI_NOT_FOUND;
    boot_handoff.command_line = line;
    if (start->loaded->options != nullptr && start->loaded->options_size >= 2) {
        take_options(start->loaded, (char *)line);
        return 0;
    }
    return take_file(start, (char *)line);
}

// --- initrd ---

// From the loader. *size 0: it has none for us.
static efi_status load_from_loader(const struct efi_start *start, paddr_t *at, uint64_t *size) {
    const void *path = &initrd_path;
    efi_handle device;
    struct efi_load_file *loader;
    *size = 0;
    if (start->boot->locate_device_path(&load_file_guid, &path, &device) != 0 ||
        start->boot->handle_protocol(device, &load_file_guid, &loader) != 0)
        return 0;
    uint64_t length = 0;
    efi_status status = loader->load(loader, path, false, &length, nullptr);
    if (status != EFI_BUFFER_TOO_SMALL || length == 0)
        return 0;
    *at = efi_allocate(start, length);
    if (*at == 0)
        return EFI_NOT_FOUND;
    *size = length;
    return loader->load(loader, path, false, size, (void *)*at);
}

efi_status efi_load_initrd(const struct efi_start *start) {
    paddr_t at = 0;
    uint64_t size;
    efi_status status = load_from_loader(start, &at, &size);
    if (status == 0 && size == 0)
        status = read_file(start, INITRD_FILE, &at, &size);
    if (status != 0) {
        efi_say(start, "Tessera: the initrd cannot be read");
        return status;
    }
    boot_handoff.initrd = at;
    boot_handoff.initrd_size = size;
    return 0;
}
