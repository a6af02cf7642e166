# SPDX-License-Identifier: MPL-2.0
"""What the scripts of Debian's essential packages leave in /etc, /root and /var, made from the same sources."""

import os
import re
import subprocess

from .packages import DPKG_LEFT_OUT

SHARE = "usr/share/base-files"
FOLDERS = {"dev": 0o755, "proc": 0o555, "sys": 0o555, "run": 0o755, "run/lock": 0o1777, "tmp": 0o1777, "root": 0o700, "home": 0o755,
           "mnt": 0o755, "media": 0o755, "opt": 0o755, "srv": 0o755, "boot": 0o755, "files": 0o755, "var/log": 0o755, "var/tmp": 0o1777,
           "var/cache": 0o755, "var/mail": 0o2775, "var/spool": 0o755, "var/local": 0o2775, "usr/local": 0o755, "usr/local/bin": 0o755,
           "usr/local/lib": 0o755, "usr/local/sbin": 0o755, "usr/local/share": 0o755, "etc/opt": 0o755, "home/user": 0o755}
TEXTS = {
    "etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
    "etc/fstab": "# Tessera's init mounts /proc, /sys, /dev, /dev/pts and /dev/shm.\n",
    "etc/timezone": "Etc/UTC\n",
    "etc/environment": "",
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/resolv.conf": "",
    "etc/machine-id": "",
    "var/log/lastlog": "", "var/log/wtmp": "", "var/log/btmp": "", "run/utmp": "",
}
LINKS = {"etc/localtime": "/usr/share/zoneinfo/Etc/UTC", "etc/mtab": "../proc/self/mounts", "var/run": "/run", "var/lock": "/run/lock",
         "usr/share/zoneinfo/localtime": "/etc/localtime"}
COPIES = {"etc/profile": "profile", "root/.profile": "dot.profile", "root/.bashrc": "dot.bashrc", "etc/nsswitch.conf": "nsswitch.conf",
          "etc/motd": "motd", "etc/host.conf": "host.conf"}


# What pam-auth-update makes of libpam-runtime's templates when the accounts of the machine are the only ones.
PAM = {
    "account": "account\t[success=1 new_authtok_reqd=done default=ignore]\tpam_unix.so",
    "auth": "auth\t[success=1 default=ignore]\tpam_unix.so nullok",
    "password": "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt",
    "session": "session\t[default=1]\t\t\tpam_permit.so",
    "session-noninteractive": "session\t[default=1]\t\t\tpam_permit.so",
}


def _pam(archive):
    if "usr/share/pam/common-auth" not in archive.entries:
        return
    for name, first in PAM.items():
        kind = name.partition("-")[0]
        text = f"{first}\n{kind}\trequisite\t\t\tpam_deny.so\n{kind}\trequired\t\t\tpam_permit.so\n"
        if kind == "session":
            text += "session\trequired\t\t\tpam_unix.so\n"
        archive.file(f"etc/pam.d/common-{name}", text.encode())


def _accounts(archive):
    """The accounts that every Debian has, root and one more; no passwords: root logs in on the console without."""
    passwd = archive.entries["usr/share/base-passwd/passwd.master"].contents.decode().replace("root:*:", "root:x:", 1)
    passwd = re.sub(r"^([a-z][^:]*):\*:", r"\1:x:", passwd, flags=re.M)
    passwd += "user:x:1000:1000:user:/home/user:/bin/bash\n"
    group = archive.entries["usr/share/base-passwd/group.master"].contents.decode()
    group = re.sub(r"^([^:]+):\*:", r"\1:x:", group, flags=re.M) + "user:x:1000:\n"
    names = [line.split(":")[0] for line in passwd.splitlines()]
    shadow = "".join(f"{name}:{'' if name == 'root' else '*'}:19000:0:99999:7:::\n" for name in names)
    gshadow = "".join(f"{line.split(':')[0]}:*::\n" for line in group.splitlines())
    archive.file("etc/passwd", passwd.encode())
    archive.file("etc/group", group.encode())
    archive.file("etc/shadow", shadow.encode(), 0o640, owner=(0, 42))
    archive.file("etc/gshadow", gshadow.encode(), 0o640, owner=(0, 42))
    archive.entries["home/user"].owner = (1000, 1000)


def _certificates(archive):
    """/etc/ssl/certs, as update-ca-certificates makes it: one file of all, and a link by the hash of each one's name."""
    bundle, taken = b"", {}
    for path in sorted(name for name in archive.entries if re.fullmatch(r"usr/share/ca-certificates/.+\.crt", name)):
        contents = archive.entries[path].contents
        bundle += contents.rstrip(b"\n") + b"\n"
        name = os.path.basename(path)[:-4].replace(" ", "_").replace("(", "=").replace(")", "=") + ".pem"
        archive.link(f"etc/ssl/certs/{name}", "/" + path)
        number = subprocess.run(["openssl", "x509", "-noout", "-subject_hash"], input=contents, stdout=subprocess.PIPE, check=True)
        number = number.stdout.decode().strip()
        taken[number] = taken.get(number, -1) + 1
        archive.link(f"etc/ssl/certs/{number}.{taken[number]}", name)
    if bundle:
        archive.file("etc/ssl/certs/ca-certificates.crt", bundle)


def _shells(archive):
    paths = [name for name in ("bin/sh", "bin/bash", "bin/dash", "bin/rbash") if f"usr/{name}" in archive.entries]
    archive.file("etc/shells", "".join(f"/{name}\n/usr/{name}\n" for name in paths).encode())


def write(archive):
    for path, mode in FOLDERS.items():
        archive.folder(path, mode)
    for path, text in TEXTS.items():
        archive.file(path, text.encode())
    for path, target in LINKS.items():
        if os.path.dirname(path) in archive.entries:
            archive.link(path, target)
    for path, name in COPIES.items():
        if entry := archive.entries.get(f"{SHARE}/{name}"):
            archive.file(path, entry.contents)
    if "usr/bin/sh" not in archive.entries:
        archive.link("usr/bin/sh", "dash")
    archive.file("etc/dpkg/dpkg.cfg.d/left-out", DPKG_LEFT_OUT.encode())
    _accounts(archive)
    _pam(archive)
    _certificates(archive)
    _shells(archive)
