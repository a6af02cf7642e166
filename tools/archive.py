# SPDX-License-Identifier: MPL-2.0
"""Collects a file system's entries and writes them as an initramfs (a newc cpio) or a squashfs image. No root is needed."""

import dataclasses
import io
import os
import pathlib
import stat
import subprocess
import tarfile

TIME = int(os.environ.get("SOURCE_DATE_EPOCH", 1_700_000_000))  # of what has no time of its own
DEVICES = (stat.S_IFCHR, stat.S_IFBLK)


@dataclasses.dataclass
class Entry:
    mode: int
    contents: bytes = b""  # a link's target
    time: int = TIME
    device: tuple = (0, 0)
    owner: tuple = (0, 0)
    same_as: str = ""  # another name of that file
    xattrs: dict = dataclasses.field(default_factory=dict)  # name: bytes; an initramfs has none


class Archive:
    """Entries by path, without a leading slash."""

    def __init__(self):
        self.entries = {}

    def folder(self, path, mode=0o755, **about):
        self.entries[path] = Entry(stat.S_IFDIR | mode, **about)

    def file(self, path, contents, mode=0o644, **about):
        self.entries[path] = Entry(stat.S_IFREG | mode, contents, **about)

    def link(self, path, target, **about):
        self.entries[path] = Entry(stat.S_IFLNK | 0o777, target.encode(), **about)

    def node(self, path, mode, major, minor):
        self.entries[path] = Entry(stat.S_IFCHR | mode, device=(major, minor))

    def tree(self, source, prefix):
        """A folder of the host; no prefix: what it holds goes to the root. Every file belongs to root in the guest."""
        if prefix:
            self.folder(prefix)
        for path in sorted(pathlib.Path(source).rglob("*")):
            name = f"{prefix}/{path.relative_to(source)}".lstrip("/")
            info = path.lstat()
            if path.is_symlink():
                self.link(name, os.readlink(path), time=int(info.st_mtime))
            elif path.is_dir():
                self.folder(name, info.st_mode & 0o7777, time=int(info.st_mtime))
            elif path.is_file():
                self.file(name, path.read_bytes(), info.st_mode & 0o7777, time=int(info.st_mtime))

    def resolve(self, path):
        """The path that `path` leads to over this archive's own links; None: nowhere."""
        for _ in range(40):
            parts = path.strip("/").split("/")
            for count in range(1, len(parts) + 1):
                prefix = "/".join(parts[:count])
                entry = self.entries.get(prefix)
                if entry and stat.S_ISLNK(entry.mode):
                    target = os.path.join("/", os.path.dirname(prefix), entry.contents.decode())
                    path = os.path.normpath(os.path.join(target, *parts[count:])).lstrip("/")
                    break
            else:
                path = "/".join(parts)
                return path if path in self.entries else None
        return None

    def write(self, path):
        """Sorted, so that the same entries are the same bytes, and every folder comes before what is in it."""
        numbers = {name: number for number, name in enumerate(sorted(self.entries), 1)}
        names = {}  # of each file that has several
        for name in numbers:
            names.setdefault(self.entries[name].same_as or name, []).append(name)
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "wb") as out:
            for name in numbers:
                entry = self.entries[name]
                original = entry.same_as or name
                first = min(names[original])
                contents = self.entries[original].contents if name == first else b""
                folder = stat.S_ISDIR(entry.mode)
                write_member(out, name, self.entries[original], numbers[first], 2 if folder else len(names[original]), contents)
            write_member(out, "TRAILER!!!", Entry(0, time=0), 0, 1, b"")
            out.write(b"\0" * (-out.tell() % 512))
        os.replace(temporary, path)

    def write_volume(self, path):
        """A squashfs image, by tar2sqfs. The same entries are the same bytes."""
        temporary = f"{path}.{os.getpid()}"
        command = ["tar2sqfs", "--quiet", "--force", "--no-skip", "--compressor", "zstd", "--comp-extra", "level=6",
                   "--defaults", f"mtime={TIME}", temporary]
        has_xattrs = any(entry.xattrs for entry in self.entries.values())
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            with tarfile.open(fileobj=process.stdin, mode="w|", format=tarfile.PAX_FORMAT if has_xattrs else tarfile.GNU_FORMAT) as out:
                for name in sorted(self.entries, key=lambda name: (bool(self.entries[name].same_as), name)):
                    out.addfile(*tar_member(name, self.entries[name]))
            process.stdin.close()
        if process.returncode:
            raise SystemExit(f"tar2sqfs failed with status {process.returncode}")
        os.replace(temporary, path)


TAR_TYPES = {stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFREG: tarfile.REGTYPE, stat.S_IFLNK: tarfile.SYMTYPE,
             stat.S_IFCHR: tarfile.CHRTYPE, stat.S_IFBLK: tarfile.BLKTYPE, stat.S_IFIFO: tarfile.FIFOTYPE}


def tar_member(name, entry):
    """The head, and the contents if it has any."""
    member = tarfile.TarInfo(name)
    member.mode, member.mtime = stat.S_IMODE(entry.mode), entry.time
    member.uid, member.gid = entry.owner
    member.devmajor, member.devminor = entry.device
    member.pax_headers = {f"SCHILY.xattr.{key}": value.decode(errors="surrogateescape") for key, value in entry.xattrs.items()}
    member.type = tarfile.LNKTYPE if entry.same_as else TAR_TYPES[stat.S_IFMT(entry.mode)]
    if entry.same_as:
        member.linkname = entry.same_as
    elif stat.S_ISLNK(entry.mode):
        member.linkname = entry.contents.decode()
    elif stat.S_ISREG(entry.mode):
        member.size = len(entry.contents)
        return member, io.BytesIO(entry.contents)
    return member, None


def write_member(out, name, entry, number, links, contents):
    name = name.encode()
    fields = (number, entry.mode, *entry.owner, links, entry.time, len(contents), 0, 0, *entry.device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0"
    out.write(head + b"\0" * (-len(head) % 4) + contents + b"\0" * (-len(contents) % 4))
