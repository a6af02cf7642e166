# SPDX-License-Identifier: MPL-2.0
"""What some test suites need in the guest that no package of the image has: the tests themselves, from Debian's sources of the
program, and small programs of theirs, built here for the guest's architecture. Each suite's folder is made once and kept.
The programs and libraries under test are those of Debian's packages.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import arch as arches
from insns import newest

CACHE = arches.TOP / "out/cache/suites"


def fetch(*words):
    return pathlib.Path(subprocess.run([arches.TOP / "tools/fetch", *words], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


def compiler(arch):
    target = {"x86_64": "x86_64", "arm64": "aarch64"}[arch]
    return [newest("clang"), f"--target={target}-linux-gnu", "-fuse-ld=lld", "-O2", "-w"]


def bash(arch, out):
    """tests/, with the four programs that bash's own `make tests` puts there; three files for a test that copies long ones of
    the built tree; locales."""
    source = fetch("source", "bash")
    shutil.copytree(source / "tests", out / "tests")
    for name in ("recho", "zecho", "printenv", "xcase"):
        subprocess.run([*compiler(arch), "-std=gnu89", "-DHAVE_STDLIB_H", "-DHAVE_STRING_H", "-DHAVE_UNISTD_H", f"-I{source}",
                        f"-I{source}/include", source / f"support/{name}.c", "-o", out / "tests" / name], check=True)
    for name, text in (("y.tab.c", "y.tab.c"), ("config.h", "config.h.in"), ("version.h", "version.c")):
        shutil.copy(source / text, out / name)
    locales(out / "locale")


LOCALES = {"en_US.UTF-8": "UTF-8", "de_DE.UTF-8": "UTF-8", "fr_FR.ISO8859-1": "ISO-8859-1", "zh_HK.big5hkscs": "BIG5-HKSCS",
           "zh_TW.BIG5": "BIG5", "ja_JP.SJIS": "SHIFT_JIS"}  # those that bash's tests name


def locales(out):
    """For /usr/lib/locale."""
    texts = fetch("deb", "locales") / "usr/share/i18n"
    out.mkdir()
    for name, encoding in LOCALES.items():
        subprocess.run(["localedef", "--quiet", "--no-warnings=ascii", "--no-archive", "-i", name.split(".")[0], "-f", encoding, out / name],
                       env={**os.environ, "I18NPATH": str(texts)}, check=True)


def libuv(arch, out):
    """uv_run_tests, Debian's libuv for it, the files that it reads, and `tests`: a line `FILE TEST` for each test."""
    source = fetch("source", "libuv1")
    library = next((fetch("deb", "libuv1", "--arch", arches.ARCHES[arch].debian) / "usr/lib").glob("*/libuv.so.1"))
    shutil.copy(library, out)
    tests = sorted(source.glob("test/test-*.c"))
    runner = [f"test/{name}.c" for name in ("run-tests", "runner", "runner-unix", "blackhole-server", "echo-server")]
    subprocess.run([*compiler(arch), "-std=gnu11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-D_LARGEFILE_SOURCE",
                    "-DUSING_UV_SHARED=1", "-Iinclude", "-Isrc", "-Itest", "-pthread", *runner, *tests, out / library.name,
                    "-Wl,-rpath,$ORIGIN", "-o", out / "uv_run_tests"], cwd=source, check=True)
    shutil.copytree(source / "test/fixtures", out / "test/fixtures")
    listed = set(re.findall(r"^ *TEST_ENTRY(?:_CUSTOM)? *\( *(\w+)", (source / "test/test-list.h").read_text(), re.M))
    found = [(path.stem.removeprefix("test-"), name) for path in tests for name in re.findall(r"TEST_IMPL\((\w+)\)", path.read_text())]
    (out / "tests").write_text("".join(f"{file} {name}\n" for file, name in found if name in listed))


def perl(_arch, out):
    """t/: the tests of io and op, and what they read. The modules that they ask for are the image's (tests/compat/perl.py)."""
    source = fetch("source", "perl")
    shutil.copytree(source / "t", out / "t", symlinks=True)


MAKERS = {"bash": bash, "libuv": libuv, "perl": perl}


def folder(suite, arch):
    """The folder that is to be the guest's /files (all of it is in a folder SUITE), or None if the suite needs none."""
    if suite not in MAKERS:
        return None
    key = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:12]
    out = CACHE / f"{suite}-{arch}-{key}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{suite}-{arch}.lock", "w") as lock:  # two runs may want the same at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out / "done").exists():
            for old in CACHE.glob(f"{suite}-{arch}-*"):
                shutil.rmtree(old)
            (out / "files" / suite).mkdir(parents=True)
            MAKERS[suite](arch, out / "files" / suite)
            (out / "done").touch()
    return out / "files"
