# SPDX-License-Identifier: MPL-2.0
"""The machine's own apt configuration, asked for Debian's suites only."""

import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def sources(arch, kind):
    """Lines of a sources.list for `arch`, of `kind` (deb or deb-src). Other repositories of the machine are left out: they
    may lack the architecture, or sources."""
    lines = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT) $(ORIGIN)",
                            "Created-By: Packages"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    suites = sorted({tuple(line.split()[:3]) for line in lines if line.split()[3:] == ["Debian"]})
    return "".join(f"{kind} [arch={arch} signed-by={KEYRING}] {site}/ {release} {component}\n" for site, release, component in suites)
