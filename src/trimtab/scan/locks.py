"""What lock files and pinned requirements name. A file of an unknown shape may name anything, and is an error."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from trimtab.fleet.installs import is_local_package
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.requirements import parse_requirement
from trimtab.scan.data import read_yaml
from trimtab.scan.packages import Package
from trimtab.scan.plug_and_play import NAMES as PLUG_AND_PLAY
from trimtab.scan.plug_and_play import plug_and_play
from trimtab.syntax.data import read_json, read_toml

_TEXT = re.compile(r"^[^#\s]", re.MULTILINE)
_OPTION = re.compile(r"-(?!e |-editable[ =])|(?:-e|--editable)[ =]+(?!\w+\+)")
"""Options of pip, and editable installs of a folder; those of an address are packages."""
_PINNED = re.compile(r"^={2,3}\s*(?P<version>[^*\s,]+)$")
_GEM = re.compile(r"^ {4}(?P<name>[\w.-]+) \((?P<version>[^)-]+)(?:-[^)]+)?\)$")
"""A gem built for one platform has its name behind the version: `1.15.0-x86_64-linux`."""
_YARN_NAME = re.compile(r"""^"?(?P<name>(?:@[^/"]+/)?[^@"]+)@""")
_YARN_VERSION = re.compile(r'^\s+version:?\s+"?(?P<version>[^"\s]+)"?')
_YARN_ALIAS = re.compile(r"""^"?[^,"]+@npm:(?P<name>(?:@[^/"]+/)?[^@"/,]+)@""")
"""`short@npm:name@^1`: what is installed is not what the fleet calls it."""
_PNPM = re.compile(r"^/?(?P<name>(?:@[^/]+/)?[^@/(]+)[@/](?P<version>\d[^()_]*)")
_GRADLE = re.compile(r"^(?P<name>[^:#\s]+:[^:\s]+):(?P<version>[^=\s]+)=")

_GO_NAMES_ALL = 17
"""The Go 1.x from which on a `go.mod` names what its requirements need in turn (Go's reference, "go.mod file")."""
_GO_UNSAID = "1.16"
"""What a `go.mod` without a `go` line means, by the same reference."""

Reader = Callable[[str], Iterator[Package]]
"""From a file's text to its packages, those without a known version with an empty one.

Raises:
    ValueError: the file is not what it should be.
"""


def requirement_packages(text: str) -> Iterator[Package]:
    """The pinned packages, and those without a version that is known; one that cannot be read goes by its line alone, because
    an address may hold a credential."""
    for number, line in enumerate(text.splitlines(), 1):
        plain = re.split(r"\s--|\s#|\\$", line)[0].strip()
        if not plain or plain.startswith("#") or _OPTION.match(plain) or is_local_package(plain.partition(" ")[0]):
            continue
        requirement = parse_requirement(plain)
        if requirement is None:
            yield Package("pypi", f"line {number}", "", line=number)
            continue
        pinned = _PINNED.match(str(requirement.specifier)) if requirement.url is None else None
        yield Package("pypi", python_name(requirement.name), pinned["version"] if pinned else "", line=number)


def python_name(name: str) -> str:
    """The spelling in which the index takes all others for the same (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _toml_lock(kind: str) -> Reader:
    """`[[package]]` tables with a name and a version; those that come from a folder are the fleet's own."""

    def read(text: str) -> Iterator[Package]:
        data = read_toml(text)
        entries = [*_tables(data.get("package")), *_tables(data.get("packages"))]
        if not entries and "version" not in data and "lock-version" not in data and "metadata" not in data:
            raise ValueError("it has no packages, and nothing else that such a lock has")
        for entry in entries:
            local = mapping(entry.get("source")).keys() & {"editable", "virtual", "directory", "path"}
            ours = kind == "cargo" and entry.get("source") is None
            if not local and not ours and entry.get("version"):
                name = str(entry.get("name", ""))
                yield Package(kind, python_name(name) if kind == "pypi" else name, str(entry["version"]))

    return read


def _tables(value: object) -> list[Mapping[str, object]]:
    return [mapping(each) for each in items(value)]


def _object(text: str, *keys: str) -> Mapping[str, object]:
    """A JSON object that has one of these keys.

    Raises:
        ValueError: it is none, or has none of them: it is of a kind that is not known, and may name anything.
    """
    data = read_json(text)
    if not isinstance(data, dict) or not any(key in data for key in keys):
        raise ValueError(f"it has none of {', '.join(keys)}")
    return mapping(cast("object", data))


def _pipfile_lock(text: str) -> Iterator[Package]:
    data = _object(text, "default", "develop")
    for group in ("default", "develop"):
        for name, entry in mapping(data.get(group)).items():
            version = str(mapping(entry).get("version", ""))
            yield Package("pypi", python_name(name), version.lstrip("="))


def _package_lock(text: str) -> Iterator[Package]:
    data = _object(text, "packages", "dependencies", "requires")
    if "packages" not in data:
        yield from _nested(mapping(data.get("dependencies")))
    for path, entry in mapping(data.get("packages")).items():
        record = mapping(entry)
        if "node_modules/" in path and not record.get("link"):
            name = str(record.get("name") or path.rpartition("node_modules/")[2])
            yield Package("npm", name, str(record.get("version") or ""))


