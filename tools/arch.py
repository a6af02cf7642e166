# SPDX-License-Identifier: MPL-2.0
"""What the tools must know about each architecture: its machine in QEMU, its names in Debian, where its console is."""

import pathlib
import platform
import types

TOP = pathlib.Path(__file__).resolve().parent.parent

# What makes Debian's Linux as fast as it gets in QEMU: a comparison with a slower one would not be fair.
LINUX_WORDS = "mitigations=off init_on_alloc=0 lsm= psi=0 cgroup_disable=memory audit=0 panic=-1 loglevel=0"

ARCHES = {
    "x86_64": types.SimpleNamespace(
        debian="amd64", kernel="tessera.elf", qemu="qemu-system-x86_64", machine="q35", console="ttyS0",
        # Without ERMS: TCG executes `rep movsb` one byte a step. Without PKU: it makes each signal flush TCG's TLB.
        cpu="max,-erms,-pku", fast_cpu="max,-erms,-pku",
        # Linux would distrust the emulated time stamp counter otherwise and read the HPET.
        linux_words=LINUX_WORDS + " preempt=none tsc=reliable no5lvl",
        # The second serial port, where init reports the exit status by default.
        report_words=""),
    "arm64": types.SimpleNamespace(
        debian="arm64", kernel="Image", qemu="qemu-system-aarch64", machine="virt", console="ttyAMA0",
        # With QEMU's own quick hash in place of QARMA; SVE makes each call of Linux dearer.
        cpu="max,pauth-impdef=on,sve=off", fast_cpu="max,pauth=off,sve=off",
        # Large blocks in the direct map (rodata=full splits it into pages), one set of page tables.
        linux_words=LINUX_WORDS + " rodata=on kpti=off",
        # `virt` has one serial port only: init is told of another, behind PCI.
        report_words="REPORT=/dev/ttyS0"),
}
NATIVE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())


def kernel_of(arch):
    return TOP / "out" / arch / ARCHES[arch].kernel


def programs_of(arch):
    """The folder of user programs: bin/, stress/, fuzz/."""
    return TOP / "out" / arch / "user"


def add_option(parser, **options):
    parser.add_argument("--arch", default="x86_64", choices=list(ARCHES), help="(default: %(default)s)", **options)
