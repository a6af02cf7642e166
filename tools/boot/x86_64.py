# SPDX-License-Identifier: MPL-2.0
"""test-boot's cases for x86-64: q35, microvm and i440FX, little memory, old processors, bad input, the ISO."""

import functools
import os

from arch import ARCHES
from boot.case import FATAL, Case as AnyCase, fatal_cases

OVMF = [p for p in ("/usr/share/ovmf/OVMF.fd", "/usr/share/OVMF/OVMF.fd") if os.path.exists(p)]
Case = functools.partial(AnyCase, machine="q35", cpu=ARCHES["x86_64"].cpu)


def iso_case(name, iso, firmware):
    """The ISO boots to a shell, and stays there."""
    bios = ["-bios", firmware] if firmware else []
    return Case(name, kernel=False, append="", options=[*bios, "-cdrom", iso], want=["tessera.*# "], slow=bool(bios), ends=False)


def cases(args):
    few = "selftest=clock_"
    found = [
        Case("1 CPU", smp=1),
        Case("2 CPUs"),
        Case("4 CPUs", smp=4),
        Case("8 CPUs", smp=8, append=few),
        Case("64 CPUs", smp=64, append="selftest=smp_", timeout=240, slow=True),
        Case("processors numbered with gaps", smp="6,sockets=2,cores=3", append=few),
        Case("an old processor", cpu="qemu64"),
        Case("microvm", machine="microvm"),
        Case("microvm without PIT, PIC and RTC", machine="microvm,pit=off,pic=off,rtc=off", append=few),
        Case("microvm without ACPI", machine="microvm,acpi=off", smp=1, append=few),
        Case("i440FX", machine="pc", append=few),
        Case("no HPET", machine="q35,hpet=off", append=few),
        Case("6 GiB, with a hole", mem=6144, append="selftest=memory_"),
        Case("16 MiB", mem=16, append=few),
        *([] if "debug" in str(args.kernel) else [Case("4 MiB", mem=4, append=few)]), # the sanitizer's shadow alone is more
        Case("counted instructions", smp=1, append=few,
             options=["-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm", "-seed", "1"]),
        Case("no KASLR", append="selftest=memory_ nokaslr"),
        Case("no initrd", append="panic=-1", want=[r"no initrd", r"panic: .*init"], never=["again"]),
        Case("an initrd of noise", append="panic=-1", initrd=os.urandom(100000), want=[r"panic: .*init"], never=["again"]),
        Case("a panic shows where", append="panic=-1", want=[r"panic: ", r"^\[.*\] CPU \d, thread", r" 0  print_trace\+0x",
                                                         r"sched_thread_start\+0x"], never=["again"]),
        *fatal_cases(Case, FATAL),
        Case("a command line that is not text", append=few + " \udc81\udcff\x01", want=["bytes that are not text"]),
        Case("a quote that is not closed", append=few + ' "abc def', want=["quote is not closed"]),
        Case("a command line of 4000 bytes", append=few + " " + "x=y " * 995),
        Case("a command line of 6000 bytes", append="a" * 6000 + " panic=-1", want=["command line longer than 4 KiB"],
             never=["again"], ends=False), # stops in the panic: the word that would make it reset is not read
        Case("options that make no sense", append=few + " loglevel=many panic= selftest init", want=["is not a number"]),
    ]
    if args.iso:
        found.append(iso_case("the ISO under BIOS", args.iso, None))
        found += [iso_case("the ISO under UEFI", args.iso, OVMF[0])] if OVMF else []
    return found
