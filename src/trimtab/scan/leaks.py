"""Credentials where they do not belong. A value is never kept: only what it is, where, and a hash to tell two apart."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Literal

from trimtab.fleet.secrets import is_secret_name, known_values, named_kind, secret_kind
from trimtab.rules import Severity
from trimtab.scan.bake_values import BAKE_JSON, attributes, defaults
from trimtab.scan.command_lines import MARKS, options
from trimtab.scan.declarations import declarations

_LONGEST_LINE = 4096
_OVERLAP = 1024
_MOST = 200
"""Credentials of one file that are told apart, which takes a twentieth of a second each."""
_MARKS = (
    "A3T", "AKIA", "ABIA", "ACCA", "ASIA", "AccountKey", "---- BEGIN", "---BEGIN", "PuTTY-User",
    "AGE-SECRET", "eyJ", "ghp_", "gho_", "ghu_", "ghs_", "ghr_",
    "github_pat_",
    "glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glcbt-", "glimt-", "glagent-", "xox", "hooks.slack", "k_live_", "k_test_",
    "SG.", "_authToken", "npm_", "pypi-", "sk-", "://", "-us", "wilio", "sq0csp-", ":AA", "iscord",
)  # fmt: skip
"""What a line with a credential of a known format has, or, for formats without a mark of their own, what its file has. Plain
texts are found six times as fast as one expression of them all: 3.5 s instead of 21 for 22,000 files of one repository."""
_WHOLE_FILE = frozenset({"wilio", "iscord"})
_WORD = re.compile("|".join(('pass|pwd|secret|token|credential|key|rediscli|"auth"', *MARKS)), re.IGNORECASE)
"""What every name of a credential has, and every line where one stands without a name."""
_LINE_END = re.compile(r"\r?\n")
_PAIR = re.compile(
    r"""^\s*(?:export\s+|-\s+["']?)?["']?(?P<name>[A-Za-z_][\w.-]*)["']?\s*[:=]\s*(?:&\S+\s+)?(?P<value>"[^"]*"|'[^']*'|[^\s#,}\]]+)\s*[,}\]"']*\s*(?:#.*)?$"""
)
_INNER = re.compile(
    r"""(?<!\$)[{,\s]["']?(?P<name>[A-Za-z_][\w.-]*)["']?\s*(?::\s*|=\s*(?=["']))(?P<value>"[^"]*"|'[^']*'|[^\s#,}\]"']+)(?=\s*[,}])"""
)
"""A pair among others on one line, as in JSON, YAML's flow style and TOML's inline tables."""
_ENVIRONMENT = re.compile(r"^\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)=(?P<value>\"[^\"]*\"|'[^']*'|.*?)(?:\s+#.*)?\s*$")
"""A line of an env file: the value goes to the end of the line, or to a comment behind a space."""
_ITEM = re.compile(r"""^\s*-\s+(?P<quote>["'])(?P<name>[A-Za-z_]\w*)=(?P<value>.*)(?P=quote)\s*(?:#.*)?$""")
"""A quoted entry of a list of variables, as compose takes them."""
_LISTED = re.compile(
    r"""(?:^|[\[,])\s*(?:"(?P<a>[A-Za-z_]\w*)=(?P<b>[^"]*)"|'(?P<c>[A-Za-z_]\w*)=(?P<d>[^']*)'|(?P<e>[A-Za-z_]\w*)=(?P<f>[^\s"',\]]+))"""
    r"""(?=\s*(?:[,\]]|$))"""
)
"""Entries of such a list on one line, as in JSON and in YAML's flow style."""
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?")
"""How YAML says that a value stands in the lines below."""
_DEFAULT = re.compile(r"\$\{\w+:?[-=](?P<value>.+?)\}*$")
"""A variable with what it is where nobody sets it: that is a value that stands in the file."""
_FALLBACK = re.compile(r"\$\{(?P<name>\w+):?[-=](?P<value>[^${}]+)\}")
_DECLARED = re.compile(r"""(?P<name>[A-Za-z_]\w*)=(?P<value>"[^"]*"|'[^']*'|\S+)""")
_CONTINUED = re.compile(r"^\s+[A-Z_][A-Z0-9_]*=\S+\s*\\?\s*$")
_LOGINS = re.compile(r"\bpassword\s+(?P<value>\S+)")
_ENV_FILE = re.compile(
    r"(?:^|/)\.env(?:[._-][\w.-]*)?$|(?:^|/)env(?:\.[\w-]+)*$|\.env(?:\.[\w-]+)*$|(?:^|/)\.(?:envrc|flaskenv)$"
)
"""`.env.production.local` and the like; `prod.env`."""
_SETTINGS = re.compile(
    rf"{_ENV_FILE.pattern}|\.(?:ini|cfg|conf|properties|toml|ya?ml|json|hcl)$|(?:^|/)\.(?:npmrc|pypirc|netrc)$"
    r"|(?:^|/)(?:credentials|config)$"
)
"""Files made of names and values, where a name alone tells."""
_SAMPLE = re.compile(
    r"(?:^|[./_-])(?:example|sample|template)s?(?:[./_-]|$)|[._-](?:dist|defaults?)(?:$|\.[^./]+$)", re.IGNORECASE
)
"""Files that somebody is to copy and fill in. Not `config/default.json`, which programs read as it is, nor what was built."""
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|testdata|__tests__|spec|fixtures?|examples?|docs?|mocks?)/|(?:^|/)test_[^/]*$|[._]test\.", re.IGNORECASE
)
_DOCKERFILE = re.compile(r"(?:^|/)(?:[\w.-]*\.)?(?:Docker|Container)file(?:\.[\w.-]+)?$", re.IGNORECASE)
_MANIFEST = re.compile(r"(?:^|/)(?:package(?:-lock)?|npm-shrinkwrap|composer|tsconfig[\w.-]*)\.json$|-lock\.ya?ml$|lock\.json$")
"""Files whose names are those of packages, such as `js-tokens`."""
_BRACES = re.compile(r"[{%<$].*[}%>]?$")
"""What a program puts in later."""
_SAYS_SO = re.compile(
    r"(?:my)?(?:pass(?:word|wd)?|pw|pwd|secret|user(?:name)?|token|admin|test|root|guest|postgres|[{%].*)\d*$", re.IGNORECASE
)
"""Passwords that documentation writes, and that protect nothing where they are meant."""
_SYSTEM = re.compile(r"etc/(?!.*\.env$)")
"""An image's own `/etc`, whose files have fields such as `passwd: files`."""
_KEY_TEXT = re.compile(r"[A-Za-z0-9+/=]{16}")
"""What follows the first line of a private key that is one."""
ENCRYPTED_KEY = "Private Key, encrypted"
"""A key with a passphrase: whoever has the file has all the time there is to guess it, and less than with the key itself."""
_ENCRYPTED = re.compile(
    r"ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED|^Encryption: (?!none)|b3BlbnNzaC1rZXktdjEA(?!AAAABG5vbmU)", re.MULTILINE
)
"""PKCS #8's words, OpenSSL's older ones, PuTTY's, and OpenSSH's format, which begins with the name of a cipher: `none`."""
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
    """The instruction that made the layer, without its words."""
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


