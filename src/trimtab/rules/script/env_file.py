"""SC113: env files that a shell reads differently from compose."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet import Fleet
from trimtab.fleet.scripts import ScriptPart
from trimtab.fleet.tree import Unreadable
from trimtab.rules.base import Case, Category, Finding, Refusal, ScriptRule, Severity, script_case

_QUOTE = "an env file that compose reads may mean other values than a shell does: quoting changes what compose reads"


_EXPORTED = re.compile(r"(?m)(?:^|[;&|]|\bthen\b|\bdo\b)[ \t]*export\s+(?P<all>(?:\$\(|`)[^\n]*)")
"""`export $(grep -v '^#' .env | xargs)`: what is read is split at every space, quoted or not."""
_FILE = re.compile(r"[^\s'\"`()|<>]*\.env(?:\.[\w.-]+)?(?![\w.-])")


def _case(script: str, env: str, *, refused: str | None = None, **others: str) -> Case:
    files = {"a.sh": f"#!/bin/bash\nset -e\ndocker ps\n{script}", ".env": env, **others}
    return Case("FROM scratch\n", files=files, refused=refused)


class SourcedEnvFile(ScriptRule):
    """Env file that a shell reads differently from compose.

    ## What it does
    Finds files that a script reads in with `source`, `.` or `export $(cat .env | xargs)`, and that have carriage returns, a
    byte order mark, values with spaces or `$` without quotes, or lines that are no assignment. What `export` splits at spaces
    is told for values in quotes, too.

    ## Why it matters
    Compose reads `A=two words` as one value. A shell runs `words`, and with a carriage return every value ends in one.

    ## Fix safety
    Not fixed: compose reads the file, too, and reads it right.
    """

    code = "SC113"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\n. ./lib.sh\nsource .env\ndocker ps\n"),
        _case(
            "export $(cat .env | xargs)\n# export $(cat b.env)\necho 'export $(cat b.env)'\n", "A=1\n", **{"b.env": "A=1 2\n"}
        ),
        _case("source .env\n", "A='two words'\n"),
    ]
    flagged = [
        script_case("#!/bin/bash\nset -e\nset -a\nsource compose.yaml\ndocker ps\n", compose="A=1\r\n", refused=_QUOTE),
        _case("source .env\n", "\ufeffA=two words\r\n", refused=_QUOTE),
        _case("export $(grep -v '^#' .env | xargs)\n", "A='two words'\n", refused=_QUOTE),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        for start, word, splits in _read_in(part) if part.shell != "powershell" else ():
            path = _file_of(part, word, fleet)
            traps = _traps(fleet, path, splits=splits) if path and not path.endswith((".sh", ".bash")) else []
            if path and traps:
                message = f"reads `{path}` in, which has {'; '.join(traps)}"
                yield self.at(part, start, message, Refusal(_QUOTE), path)


def _read_in(part: ScriptPart) -> Iterator[tuple[int, str, bool]]:
    """Where a script reads a file in, which, and whether what it reads is split at spaces whatever the quotes."""
    for command in part.script.commands:
        if command.name in {"source", "."} and len(command.words) > 1:
            yield command.span.start, command.words[1], False
    for match in _EXPORTED.finditer(part.text):
        file = _FILE.search(match["all"])
        if file is not None:
            yield match.start("all"), file[0], True


def _file_of(part: ScriptPart, word: str, fleet: Fleet) -> str | None:
    """The fleet's file that a script reads in: counted from the root, or from the script's own folder."""
    plain = re.sub(r"^(?:\$\{?\w+\}?/|\./)", "", part.value(word))
    plain = part.value(plain)
    candidates = (posixpath.normpath(plain), posixpath.normpath(posixpath.join(posixpath.dirname(part.path), plain)))
    return next((each for each in candidates if each in fleet.tree.entries), None)


def _traps(fleet: Fleet, path: str, *, splits: bool) -> list[str]:
    """Everything in a file that a shell takes for something else than compose does, each kind once."""
    source = fleet.tree.read(path)
    if isinstance(source, Unreadable):
        return []
    found = ["a byte order mark, which becomes part of the first name"] if source.text.startswith("\ufeff") else []
    if "\r\n" in source.text:
        found.append("carriage returns, which become part of every value")
    kinds: dict[str, int] = {}
    for number, raw in enumerate(source.text.removeprefix("\ufeff").splitlines(), start=1):
        kind = _trap(raw.strip(), splits=splits)
        if kind:
            kinds.setdefault(kind, number)
    return [*found, *(f"{kind} in line {number}" for kind, number in kinds.items())]


def _trap(raw: str, *, splits: bool) -> str | None:
    line = raw.removeprefix("export ")
    name, equals, value = line.partition("=")
    if not line or line.startswith("#"):
        return None
    if not equals or not re.fullmatch(r"\w+", name):
        return "something other than `NAME=value`"
    bare = re.split(r"\s#", value)[0].strip()
    quoted = bare[:1] in {'"', "'"}
    if splits and " " in bare:
        return "a value with a space, at which it is split whatever the quotes"
    if not quoted and re.search(r"[\s$`&;|<>()]", bare):
        return "a value with a space or a sign of the shell's and without quotes"
    return None
