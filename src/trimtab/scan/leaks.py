"""Credentials where they do not belong. A value is never kept: only what it is, where, and a hash to tell two apart."""

import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import cast

from trimtab.docker.layers import Image
from trimtab.fleet.secrets import known_values, named_kind, secret_kind
from trimtab.rules import Severity

LARGEST = 1024 * 1024
"""Bytes of a file that is searched."""
_LONGEST_LINE = 4096
_LARGEST_SETTINGS = 128 * 1024
"""Bytes; a larger file is data, whatever its suffix."""
_MARKS = (
    "A3T", "AKIA", "ABIA", "ACCA", "ASIA", "AccountKey", "-----BEGIN", "eyJ", "ghp_", "gho_", "ghu_", "ghs_", "ghr_",
    "github_pat_",
    "glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glcbt-", "glimt-", "glagent-", "xox", "hooks.slack", "k_live_", "k_test_",
    "SG.", "_authToken", "npm_", "pypi-", "sk-", "://", "-us", "wilio", "sq0csp-", ":AA", "iscord",
)  # fmt: skip
"""What a line with a credential of a known format has, or, for formats without a mark of their own, what its file has. Plain
texts are found six times as fast as one expression of them all: 3.5 s instead of 21 for 22,000 files of one repository."""
_WHOLE_FILE = frozenset({"wilio", "iscord"})
_WORD = re.compile(r"pass|pwd|secret|token|credential|key", re.IGNORECASE)
"""What every name of a credential has."""
_LINE_END = re.compile(r"\r?\n")
_PAIR = re.compile(
    r"""^\s*(?:export\s+|-\s+)?["']?(?P<name>[A-Za-z_][\w.-]*)["']?\s*[:=]\s*(?P<value>"[^"]*"|'[^']*'|[^\s#,}\]]+)\s*[,}\]]*\s*(?:#.*)?$"""
)
_SETTINGS = re.compile(
    r"(?:^|/)\.?env(?:\.[\w-]+)?$|\.(?:env|ini|cfg|conf|properties|toml|ya?ml|json)$|(?:^|/)\.(?:npmrc|pypirc|netrc)$"
)
"""Files made of names and values, where a name alone tells."""
_SAMPLE = re.compile(r"(?:^|[./_-])(?:example|sample|template|dist|default)s?(?:[./_-]|$)", re.IGNORECASE)
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|testdata|__tests__|spec|fixtures?|examples?|docs?|mocks?)/|(?:^|/)test_[^/]*$|[._]test\.", re.IGNORECASE
)
_INSTALLED = re.compile(
    r"/(?:site-packages|dist-packages|node_modules)/"
    r"|^/(?:usr/(?:local/)?(?:lib\w*|share|include|libexec)|var/lib|lib\w*|proc|sys)/"
)
"""What packages bring: their documentation is full of credentials that are none."""
_MANIFEST = re.compile(r"(?:^|/)(?:package(?:-lock)?|npm-shrinkwrap|composer|tsconfig[\w.-]*)\.json$|-lock\.ya?ml$|lock\.json$")
"""Files whose names are those of packages, such as `js-tokens`."""
_SAYS_SO = re.compile(
    r"(?:my)?(?:pass(?:word|wd)?|pw|pwd|secret|user(?:name)?|token|admin|test|root|guest|postgres|[{%].*)\d*$", re.IGNORECASE
)
"""Passwords that documentation writes, and that protect nothing where they are meant."""
_SYSTEM = re.compile(r"etc/(?!.*\.env$)")
"""An image's own `/etc`, whose files have fields such as `passwd: files`."""
_RECORD = re.compile(r"\.dist-info/RECORD$")
_ARGUMENTS = re.compile(r"\|(?P<count>\d+) (?P<rest>.*)$", re.DOTALL)
"""How the engine writes a RUN's build arguments into an image's history."""
_SALT = b"trimtab.secret/1"


@dataclass(frozen=True, slots=True)
class Leak:
    """One credential that was found."""

    kind: str
    where: str
    """A path, or a part of an image's configuration: `Env.NAME`."""
    line: int
    """0 where there are no lines."""
    identity: str
    severity: Severity
    layer: int | None = None
    made_by: str = ""
    """The beginning of what made the layer."""
    hidden: bool = False
    """Whether a higher layer hides the file: a container does not see it, everybody who has the image can."""


@cache
def identity(value: str) -> str:
    """A name for a value that is the same wherever the value is, and does not give it away.

    scrypt (RFC 7914) with 16 MiB and about 50 ms for one, so that guessing a weak value costs a million times what a plain
    hash would; 48 bits of it.
    """
    digest = hashlib.scrypt(value.encode("utf-8", "surrogateescape"), salt=_SALT, n=2**14, r=8, p=1, dklen=6)
    return digest.hex()


