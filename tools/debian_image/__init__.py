# SPDX-License-Identifier: MPL-2.0
"""A Debian root file system from a list of packages (images/NAME.packages), made without running anything of it."""

import hashlib
import pathlib
import subprocess
import sys

from archive import Archive
from . import alternatives, database, libraries, packages, settings

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = TOP / "out" / "cache" / "image"


def names():
    """The images that there are lists for."""
    return sorted(path.stem for path in (TOP / "images").glob("*.packages"))


def build(debs):
    archive = Archive()
    for name in packages.MERGED:
        archive.folder(f"usr/{name}")
        archive.link(name, f"usr/{name}")
    settings_of = [packages.unpack(deb, archive) for deb in sorted(debs)]
    settings.write(archive)
    alternatives.write(settings_of, archive, packages.merged)
    libraries.write(archive)
    database.write(settings_of, archive, packages.merged)
    return archive


def make(name, arch):
    """The initramfs of an image (Debian's name of the architecture), from the cache if nothing has changed."""
    wanted = packages.read_list(TOP / "images" / f"{name}.packages")
    debs = CACHE / f"{name}-{arch}-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:12]}"
    if not debs.is_dir():
        packages.fetch(wanted, arch, debs)
    makers = [pathlib.Path(__file__).with_name(f"{part}.py") for part in ("__init__", "packages", "settings", "alternatives",
                                                                         "libraries", "database")]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in makers)).hexdigest()[:12]
    out = debs.with_name(f"{debs.name}-{key}.cpio")
    if not out.exists():
        print(f"image: making {name} ({arch})", file=sys.stderr)
        for old in debs.parent.glob(f"{debs.name}-*.cpio"):
            old.unlink()
        build(debs.glob("*.deb")).write(out)
    return out