FileKind = Literal["", "dockerfile", "environment"]
"""What a file is whose name does not say so: compose takes Dockerfiles and env files of any name."""


def search(path: str, content: bytes, kind: FileKind = "") -> Iterator[Leak]:
    """The credentials in one file: those of a known format anywhere, and in settings those whose name says so."""
    text = _text(content)
    if text is None:
        return
    named = _SETTINGS.search(path) and not (_SAMPLE.search(path) or _SYSTEM.match(path) or _MANIFEST.search(path))
    asked = bool(kind or named or _DOCKERFILE.search(path))
    found = {mark for mark in _MARKS if mark in text}
    if not found and not asked:
        return
    lines = _LINE_END.split(text)
    leaks = _in_lines(path, lines, found, _pairs_of(path, text, [*lines, ""], kind) if asked else None)
    yield from islice(leaks, _MOST)
    if next(leaks, None) is not None:
        yield Leak(f"further credentials after the first {_MOST}", path, 0, "", Severity.HIGH)


def _in_lines(path: str, lines: Sequence[str], found: set[str], names: "_Pairs | None") -> Iterator[Leak]:
    everywhere = not found.isdisjoint(_WHOLE_FILE)
    for number, line in enumerate(lines, 1):
        marked = everywhere or any(mark in line for mark in found)
        known = [pair for part in windows(line) for pair in _known(part, number, lines)] if marked else []
        for kind, value in dict.fromkeys(known):
            weak = kind == "Basic Auth Credentials" and _SAYS_SO.match(value)
            severity = Severity.LOW if weak else Severity.MEDIUM if kind == ENCRYPTED_KEY else Severity.HIGH
            yield Leak(kind, path, number, identity(value), _severity(path, severity))
        if names is not None and not known and _WORD.search(line):
            yield from _named(path, number, names(number, line))


