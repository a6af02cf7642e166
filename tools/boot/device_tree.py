# SPDX-License-Identifier: MPL-2.0
"""Device trees of QEMU's to change and write again: what a firmware that is broken would hand over."""

import struct
import subprocess

BEGIN, END, PROPERTY, NOTHING, FINISH = 1, 2, 3, 4, 9
MAGIC, HEADER = 0xD00DFEED, 40


class Node:
    """A node: its properties' bytes by name, and its children by name."""

    def __init__(self):
        self.properties, self.children = {}, {}

    def find(self, compatible):
        """All nodes from here down that name `compatible`."""
        names = self.properties.get("compatible", b"").split(b"\0")
        return [self] * (compatible.encode() in names) + [n for c in self.children.values() for n in c.find(compatible)]


def dump(qemu, machine, options, path):
    """The tree that QEMU makes for a machine."""
    subprocess.run([qemu, "-M", f"{machine},dumpdtb={path}", *options], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return parse(path.read_bytes())


def parse(blob):
    _, _, at, strings, *_ = struct.unpack_from(">10I", blob)
    root, path = None, []
    while True:
        token, = struct.unpack_from(">I", blob, at)
        at += 4
        if token == BEGIN:
            end = blob.index(b"\0", at)
            node = Node()
            if path:
                path[-1].children[blob[at:end].decode()] = node
            root = root or node
            path.append(node)
            at = end + 4 & ~3
        elif token == PROPERTY:
            size, name = struct.unpack_from(">2I", blob, at)
            end = blob.index(b"\0", strings + name)
            path[-1].properties[blob[strings + name:end].decode()] = blob[at + 8:at + 8 + size]
            at = at + 8 + size + 3 & ~3
        elif token == END:
            path.pop()
        elif token == FINISH:
            return root


def padded(data):
    return data + bytes(-len(data) % 4)


def structure_of(node, name, names):
    """The tokens of a node; `names` grows by what its properties are called."""
    out = struct.pack(">I", BEGIN) + padded(name.encode() + b"\0")
    for key, value in node.properties.items():
        offset = names.setdefault(key, sum(len(n) + 1 for n in names))
        out += struct.pack(">3I", PROPERTY, len(value), offset) + padded(value)
    for key, child in node.children.items():
        out += structure_of(child, key, names)
    return out + struct.pack(">I", END)


def assemble(structure, strings, reservations=()):
    """Header, reserved ranges, and the two blocks."""
    reserved = b"".join(struct.pack(">2Q", *pair) for pair in [*reservations, (0, 0)])
    start = HEADER + len(reserved)
    total = start + len(structure) + len(strings)
    header = struct.pack(">10I", MAGIC, total, start, start + len(structure), HEADER, 17, 16, 0, len(strings), len(structure))
    return header + reserved + structure + strings


def build(root, reservations=()):
    names = {}
    structure = structure_of(root, "", names) + struct.pack(">I", FINISH)
    return assemble(structure, b"".join(n.encode() + b"\0" for n in names), reservations)


def with_word(blob, index, value):
    """Another number in the header."""
    return blob[:4 * index] + struct.pack(">I", value) + blob[4 * index + 4:]
