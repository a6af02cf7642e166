# SPDX-License-Identifier: MPL-2.0
"""test-boot's cases for ARM64: QEMU's `virt` with all its interrupt controllers, processors and exception levels, UEFI
with ACPI and with a device tree, the ISO, and what broken firmware would hand over.

For the last, QEMU is not asked to load a kernel: it would make a good device tree itself. A few instructions in memory,
where the machine starts, load x0 with the address of our own and jump to the image, as firmware would.
"""

import functools
import os
import struct

from arch import ARCHES
from boot import device_tree
from boot.case import FATAL, Case as AnyCase, fatal_cases

ABOUT = ARCHES["arm64"]
FIRMWARE = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
Case = functools.partial(AnyCase, machine="virt,gic-version=3", cpu=ABOUT.cpu)

START, KERNEL, TREE = 0x48000000, 0x40200000, 0x4A000000 # QEMU puts a tree of its own where memory begins
FEW = "selftest=clock_"


# --- started by our own few instructions ---

def load_address(register, value):
    """movz and movk of an address below 4 GiB."""
    return struct.pack("<2I", 0xD2800000 | (value & 0xFFFF) << 5 | register,
                       0xF2A00000 | (value >> 16 & 0xFFFF) << 5 | register)


def trampoline(tree):
    return load_address(0, tree) + load_address(4, KERNEL) + struct.pack("<I", 0xD61F0080)  # br x4


def placed(path, address):
    return ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]


def started_with(blob, address=TREE):
    """Files and options that start the kernel with `blob` as its device tree: bytes, or a function of QEMU's own tree
    (already with a console and two CPUs) that returns them."""
    def files(args, folder):
        root = device_tree.dump(ABOUT.qemu, "virt,gic-version=3", ["-cpu", "cortex-a72", "-smp", "2", "-m", "256"], folder / "dtb")
        (folder / "dtb").write_bytes(blob(root) if callable(blob) else blob)
        (folder / "start").write_bytes(trampoline(address))
        return [*placed(args.kernel, KERNEL), *placed(folder / "dtb", TREE), *placed(folder / "start", START),
                "-device", f"loader,addr={START:#x},cpu-num=0"]
    return files


def changed(change, **options):
    """QEMU's tree after `change(root)`."""
    def blob(root):
        change(root)
        return device_tree.build(root, **options)
    return blob


def raw(change):
    """The bytes of QEMU's tree after `change(bytes)`."""
    return lambda root: change(device_tree.build(root))


def bad(name, blob, says, address=TREE):
    """Says what is wrong, and stops there."""
    return Case(name, kernel=False, append="", cpu="cortex-a72", files=started_with(blob, address),
                want=[rf"panic: .*{says}"], never=[r"panic: (?!.*" + says + ")"], ends=False)


# --- what can be wrong with a device tree ---

def rename(compatible, to):
    """What was compatible with one thing is with another, and with nothing else."""
    def change(root):
        for node in root.find(compatible):
            node.properties["compatible"] = to.encode() + b"\0"
    return change


def remove(name):
    """A child of the root is gone."""
    def change(root):
        for child in [c for c in root.children if c.split("@")[0] == name]:
            del root.children[child]
    return change


def spin_table(root):
    for name, node in root.children["cpus"].children.items():
        if name.startswith("cpu@"):
            node.properties["enable-method"] = b"spin-table\0"


