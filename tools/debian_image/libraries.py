# SPDX-License-Identifier: MPL-2.0
"""/etc/ld.so.cache in glibc's format of today ("glibc-ld.so.cache1.1"), and the links from sonames to libraries, both as
ldconfig makes them. ldconfig itself would need a folder of the host, root, and the architecture of the host."""

import fnmatch
import functools
import re
import stat
import struct

MACHINES = {62: 0x0303, 183: 0x0a03}  # ELF's e_machine: x86-64, AArch64; glibc's flags for their 64-bit libraries
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_STRTAB, DT_SONAME = 0, 5, 14


def soname(data):
    """(machine, soname) of a 64-bit little-endian shared library; None: it is none."""
    if data[:6] != b"\x7fELF\x02\x01" or len(data) < 64:
        return None
    kind, machine = struct.unpack_from("<HH", data, 16)
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    if kind != 3 or machine not in MACHINES:
        return None
    segments = [struct.unpack_from("<IIQQQQQQ", data, offset + size * i) for i in range(count)]
    dynamic = next((segment for segment in segments if segment[0] == PT_DYNAMIC), None)
    if not dynamic:
        return None
    tags = {}
    for at in range(dynamic[2], dynamic[2] + dynamic[5], 16):
        tag, value = struct.unpack_from("<QQ", data, at)
        if tag == DT_NULL:
            break
        tags.setdefault(tag, value)
    if DT_SONAME not in tags:
        return None
    table = tags[DT_STRTAB]
    for kind, _, place, address, _, length, *_ in segments:
        if kind == PT_LOAD and address <= table < address + length:
            start = place + table - address + tags[DT_SONAME]
            return machine, data[start:data.index(b"\0", start)].decode()
    return None


def _folders(archive):
    """Those of /etc/ld.so.conf, then the two that are always searched."""
    lines = []
    for name, entry in sorted(archive.entries.items()):
        if fnmatch.fnmatch(name, "etc/ld.so.conf.d/*.conf"):
            lines += entry.contents.decode().splitlines()
    found = []
    for line in [*lines, "/lib", "/usr/lib"]:
        path = line.partition("#")[0].strip()
        place = archive.resolve(path) if path else None
        if place and place not in (known for known, _ in found):
            found.append((place, path.rstrip("/")))
    return found


@functools.cmp_to_key
def _order(a, b):
    """glibc's order of names: numbers count as numbers."""
    left, right = (re.findall(r"\d+|\D", name) for name in (a, b))
    for x, y in zip(left, right):
        if x == y:
            continue
        if x.isdigit() and y.isdigit():
            if int(x) != int(y):
                return int(x) - int(y)
            continue
        if x.isdigit() != y.isdigit():
            return 1 if x.isdigit() else -1
        return ord(x) - ord(y)
    return len(left) - len(right)


def write(archive):
    known = {}  # path: (name, flags); a name that several folders have stands there for each
    for folder, path in _folders(archive):
        for name in sorted(archive.entries):
            head, _, base = name.rpartition("/")
            entry = archive.entries[name]
            place = archive.resolve(name) if head == folder and ".so" in base else None
            if place is None or not stat.S_ISREG(archive.entries[place].mode):
                continue
            about = soname(archive.entries[archive.entries[place].same_as or place].contents)
            if not about:
                continue
            machine, wanted = about
            if stat.S_ISLNK(entry.mode) and base.endswith(".so") and wanted.startswith(base):
                wanted = base  # what ld looks for stands for itself
            elif f"{folder}/{wanted}" not in archive.entries:
                archive.link(f"{folder}/{wanted}", base)
            known[f"{path}/{wanted}"] = wanted, MACHINES[machine]
    paths = sorted(known, key=lambda path: _order(known[path][0]), reverse=True)
    strings, entries = b"", b""
    start = 48 + 24 * len(paths)
    for path in paths:
        name, flags = known[path]
        entries += struct.pack("<iIIIQ", flags, start + len(strings), start + len(strings) + len(name) + 1, 0, 0)
        strings += name.encode() + b"\0" + path.encode() + b"\0"
    head = b"glibc-ld.so.cache1.1" + struct.pack("<IIBxxxIIII", len(paths), len(strings), 2, 0, 0, 0, 0)
    archive.file("etc/ld.so.cache", head + entries + strings)