def _nested(dependencies: Mapping[str, object]) -> Iterator[Package]:
    """Version 1 of npm's lock keeps a package's own copies below it."""
    for name, entry in dependencies.items():
        record = mapping(entry)
        version = str(record.get("version", ""))
        alias = re.match(r"npm:(?P<name>.+)@(?P<version>\d[^@]*)$", version)
        if alias:
            yield Package("npm", alias["name"], alias["version"])
        else:
            # A version that is none is an address: which package lies there nobody has said.
            yield Package("npm", name, version if re.match(r"\d", version) else "")
        yield from _nested(mapping(record.get("dependencies")))


def _yarn_lock(text: str) -> Iterator[Package]:
    name, named = "", _TEXT.search(text) is None
    for line in text.splitlines():
        head = _YARN_NAME.match(line) if line and not line[0].isspace() else None
        version = _YARN_VERSION.match(line) if name else None
        if head:
            name, named = (_YARN_ALIAS.match(line) or head)["name"], True
        elif version:
            if "workspace" not in version["version"] and version["version"] != "0.0.0-use.local":
                yield Package("npm", name, version["version"])
            name = ""
    if not named:
        raise ValueError("it names no package")


def _plug_and_play(text: str) -> Iterator[Package]:
    yield from (Package("npm", name, version) for name, version in plug_and_play(text))


def _pnpm_lock(text: str) -> Iterator[Package]:
    data = mapping(read_yaml(text))
    if "lockfileVersion" not in data:
        raise ValueError("it has no `lockfileVersion`")
    for key, entry in mapping(data.get("packages")).items():
        match = _PNPM.match(str(key))
        if match:
            yield Package("npm", match["name"], match["version"])
        elif mapping(mapping(entry).get("resolution")).get("type") != "directory":
            # From an address, which may hold a credential; pnpm says what it found there.
            own = re.match(r"(?P<name>(?:@[^/]+/)?[^@/:]+)@", str(key))
            name = str(mapping(entry).get("name") or (own and own["name"]) or "an address")
            yield Package("npm", name, str(mapping(entry).get("version") or ""))


def _lines(kind: str, pattern: re.Pattern[str]) -> Reader:
    def read(text: str) -> Iterator[Package]:
        for number, line in enumerate(text.splitlines(), 1):
            match = pattern.match(line)
            if match:
                yield Package(kind, match["name"], match["version"], line=number)

    return read


def _go_mod(text: str) -> Iterator[Package]:
    """What is required, as `replace` has it; `exclude` and `retract` require nothing."""
    replaced: dict[tuple[str, str], tuple[str, str]] = {}
    required: list[tuple[str, str, int]] = []
    block, language = "", _GO_UNSAID
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("//")[0].split()
        if words[-1:] == ["("] or words == [")"]:
            block = words[0] if words[0] != ")" else ""
            continue
        verb, rest = (block, words) if block else (words[0] if words else "", words[1:])
        if verb == "require" and len(rest) == 2:
            required.append((rest[0], rest[1], number))
        elif verb == "replace" and "=>" in rest:
            new = rest[rest.index("=>") + 1 :]
            if not new:
                raise ValueError(f"line {number} replaces a module by nothing")
            # What names a version replaces that one alone.
            old = rest[1] if rest[1] != "=>" else ""
            replaced[rest[0], old] = (new[0], new[1] if len(new) > 1 else "")
        elif verb == "go" and rest:
            language = rest[0]
    if required and (found := re.match(r"1\.(\d+)", language)) and int(found[1]) < _GO_NAMES_ALL:
        yield Package("golang", f"what modules of Go {language} need in turn", "")
    for name, version, number in required:
        name, version = replaced.get((name, version)) or replaced.get((name, ""), (name, version))
        # A replacement by a folder is code of the fleet's own.
        if version:
            yield Package("golang", name, version, line=number)


def _composer_lock(text: str) -> Iterator[Package]:
    data = _object(text, "packages", "packages-dev")
    for entry in map(mapping, (*items(data.get("packages")), *items(data.get("packages-dev")))):
        yield Package("composer", str(entry.get("name", "")), str(entry.get("version", "")).removeprefix("v"))


def _nuget_lock(text: str) -> Iterator[Package]:
    data = _object(text, "dependencies")
    for framework in mapping(data.get("dependencies")).values():
        for name, entry in mapping(framework).items():
            if mapping(entry).get("type") != "Project":
                yield Package("nuget", name, str(mapping(entry).get("resolved", "")))


READERS: Mapping[str, Reader] = {
    "poetry.lock": _toml_lock("pypi"), "uv.lock": _toml_lock("pypi"), "pdm.lock": _toml_lock("pypi"),
    "pylock.toml": _toml_lock("pypi"), "Pipfile.lock": _pipfile_lock, "Cargo.lock": _toml_lock("cargo"),
    "package-lock.json": _package_lock, "npm-shrinkwrap.json": _package_lock, "yarn.lock": _yarn_lock,
    "pnpm-lock.yaml": _pnpm_lock, "go.mod": _go_mod, "Gemfile.lock": _lines("gem", _GEM),
    **dict.fromkeys(PLUG_AND_PLAY, _plug_and_play),
    "composer.lock": _composer_lock, "packages.lock.json": _nuget_lock, "gradle.lockfile": _lines("maven", _GRADLE),
}  # fmt: skip
