"""Which programs an image has, where its base and its installs tell."""

import posixpath
from collections.abc import Mapping

from trimtab.fleet.bases import read_reference
from trimtab.fleet.facts import Facts
from trimtab.fleet.known_images import known_to_lack
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Stage, libc_of

_BUSYBOX = frozenset(
    ["wget", "nc", "ps", "pgrep", "ping", "vi", "less", "killall", "top", "netstat", "traceroute", "nslookup", "unzip", "xxd"]
)
"""Programs of Alpine's BusyBox that Debian has in packages of their own."""
_FULL = frozenset(["curl", "wget", "git", "ps", "pgrep", "unzip", "xxd", "python3", "gcc", "make", "bash", "perl"])
"""Programs of `buildpack-deps`, which the full images of python, node, ruby, golang and others start from."""
_BASH = frozenset(["bash", "perl"])
"""Programs that every Debian image has and Alpine has not."""
_FULL_BASES = frozenset(
    ["python", "node", "ruby", "golang", "rust", "php", "openjdk", "buildpack-deps", "perl", "erlang", "elixir"]
)
_SLIM_BASES = frozenset(["debian", "ubuntu"])
_OWN: Mapping[str, frozenset[str]] = {
    "python": frozenset({"python", "python3", "pip"}),
    "node": frozenset({"node", "npm", "yarn"}),
    "nginx": frozenset({"nginx", "curl"}),
    "php": frozenset({"php", "curl"}),
    "golang": frozenset({"go", "git"}),
}
PROGRAMS = _BUSYBOX | _FULL | _BASH
"""The programs whose absence can be told."""
_PACKAGES: Mapping[str, frozenset[str]] = {
    "ps": frozenset({"procps", "procps-ng"}),
    "pgrep": frozenset({"procps", "procps-ng"}),
    "nc": frozenset({"netcat", "netcat-openbsd", "netcat-traditional", "ncat"}),
    "ping": frozenset({"iputils-ping", "iputils"}),
    "python3": frozenset({"python3", "python", "python3-pip", "python3-venv", "python3-dev"}),
    "make": frozenset({"make", "build-essential", "build-base"}),
    "gcc": frozenset({"gcc", "g++", "build-essential", "build-base"}),
    "netstat": frozenset({"net-tools"}),
    "nslookup": frozenset({"dnsutils", "bind-tools", "bind9-dnsutils"}),
}


def lacks(facts: Facts, stage: Stage, program: str) -> bool:
    """Whether an image surely has no such program: a known base without it, and nothing that could have brought it."""
    if program not in PROGRAMS:
        return False
    base = _base_lacks(facts.outside_base(stage), program)
    return base and not _brought(facts, stage, program)


def image_lacks(image: str, program: str) -> bool:
    """Whether an image from elsewhere surely has no such program."""
    return known_to_lack(image, program) or (program in PROGRAMS and _base_lacks(image, program))


def _base_lacks(base: str, program: str) -> bool:
    reference = read_reference(base)
    if known_to_lack(base, program):
        return True
    if not reference.official or not reference.tag or program in _OWN.get(reference.name, frozenset()):
        return False
    if libc_of(base) == "musl":
        return reference.name in _FULL_BASES | {"alpine"} and program not in _BUSYBOX
    if reference.name in _SLIM_BASES or (reference.name in _FULL_BASES and "slim" in reference.variant):
        return program not in _BASH
    return reference.name in _FULL_BASES and program not in _FULL


def _brought(facts: Facts, stage: Stage, program: str) -> bool:
    wanted = _PACKAGES.get(program, frozenset()) | {program}
    for one in facts.lineage(stage):
        for copy in one.copies:
            if posixpath.basename(copy.destination) == program or any(posixpath.basename(s) == program for s in copy.sources):
                return True
            if copy.from_ is not None and any(
                is_within(folder, copy.destination) for folder in ("/usr/bin", "/usr/local/bin", "/bin")
            ):
                return True
        for run in one.runs:
            text = run.instruction.logical.text
            unread = not run.script.commands or run.script.broken
            if unread or any(f"/{program}" in word for command in run.script.commands for word in command.words[1:]):
                return True
            for install in run.installs:
                named = {package.partition("=")[0].partition("~")[0] for package in install.packages}
                if install.manager.system and (named & wanted or "$" in text):
                    return True
            if any(command.name.endswith(".sh") for command in run.script.commands):
                return True
    return False