def absent_cpu(root):
    """The second CPU answers to a number that nobody has."""
    for name, node in root.children["cpus"].children.items():
        if name == "cpu@1":
            node.properties["reg"] = struct.pack(f">{len(node.properties['reg']) // 4}I", *[0] * (len(node.properties["reg"]) // 4 - 1), 7)


def interrupt_ring(root):
    """The interrupt controller sends its interrupts to itself."""
    for node in root.find("arm,gic-v3"):
        del node.properties["#interrupt-cells"]
        node.properties["interrupt-parent"] = node.properties["phandle"]


def toaster(root):
    """Nothing but memory, a console and a CPU, and nobody knows how to use it."""
    root.properties["model"] = b"Acme Toaster 9\0"
    root.properties["compatible"] = b"acme,toaster9\0"
    for name in list(root.children):
        if not name.startswith(("memory", "pl011", "cpus", "chosen")):
            del root.children[name]


def endless_nodes(blob):
    structure = struct.pack(">I4s", device_tree.BEGIN, b"a") * 100000
    return device_tree.assemble(structure, b"name\0")


def cut(blob):
    """Its first half, and zeros where the rest should be: what a loader leaves that stopped on its way."""
    return blob[:len(blob) // 2]


def cut_honestly(blob):
    return device_tree.with_word(cut(blob), 1, len(blob) // 2)


def ends_early(blob):
    """The structure block is said to be shorter than it is."""
    size, = struct.unpack_from(">I", blob, 36)
    return device_tree.with_word(blob, 9, size // 8 * 4)


def bad_trees():
    return [
        Case("a device tree that is not changed", kernel=False, append="", cpu="cortex-a72", files=started_with(changed(lambda root: None)),
             want=[r"no initrd", r"panic: .*init"], ends=False, never=()),
        bad("no device tree", b"", "neither a device tree", address=0),
        bad("zeros for a device tree", bytes(4096), "there is none where it should be"),
        bad("a device tree beyond memory", b"", "device tree at 0xf0000000: there is no memory", address=0xF0000000),
        Case("firmware that stays in EL3", kernel=False, append="", machine="virt,gic-version=3,secure=on", cpu="cortex-a72",
             files=started_with(b""), want=["^Tessera: started in EL3"], ends=False),
        Case("a CPU that is not there", kernel=False, append="", cpu="cortex-a72", files=started_with(changed(absent_cpu)),
             want=["smp: firmware does not start CPU 0x7", "smp: 1 of 2 processors are used", "panic: .*init"], ends=False, never=()),
        bad("a truncated device tree", raw(cut), "truncated"),
        bad("a truncated device tree that admits it", raw(cut_honestly), "its parts overlap or lie outside"),
        bad("a device tree that ends in a node", raw(ends_early), "truncated"),
        bad("an oversized device tree", raw(lambda b: device_tree.with_word(b, 1, 1 << 28)), "oversized"),
        bad("a device tree of another version", raw(lambda b: device_tree.with_word(b, 5, 3)), "version"),
        bad("overlapping parts of a device tree", raw(lambda b: device_tree.with_word(b, 3, 64)), "overlap"),
        bad("a looping device tree", raw(endless_nodes), "looping"),
        bad("interrupts that loop", changed(interrupt_ring), "linux,dummy-virt: no virtual timer"),
        bad("no interrupt controller", changed(rename("arm,gic-v3", "acme,irq")), "linux,dummy-virt: no interrupt controller"),
        bad("no timer", changed(remove("timer")), "linux,dummy-virt: no virtual timer"),
        bad("no memory", changed(remove("memory")), "no memory"),
        bad("no PSCI", changed(remove("psci")), "2 CPUs, and no PSCI"),
        bad("a PSCI too old", changed(rename("arm,psci-1.0", "arm,psci")), "2 CPUs, and no PSCI"),
        bad("CPUs that start otherwise", changed(spin_table), "spin-table"),
        bad("memory that is reserved under the kernel", changed(lambda root: None, reservations=[(KERNEL, 1 << 20)]), "no room for the kernel"),
        bad("an unknown machine", changed(toaster), "Acme Toaster 9: no interrupt controller"),
    ]


# --- good machines ---

def machines():
    return [
        Case("1 CPU", smp=1),
        Case("2 CPUs"),
        Case("4 CPUs", smp=4),
        Case("4 CPUs, GICv2", machine="virt,gic-version=2", smp=4),
        Case("8 CPUs, GICv2", machine="virt,gic-version=2", smp=8, append=FEW),
        Case("64 CPUs", smp=64, append="selftest=smp_", timeout=300, slow=True),
        Case("Cortex-A53", cpu="cortex-a53"),
        Case("Cortex-A72, GICv2", machine="virt,gic-version=2", cpu="cortex-a72"),
        Case("pointer authentication by QARMA", cpu="max,sve=off", append=FEW),
        Case("started in EL2", machine="virt,virtualization=on,gic-version=3", append=FEW),
        Case("started in EL2, Cortex-A53, GICv2", machine="virt,virtualization=on,gic-version=2", cpu="cortex-a53", append=FEW),
        Case("32-bit addresses", machine="virt,gic-version=3,highmem=off", append=FEW),
        Case("64 MiB", mem=64, append=FEW),
        Case("6 GiB", mem=6144, append="selftest=memory_"),
        Case("counted instructions", smp=1, append=FEW,
             options=["-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm", "-seed", "1"]),
        Case("no KASLR", append="selftest=memory_ nokaslr"),
    ]


def inputs():
    return [
        Case("no initrd", append="panic=-1", want=[r"no initrd", r"panic: .*init"], never=["again"]),
        Case("an initrd of noise", append="panic=-1", initrd=os.urandom(100000), want=[r"panic: .*init"], never=["again"]),
        Case("a panic shows where", append="panic=-1", want=[r"panic: ", r"^\[.*\] CPU \d, thread", r" 0  print_trace\+0x",
                                                         r"sched_thread_start\+0x"], never=["again"]),
        *fatal_cases(Case, FATAL | {"user_access": "page fault", "call_within_a_function": "branch to no landing pad"}),
        Case("a command line that is not text", append=FEW + " \udc81\udcff\x01", want=["bytes that are not text"]),
        Case("a quote that is not closed", append=FEW + ' "abc def', want=["quote is not closed"]),
        Case("a command line of 4000 bytes", append=FEW + " " + "x=y " * 995),
        Case("a command line of 6000 bytes", append=FEW + " " + "a" * 6000, want=["command line is longer than 4095 bytes"]),
        Case("options that make no sense", append=FEW + " loglevel=many panic= selftest init", want=["is not a number"]),
    ]


# --- UEFI ---

def firmware_cases(args):
    def uefi(name, machine="virt,gic-version=3", options=(), **more):
        return Case(name, machine=machine, mem=512, options=["-bios", FIRMWARE, *options], timeout=120, **more)

    def iso(name, machine):
        return uefi(name, machine, ["-cdrom", args.iso], kernel=False, append="", want=["tessera.*# "], ends=False)

    found = [
        uefi("UEFI with ACPI"),
        uefi("UEFI with ACPI, GICv2", "virt,gic-version=2", append=FEW),
        uefi("UEFI with a device tree", "virt,gic-version=3,acpi=off", append=FEW),
        uefi("UEFI with a device tree, GICv2", "virt,gic-version=2,acpi=off", append=FEW),
        uefi("UEFI in EL2", "virt,gic-version=3,virtualization=on", append=FEW, cpu="cortex-a72"),
        uefi("UEFI, an initrd of noise", append="panic=-1", initrd=os.urandom(100000), want=[r"panic: .*init"], never=["again"]),
        uefi("UEFI, a command line of 6000 bytes", append=FEW + " " + "a" * 6000, want=["command line is longer than 4095 bytes"]),
    ]
    if args.iso:
        found += [iso("the ISO with ACPI", "virt,gic-version=3"), iso("the ISO with a device tree", "virt,gic-version=2,acpi=off")]
    return found


def cases(args):
    return machines() + inputs() + bad_trees() + (firmware_cases(args) if os.path.exists(FIRMWARE) else [])
