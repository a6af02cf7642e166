#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""programs: runs Debian's programs in the guest, from an image of Debian's packages, and says which work (TAP).

    programs.py                          every program of programs.conf that the image `small` has
    programs.py --image base --json F    and writes the programs, their versions and whether they work to F (for tools/compat)
    programs.py --linux                  the same under Debian's kernel, where all must pass
"""

import argparse
import configparser
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(TOP / "tools"))
import arch as arches  # noqa: E402

SCRIPT = """. /etc/profile; export LANG=C.UTF-8; ip link set lo up 2> /dev/null
while IFS= read -r name; do
    echo "## begin $name $(dpkg-query -W -f '${Version}' $(cat /files/$name.package) 2>/dev/null)"
    timeout 120 bash /files/$name.run < /dev/null 2>&1
    echo; echo "## end $name $?"
done < /files/names
"""
PART = re.compile(r"^## begin (\S+) (.*)\n((?:.*\n)*?)## end \1 (\d+)$", re.M)


def run_guest(args, programs):
    """{name: (version, what it printed)}"""
    with tempfile.TemporaryDirectory() as folder:
        for name, about in programs.items():
            pathlib.Path(folder, f"{name}.run").write_text(about["run"] + "\n")
            pathlib.Path(folder, f"{name}.package").write_text(about.get("package", name))
        pathlib.Path(folder, "names").write_text("".join(name + "\n" for name in programs))
        pathlib.Path(folder, "script").write_text(SCRIPT)
        command = [TOP / "tools/run", "--json", "--arch", args.arch, "--image", args.image, "--smp", str(args.smp), "--timeout", "900",
                   "--files", folder, "--cmd", "bash /files/script", *(["--linux"] if args.linux else [])]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit("Bail out! the guest was not run")
    text = json.loads(done.stdout)["output"].replace("\r\n", "\n")
    found = {match[1]: (match[2], match[3]) for match in PART.finditer(text)}
    if len(found) < len(programs):
        print("# the guest's last words:\n# " + "\n# ".join(text.splitlines()[-15:]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arches.add_option(parser)
    parser.add_argument("--image", default="small")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--linux", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="write [{program, version, works}] to this file")
    parser.add_argument("names", nargs="*", metavar="PROGRAM")
    args = parser.parse_args()
    config = configparser.ConfigParser(delimiters=(":",), interpolation=None, comment_prefixes=("#",))
    config.read(HERE / "programs.conf")
    programs = {name: config[name] for name in config.sections()
                if config[name].get("image", args.image) == args.image and (not args.names or name in args.names)}
    if unknown := set(args.names) - set(programs):
        parser.error(f"not in programs.conf for the image {args.image}: {', '.join(sorted(unknown))}")
    found = run_guest(args, programs)
    print(f"1..{len(programs)}")
    results = []
    for number, (name, about) in enumerate(programs.items(), 1):
        version, output = found.get(name, ("", "(it did not get that far)"))
        good = re.match(about["want"] + r"\s*\Z", output) is not None
        print(f"{'ok' if good else 'not ok'} {number} - {name} {version}")
        if not good:
            print(f"#   ran:    {shlex.quote(about['run'])}\n#   wanted: {about['want']!r}\n#   got:    {output!r}")
        results.append({"program": name, "version": version, "works": good})
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=0))
    return 0 if all(result["works"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
