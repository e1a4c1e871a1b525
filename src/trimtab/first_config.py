"""The configuration that a fleet begins with: what was found in it, and why each key is as it is."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from trimtab.fleet import Fleet
from trimtab.fleet.bases import BaseUse, read_reference, runtime_uses
from trimtab.fleet.lifetimes import lifetimes
from trimtab.syntax.data import toml_key, toml_value

_SHARE = 0.5
"""The least share of a runtime's images for a base to be called the fleet's standard."""
_CRITICAL = 3
"""The least number of services that cannot do without a service for it to be called critical."""
_MOST_CRITICAL = 10
_WIDTH = 98


@dataclass(frozen=True)
class _Standard:
    """The base that most of a runtime's images have."""

    runtime: str
    base: str
    has: int
    of: int
    is_over: bool
    """Whether it gets no security fixes any more."""

    @property
    def is_clear(self) -> bool:
        return self.has >= self.of * _SHARE and not self.is_over


def first_config(fleet: Fleet, today: date, host_memory: int | None = None) -> str:
    """The text of a `trimtab.toml` for a fleet. It sets what the fleet itself says; everything else is there as a comment.

    `host_memory` is this machine's, in bytes; it is a suggestion only, as nothing says that services run here.
    """
    parts = [
        _comment("Settings of trimtab for this fleet, as `trimtab init` found it. All keys: `docs/reference/configuration.md`;"
                 " what the command line says wins over this file."),
        *_projects(fleet),
        _memory(host_memory),
        _advisories(),
        _left_out(),
        *_standards(fleet, today),
        *_gate(fleet),
        _smoke(fleet),
        _deploy(fleet),
    ]  # fmt: skip
    return "\n".join(parts)


def _projects(fleet: Fleet) -> Iterator[str]:
    projects = [list(project.files) for project in fleet.projects]
    if not projects:
        return
    lists = "".join(f"\n    {toml_value(files)}," for files in projects)
    key = f"compose = [{lists}\n]\n"
    if len(fleet.meant_projects) > 1:
        why = (
            f"{len(projects)} compose projects were found, and nothing says which of them is deployed. Keep those that are;"
            " the files of one project stand in override order."
        )
        yield _comment(why) + key
    else:
        meant = ", ".join(file for project in fleet.meant_projects for file in project.files)
        why = f"Compose projects are found by themselves, and `{meant}` is meant where none is named. To say it yourself:"
        yield _comment(why) + _off(key)


def _memory(host_memory: int | None) -> str:
    here = f"; this machine has {_gibibytes(host_memory)}" if host_memory else ""
    why = f"CM106 and `trimtab resources` hold the services' limits against the host that they run on{here}:"
    return _comment(why) + _off(f"host-memory = {toml_value(_gibibytes(host_memory or 16 * 1024**3))}\n")


def _advisories() -> str:
    why = "`trimtab scan` asks the OSV API unless it is given a folder or zip of OSV documents, which also works offline:"
    return _comment(why) + _off('advisories = "advisories"\n')


def _left_out() -> str:
    why = "Rules that are not for you, everywhere or for some paths. A reason beside them helps whoever comes next:"
    table = '[[path]]\nmatch = "experiments/**"\nignore = ["DF104"]\n'
    return _comment(why) + _off('ignore = ["FL101"]\n') + _off(table)


def _standards(fleet: Fleet, today: date) -> Iterator[str]:
    found = list(_found_standards(fleet, today))
    if not found:
        return
    why = "The base that each runtime is to have. DF004 reports services on another one, and `optimize` moves them with proof."
    lines = [_comment(why), "[standard]\n"]
    for each in found:
        lines.append(_comment(_reason(each)))
        key = f"{toml_key(each.runtime)} = {toml_value(each.base)}\n"
        lines.append(key if each.is_clear else _off(key))
    yield "".join(lines)