def is_settings(path: str) -> bool:
    """Whether a file is made of names and values, by its path."""
    return _SETTINGS.search(path) is not None


def _text(content: bytes) -> str | None:
    """A file's text; None for what is none."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    return None if b"\0" in content[:8192] else content.decode("utf-8", "replace")


def windows(line: str, *, marked: bool = True) -> Iterator[str]:
    """A line in parts that overlap by more than any credential is long: the expressions are slow on endless ones.

    With `marked`, only those parts of a long one that have a mark.
    """
    if len(line) <= _LONGEST_LINE:
        yield line
        return
    for start in range(0, len(line), _LONGEST_LINE - _OVERLAP):
        part = line[start : start + _LONGEST_LINE]
        if not marked or any(mark in part for mark in _MARKS):
            yield part


_Pairs = Callable[[int, str], Iterable[tuple[str, str]]]
"""The names and values of a line, by its number and its text."""


def _pairs_of(path: str, text: str, lines: Sequence[str], kind: FileKind) -> _Pairs:
    """How names and values stand in the lines of a file of its kind; the last of `lines` is one that follows the text's own."""
    if kind == "dockerfile" or (not kind and _DOCKERFILE.search(path)):
        table = declarations(path, text)
        return lambda number, line: [*table.get(number, ()), *options(line, lines[number])]
    if path.endswith(".hcl"):
        return lambda number, line: [*attributes(line), *defaults(number, lines)]
    if kind == "environment" or _ENV_FILE.search(path):
        return lambda _, line: [pair for part in windows(line, marked=False) for pair in _of_environment(part)]
    reader = _of_logins if path.endswith(".netrc") else _of_settings
    blocks, bake = path.endswith((".yml", ".yaml")), BAKE_JSON.search(path)

    def pairs(number: int, line: str) -> Iterator[tuple[str, str]]:
        parts = list(windows(line, marked=False))
        found = [pair for part in parts for pair in (*reader(part), *options(part, lines[number]))]
        found += defaults(number, lines) if bake else ()
        said = {_value(value) for name, value in found if is_secret_name(name)}
        for name, value in found:
            yield name, lines[number].strip() if blocks and _BLOCK.fullmatch(value) else value
        # What a variable is where nobody sets it, wherever in a line that stands.
        fallbacks = (match for part in parts for match in _FALLBACK.finditer(part))
        yield from ((match["name"], match["value"]) for match in fallbacks if match["value"] not in said)

    return pairs


def declared(line: str) -> Iterator[tuple[str, str]]:
    """What ENV and ARG of a Dockerfile declare; the old form of ENV has a space, and a continued line begins with a name."""
    verb, _, rest = line.strip().partition(" ")
    if verb.upper() in {"ENV", "ARG"}:
        found = [(match["name"], match["value"]) for match in _DECLARED.finditer(rest)]
        old = rest.strip().partition(" ")
        yield from found or ([(old[0], old[2])] if verb.upper() == "ENV" else [])
    elif _CONTINUED.match(line):
        yield from ((match["name"], match["value"]) for match in _DECLARED.finditer(line))


