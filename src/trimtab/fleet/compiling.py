"""What an image compiles while it is built, and with which packages."""

import re

from trimtab.fleet.bases import outside_base
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.outside import WheelState
from trimtab.fleet.requirements import python_installs, python_minor
from trimtab.fleet.stage import Stage

_TOOL = re.compile(
    r"^(gcc|g\+\+|cpp|cc|clang|make|cmake|build-essential|build-base|binutils|autoconf|automake|libtool|pkg-config|pkgconf"
    r"|pkgconfig|musl-dev|linux-headers|python3?-dev|python3\.\d+-dev|cargo|rust|rustc|golang|go|gfortran|tcc|nasm|yasm|ninja-build|lib[\w.+-]+-dev"
    r"|[\w.+-]+-dev)$"
)
"""System packages that only building needs."""


def build_tools(install: Install) -> list[str]:
    """The packages of a system install that only building needs."""
    if not install.manager.system:
        return []
    return [package for package in install.packages if _TOOL.match(re.split(r"[=~<>:]", package)[0])]


def what_compiles(facts: Facts, stage: Stage) -> str | None:
    """The Python project that an install of a stage surely compiles, None where wheels may do.

    Sure means: `--no-binary`, a source archive or repository, or an index that has no wheel for the stage's C library.
    """
    musl = facts.libc(stage) == "musl"
    for each in python_installs(facts.file):
        if each.stage is not stage:
            continue
        arguments = each.install.arguments
        if "--no-binary" in arguments or any(word.startswith("--no-binary=") for word in arguments):
            return "what `--no-binary` names"
        minor = python_minor(outside_base(facts.file, stage).base)
        for requirement in each.requirements:
            if requirement.url and not requirement.url.endswith(".whl"):
                return requirement.name
            wheels = facts.fleet.outside.wheels.get((str(requirement), minor or ""))
            if wheels and (wheels.musl if musl else wheels.glibc) is WheelState.NO:
                return requirement.name
    return None