def _found_standards(fleet: Fleet, today: date) -> Iterator[_Standard]:
    groups: dict[str, list[BaseUse]] = {}
    for use in runtime_uses(fleet):
        if use.reference.runtime:
            groups.setdefault(use.reference.runtime, []).append(use)
    for runtime, uses in sorted(groups.items()):
        base, count = Counter(use.reference.text.partition("@")[0] for use in uses).most_common(1)[0]
        over = any(life.end < today for life in lifetimes(read_reference(base)))
        yield _Standard(runtime, base, count, len(uses), over)


def _reason(each: _Standard) -> str:
    counted = f"{each.has} of {each.of} images run on it"
    if each.is_over:
        return f"{counted}, but it gets no security fixes any more: name one that does."
    return counted + ("." if each.is_clear else ", which is less than half: decide, and take the sign away.")


def _gate(fleet: Fleet) -> Iterator[str]:
    counts = _dependants(fleet)
    built = {name for file in fleet.files for name in file.service_names}
    ordered = sorted((name for name in counts if name in built), key=lambda name: (-counts[name], name))
    critical = [name for name in ordered if counts[name] >= _CRITICAL][:_MOST_CRITICAL]
    why = "What `trimtab gate` asks for. These are its own limits; lower them for as long as you need, and raise them again."
    limits = "overall = 70\nsecurity = 7\nmaintainability = 7\nmax-critical = 0\n"
    text = _comment(why) + "[gate]\n" + _off(limits)
    if critical:
        told = ", ".join(f"{name} ({counts[name]})" for name in critical)
        why = f"Built here, and {_CRITICAL} or more services cannot do without them: {told}. They have to score 80."
        yield text + _comment(why) + f"critical = {toml_value(critical)}\n"
    else:
        why = f"Services that have to score 80. No service that is built here has {_CRITICAL} others that depend on it."
        yield text + _comment(why) + _off("critical = []\n")


def _dependants(fleet: Fleet) -> Mapping[str, int]:
    """How many services cannot do without each, directly or through others, by `depends_on`; the most of any project."""
    most: dict[str, int] = {}
    for project in fleet.projects:
        needs = {service.name: set(service.depends_on) for service in project.services}
        counts = Counter(needed for name in needs for needed in _needed(name, needs))
        most |= {name: max(count, most.get(name, 0)) for name, count in counts.items()}
    return most


def _needed(name: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    open_ones = list(needs.get(name, ()))
    while open_ones:
        each = open_ones.pop()
        if each not in found:
            found.add(each)
            open_ones += needs.get(each, ())
    return found - {name}


def _smoke(fleet: Fleet) -> str:
    why = "A check of your own, run inside a service's container when a change is proven and when it is deployed:"
    return _comment(why) + _off(f'[smoke]\n{toml_key(_example(fleet))} = "test -e /proc/1"\n')


def _deploy(fleet: Fleet) -> str:
    published = sorted({service.name for project in fleet.meant_projects for service in project.services if service.ports})
    why = "How `trimtab deploy` replaces what runs. Behind the holder a new version takes over with no failed request:"
    return _comment(why) + _off(f'[deploy]\non-failure = "service"\nholder = {toml_value(published[:_MOST_CRITICAL])}\n')


def _example(fleet: Fleet) -> str:
    return next((name for file in fleet.files for name in file.service_names), "web")


def _comment(text: str) -> str:
    """A comment of lines that are not too long; characters that would end it are left out."""
    lines, line = list[str](), ""
    for word in " ".join(text.split()).split(" "):
        plain = "".join(letter for letter in word if letter.isprintable())
        if line and len(line) + len(plain) > _WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {plain}" if line else plain
    return "".join(f"# {each}\n" for each in [*lines, line])


def _off(text: str) -> str:
    """Settings that are not in force."""
    return "".join(f"#{line}\n" for line in text.splitlines())


def _gibibytes(size: int) -> str:
    return f"{max(1, math.floor(size / 1024**3))}g"