def search(path: str, content: bytes) -> Iterator[Leak]:
    """The credentials in one file: those of a known format anywhere, and in settings those whose name says so."""
    if b"\0" in content[:8192]:
        return
    text = content.decode("utf-8", "replace")
    named = _SETTINGS.search(path) and not (_SAMPLE.search(path) or _SYSTEM.match(path) or _MANIFEST.search(path))
    names = bool(named) and len(content) <= _LARGEST_SETTINGS
    found = {mark for mark in _MARKS if mark in text}
    if not found and not names:
        return
    lines = _LINE_END.split(text)
    everywhere = not found.isdisjoint(_WHOLE_FILE)
    for number, line in enumerate(lines, 1):
        marked = everywhere or any(mark in line for mark in found)
        if len(line) <= _LONGEST_LINE and (marked or (names and _WORD.search(line))):
            yield from _in_line(path, number, lines, formats=marked, names=names)


def _in_line(path: str, number: int, lines: Sequence[str], *, formats: bool, names: bool) -> Iterator[Leak]:
    line = lines[number - 1]
    known = list(_known(line, number, lines)) if formats else []
    for kind, value in known:
        weak = kind == "Basic Auth Credentials" and _SAYS_SO.match(value)
        yield Leak(kind, path, number, identity(value), _severity(path, Severity.LOW if weak else Severity.HIGH))
    match = None if known or not names else _PAIR.match(line)
    if match:
        value = match["value"].strip("\"'")
        kind = named_kind(match["name"], value) if len(value) > 3 else None
        if kind:
            yield Leak(f"`{match['name']}`: {kind}", path, number, identity(value), _severity(path, Severity.MEDIUM))


def _known(line: str, number: int, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for kind, value in known_values(line):
        # Every private key begins with the same words; what follows makes it this one.
        if kind != "Private Key":
            yield kind, value
        elif any(each.strip() for each in lines[number : number + 2]) or len(line) > 200:
            yield kind, "\n".join([line, *lines[number : number + 40]])


def _severity(path: str, severity: Severity) -> Severity:
    return Severity.LOW if _TESTS.search(path) or _SAMPLE.search(path) else severity


def search_pairs(pairs: Iterable[tuple[str, str]], where: str) -> Iterator[Leak]:
    """The credentials among names and values, such as an image's environment."""
    for name, value in pairs:
        kind = secret_kind(name, value)
        if kind:
            yield Leak(f"`{name}`: {kind}", f"{where}.{name}", 0, identity(value), Severity.HIGH)


@dataclass
class LeakSearch:
    """Searches the files of one layer as they go by."""

    leaks: list[Leak] = field(default_factory=list[Leak])
    installed: set[str] = field(default_factory=set[str])
    """Paths that Python distributions say are theirs, wherever they were installed to."""

    def file(self, path: str, size: int, read: Callable[[], bytes]) -> None:
        if _RECORD.search(path):
            folder = posixpath.dirname(posixpath.dirname(path))
            rows = read().decode("utf-8", "replace").splitlines()
            self.installed.update(posixpath.normpath(f"{folder}/{row.partition(',')[0]}") for row in rows)
        elif 0 < size <= LARGEST and not (_INSTALLED.search(path) and "/private/" not in path):
            self.leaks += [replace(leak, where=path) for leak in search(path.lstrip("/"), read())]


def found_leaks(image: Image, visible: Mapping[str, int], layers: Sequence[LeakSearch]) -> Iterator[Leak]:
    """The credentials in an image's layers, its configuration and its history."""
    installed = frozenset[str]().union(*(each.installed for each in layers))
    for number, layer in enumerate(layers):
        made_by = _plain(image.layers[number].created_by[:120])
        for leak in layer.leaks:
            if leak.where not in installed:
                yield replace(leak, layer=number, made_by=made_by, hidden=visible.get(leak.where) != number)
    environment = [_pair(str(each)) for each in cast("list[object]", image.config.get("Env") or [])]
    yield from search_pairs(environment, "Env")
    labels = cast("Mapping[str, object]", image.config.get("Labels") or {})
    yield from search_pairs(((name, str(value)) for name, value in labels.items()), "Label")
    yield from _history(image)


def _history(image: Image) -> Iterator[Leak]:
    """Build arguments, which the engine keeps for ever with the steps that had them."""
    seen: set[tuple[str, str]] = set()
    for text, _ in image.history:
        for name, value in arguments(text):
            if (name, value) not in seen:
                seen.add((name, value))
                yield from search_pairs([(name, value)], "History")


def arguments(text: str) -> list[tuple[str, str]]:
    """The build arguments that one line of an image's history carries."""
    declared = re.match(r"ARG\s+(\w+)=(\S+)", text)
    if declared:
        return [(declared[1], declared[2])]
    match = _ARGUMENTS.search(text)
    words = match["rest"].split(" ") if match else []
    return [_pair(word) for word in words[: int(match["count"])] if "=" in word] if match else []


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _plain(text: str) -> str:
    """What made a layer, without the values of its build arguments."""
    return re.sub(r"\|\d+ (?:\S+=\S* )*", "", text)


def tell(leak: Leak) -> str:
    """What is wrong, without the value."""
    place = "in a layer below, deleted later, and still in the image" if leak.hidden else ""
    return f"{leak.kind} ({leak.identity}) {place}".strip()
