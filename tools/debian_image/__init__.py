# SPDX-License-Identifier: MPL-2.0
"""A Debian root file system from a list of packages (images/NAME.packages), made without running anything of it."""

import fcntl
import hashlib
import os
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


def link_volume(name, arch, path):
    """A link at this path to the image as a squashfs file, made from the cache if nothing has changed."""
    os.symlink(make(name, arch, volume=True), path)
    return path


def make(name, arch, volume=False):
    """The image (Debian's name of the architecture) as an initramfs or, for a disk, a squashfs file, from the cache if
    nothing has changed."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}-{arch}.lock", "w", encoding="ascii") as lock:  # two runs may want the same at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make_locked(name, arch, volume)


def make_locked(name, arch, volume):
    wanted = packages.read_list(TOP / "images" / f"{name}.packages")
    debs = CACHE / f"{name}-{arch}-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:12]}"
    if not debs.is_dir():
        packages.fetch(wanted, arch, debs)
    makers = [pathlib.Path(__file__).with_name(f"{part}.py") for part in ("__init__", "packages", "settings", "alternatives",
                                                                         "libraries", "database")]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in makers)).hexdigest()[:12]
    ending = "squashfs" if volume else "cpio"
    out = debs.with_name(f"{debs.name}-{key}.{ending}")
    if not out.exists():
        print(f"image: making {name} ({arch})", file=sys.stderr)
        for old in debs.parent.glob(f"{debs.name}-*.{ending}"):
            old.unlink()
        archive = build(debs.glob("*.deb"))
        archive.write_volume(out) if volume else archive.write(out)
    return out
