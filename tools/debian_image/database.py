# SPDX-License-Identifier: MPL-2.0
"""dpkg's database (/var/lib/dpkg) for packages that were unpacked without it: as if each had been installed."""

import hashlib
import re

SCRIPTS = {"preinst", "postinst", "prerm", "postrm", "config"}


def _conffiles(package, archive, where):
    """The field that dpkg adds to a status entry: each configuration file with its sum."""
    lines = []
    for line in package.control.get("conffiles", b"").decode().splitlines():
        path = line.split()[-1] if line.strip() else ""
        entry = archive.entries.get(where(path.lstrip("/")))
        if entry:
            lines.append(f" {path} {hashlib.md5(entry.contents).hexdigest()}")
    return ["Conffiles:", *lines] if lines else []


def _status(package, archive, where):
    """Its fields in the order of the package, the state behind the name."""
    lines = package.fields.strip().splitlines()
    name = next(i for i, line in enumerate(lines) if line.startswith("Package: "))
    lines.insert(name + 1, "Status: install ok installed")
    description = next((i for i, line in enumerate(lines) if line.startswith("Description: ")), len(lines))
    lines[description:description] = _conffiles(package, archive, where)
    return "\n".join(lines) + "\n"


def _interests(package):
    """(trigger, whether others wait for it) of what the package wants to hear of."""
    for line in package.control.get("triggers", b"").decode().splitlines():
        if match := re.match(r"interest(-await|-noawait)?\s+(\S+)", line):
            yield match[2], match[1] != "-noawait"


def write(packages, archive, where):
    """`where`: the place in the archive of a path as packages have it."""
    root = "var/lib/dpkg"
    for folder in ("", "/info", "/updates", "/triggers", "/parts", "/alternatives"):
        archive.folder(root + folder)
    packages = sorted(packages, key=lambda package: package.full_name)
    archive.file(f"{root}/status", "\n".join(_status(package, archive, where) for package in packages).encode())
    for name in ("available", "diversions", "statoverride", "lock", "lock-frontend", "triggers/Lock", "triggers/Unincorp"):
        archive.file(f"{root}/{name}", b"")
    archive.file(f"{root}/info/format", b"1\n")
    files, named = [], {}
    for package in packages:
        archive.file(f"{root}/info/{package.full_name}.list", "".join(path + "\n" for path in package.paths).encode())
        for name, contents in sorted(package.control.items()):
            archive.file(f"{root}/info/{package.full_name}.{name}", contents, 0o755 if name in SCRIPTS else 0o644)
        for trigger, waits in _interests(package):
            interest = package.full_name + ("" if waits else "/noawait")
            if trigger.startswith("/"):
                files.append(f"{trigger} {interest}\n")
            else:
                named.setdefault(trigger, []).append(interest + "\n")
    archive.file(f"{root}/triggers/File", "".join(sorted(files)).encode())
    for trigger, interests in named.items():
        archive.file(f"{root}/triggers/{trigger}", "".join(sorted(interests)).encode())