def _of_environment(line: str) -> Iterator[tuple[str, str]]:
    match = _ENVIRONMENT.match(line)
    if match:
        yield match["name"], match["value"]


def _of_logins(line: str) -> Iterator[tuple[str, str]]:
    yield from (("password", match["value"]) for match in _LOGINS.finditer(line))


def _of_settings(line: str) -> Iterator[tuple[str, str]]:
    match = _ITEM.match(line) or _PAIR.match(line)
    inner = [match] if match else _INNER.finditer(" " + line)
    found = [(each["name"], each["value"]) for each in inner]
    found += [
        (match["a"] or match["c"] or match["e"], match["b"] or match["d"] or match["f"] or "")
        for match in _LISTED.finditer(line)
    ]
    # The lines of a Dockerfile that stands in a compose file.
    yield from dict.fromkeys((name, value.strip("\"'")) for name, value in (*found, *declared(line)))


def _value(quoted: str) -> str:
    """What is said in quotes, or as what a variable is where nobody sets it."""
    value = quoted.strip("\"'")
    while default := _DEFAULT.match(value):
        value = default["value"].strip("\"'")
    return value


def values_of(line: str) -> Iterator[str]:
    """What is a credential in a line of a file of any kind, by its form or its name. For hiding it, never for showing it."""
    for part in windows(line, marked=False):
        yield from (value for _, value in known_values(part))
        for name, quoted in (*declared(part), *_of_settings(part), *options(part)):
            value = _value(quoted)
            if len(value) > 3 and named_kind(name, value):
                yield value


def _named(path: str, number: int, pairs: Iterable[tuple[str, str]]) -> Iterator[Leak]:
    for name, quoted in dict.fromkeys(pairs):
        value = _value(quoted)
        login = "credential of a registry" if name == "auth" and path.endswith("config.json") and len(value) > 8 else None
        kind = login or (named_kind(name, value) if len(value) > 3 else None)
        if kind:
            weak = Severity.LOW if _SAYS_SO.match(value) else Severity.MEDIUM
            yield Leak(f"`{name}`: {kind}", path, number, identity(value), _severity(path, weak))


def _known(line: str, number: int, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for kind, value in known_values(line):
        if _BRACES.match(value) or (kind == "AWS Access Key" and _within_base64(line, value)):
            continue
        # Every private key begins with the same words; what follows makes it this one.
        if kind != "Private Key":
            yield kind, value
        elif any(_KEY_TEXT.search(each) for each in lines[number : number + 4]) or _KEY_TEXT.search(line):
            text = "\n".join([line, *lines[number : number + 40]])
            yield ENCRYPTED_KEY if _ENCRYPTED.search(text.partition("-END ")[0]) else kind, text


def _within_base64(line: str, value: str) -> bool:
    """Whether it is a chance part of something longer."""
    at = line.find(value)
    around = line[max(0, at - 1) : at] + line[at + len(value) : at + len(value) + 1]
    return any(letter.isalnum() or letter in "+/" for letter in around)


def _severity(path: str, severity: Severity) -> Severity:
    told = _TESTS.search(path) or _SAMPLE.search(path) or path.endswith((".md", ".rst", ".txt"))
    return min(severity, Severity.LOW) if told else severity


def search_pairs(pairs: Iterable[tuple[str, str]], where: str) -> Iterator[Leak]:
    """The credentials among names and values, such as an image's environment."""
    for name, value in pairs:
        kind = secret_kind(name, value)
        if kind:
            yield Leak(f"`{name}`: {kind}", f"{where}.{name}", 0, identity(value), Severity.HIGH)


def tell(leak: Leak) -> str:
    """What is wrong, without the value."""
    place = "in a layer below, deleted later, and still in the image" if leak.hidden else ""
    return f"{leak.kind} ({leak.identity}) {place}".strip()
