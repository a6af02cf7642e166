# SPDX-License-Identifier: MPL-2.0
"""session: in the guest, runs one program of a test suite as its authors do: as a user who is not root, in a session of its own
that has a terminal, from which nothing comes."""

import fcntl
import os
import pty
import resource
import select
import shutil
import subprocess
import tempfile
import termios
import time

USER = 1000  # `user` of the image
SHOWN = 700  # characters of a failure's text


def tell(word, name, text=""):
    """A line for tools/compat. word: PASS, FAIL or SKIP."""
    line = f"## {word} {name}\t{text.strip()[-SHOWN:]}".replace("\t", " ").replace("\n", " | ")
    print(line.replace(f"{name} ", f"{name}\t", 1).encode("ascii", "backslashreplace").decode(), flush=True)


def give(folder):
    """Makes all in the folder the user's."""
    for path, _, files in os.walk(folder):
        for name in (path, *(os.path.join(path, file) for file in files)):
            os.chown(name, USER, USER, follow_symlinks=False)


def place(source, name):
    """A copy of the folder that the user may write to, made once: /tmp/NAME."""
    target = f"/tmp/{name}"
    if not os.path.isdir(target):
        shutil.copytree(source, target, symlinks=True)
        give(target)
    return target


def _wait(child, terminal, limit):
    """Reads what is written to the terminal, so that none waits for it, until the program has ended or its time has."""
    end, watched = time.monotonic() + limit, os.pidfd_open(child.pid)
    try:
        while (left := end - time.monotonic()) > 0:
            ready = select.select([watched, terminal], [], [], left)[0]
            if watched in ready:
                return child.wait()
            if terminal in ready:
                os.read(terminal, 65536)
        return None
    finally:
        os.close(watched)


def run(command, limit, folder, **environment):
    """(exit status, or None if it had to be killed; what it wrote)"""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.RLIM_INFINITY))
    terminal, slave = pty.openpty()
    os.fchown(slave, USER, USER)
    home = tempfile.mkdtemp(prefix="home-")
    os.chown(home, USER, USER)
    words = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": home, "USER": "user", "LOGNAME": "user", "TERM": "vt100",
             "LANG": "C.UTF-8", "TMPDIR": "/tmp", **environment}
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder, env=words, user=USER, group=USER,
                                 extra_groups=[], start_new_session=True, pass_fds=[slave], umask=0o022,
                                 preexec_fn=lambda: (fcntl.ioctl(slave, termios.TIOCSCTTY, 0), os.close(slave)))
        status = _wait(child, terminal, limit)
        if status is None:
            subprocess.run(["kill", "-KILL", "-1"], user=USER, stderr=subprocess.DEVNULL, check=False)  # all that is the user's
            child.wait()
        os.close(slave)
        os.close(terminal)
        out.seek(0)
        said = out.read().decode(errors="replace")
    shutil.rmtree(home, ignore_errors=True)
    return status, said
