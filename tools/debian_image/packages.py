# SPDX-License-Identifier: MPL-2.0
"""Debian's packages: fetched by mmdebstrap with all that they depend on, and unpacked into an Archive."""

import dataclasses
import pathlib
import re
import stat
import subprocess
import sys
import tarfile
import io

from apt_sources import sources

SUITE = "bookworm"
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links to folders of the same name in /usr
# Not unpacked, here and by the guest's dpkg: what nobody reads there. Copyright files stay, as their licences want.
LEFT_OUT = re.compile(r"usr/share/(doc/[^/]+/(?!copyright$).|man/.|info/.|locale/.|lintian/.|groff/.)")
DPKG_LEFT_OUT = """path-exclude /usr/share/doc/*/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/groff/*
"""


def read_list(path):
    """The names in a list of packages: one a line, # begins a comment."""
    lines = pathlib.Path(path).read_text().splitlines()
    return sorted({name for line in lines if (name := line.partition("#")[0].strip())})


def fetch(names, arch, folder):
    """The packages and what they depend on, as files in `folder`. Prints what it does; ends with a message if it cannot."""
    print(f"image: fetching {len(names)} packages of Debian {SUITE} ({arch}) and what they need", file=sys.stderr)
    tar = folder.with_suffix(".tar")
    command = ["mmdebstrap", "--quiet", "--variant=extract", f"--architectures={arch}", "--skip=cleanup/apt,check/qemu",
               "--format=tar", f"--include={','.join(names)}", SUITE, str(tar), "-"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, input=sources(arch, "deb"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        tar.unlink(missing_ok=True)
        sys.exit(f"{done.stdout.strip()}\nimage: could not fetch Debian's packages: is the mirror in /etc/apt within reach?")
    folder.mkdir(exist_ok=True)
    with tarfile.open(tar) as archive:
        for member in archive:
            if member.isfile() and member.name.startswith("./var/cache/apt/archives/") and member.name.endswith(".deb"):
                (folder / pathlib.PurePath(member.name).name).write_bytes(archive.extractfile(member).read())
    tar.unlink()


@dataclasses.dataclass
class Package:
    name: str
    arch: str
    fields: str   # the control file, as it is
    control: dict  # the other control members: name to contents
    paths: list   # what it holds, as dpkg lists it

    @property
    def full_name(self):
        """As dpkg names its files: the architecture belongs to it if several can be installed at once."""
        same = re.search(r"^Multi-Arch: same$", self.fields, re.M)
        return f"{self.name}:{self.arch}" if same else self.name


def _field(text, name):
    return re.search(rf"^{name}: (.*)$", text, re.M)[1]


def _tar(deb, what):
    data = subprocess.run(["dpkg-deb", what, deb], stdout=subprocess.PIPE, check=True).stdout
    return tarfile.open(fileobj=io.BytesIO(data))


def merged(path):
    """Where a path is with /bin, /sbin and /lib merged into /usr."""
    head, _, rest = path.partition("/")
    return f"usr/{path}" if head in MERGED and rest else path


def unpack(deb, archive):
    """A package's files into the archive, nothing of it run. Returns what dpkg would know of it."""
    with _tar(deb, "--ctrl-tarfile") as tar:
        control = {member.name.lstrip("./"): tar.extractfile(member).read() for member in tar if member.isfile()}
    fields = control.pop("control").decode()
    package = Package(_field(fields, "Package"), _field(fields, "Architecture"), fields, control, [])
    with _tar(deb, "--fsys-tarfile") as tar:
        for member in tar:
            name = member.name.removeprefix(".").strip("/")
            package.paths.append(f"/{name}" if name else "/.")
            if name and name not in MERGED and not LEFT_OUT.match(name):
                _add(archive, tar, member, merged(name))
    return package


def _add(archive, tar, member, name):
    about = {"time": int(member.mtime), "owner": (member.uid, member.gid)}
    if member.isdir():
        if name not in archive.entries or stat.S_ISDIR(archive.entries[name].mode):
            archive.folder(name, member.mode, **about)
    elif member.issym():
        archive.link(name, member.linkname, **about)
    elif member.islnk():
        target = merged(member.linkname.removeprefix(".").strip("/"))
        original = archive.entries[target].same_as or target
        archive.file(name, b"", member.mode, same_as=original, **about)
    elif member.isfile():
        archive.file(name, tar.extractfile(member).read(), member.mode, **about)
    else:
        sys.exit(f"image: {name} is neither file, folder nor link")
