"""CX103 to CX107: ignore files that do not do what they say."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from trimtab.fleet import BuildContext, Fleet, FleetFile, Outside, Unreadable
from trimtab.fleet.copies import copied_files
from trimtab.fleet.hazards import KINDS
from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    Effects,
    Finding,
    Fix,
    FleetRule,
    NewText,
    Refusal,
    Severity,
)
from trimtab.syntax.ignore import IgnoreFile, PatternError, parse_ignore
from trimtab.text import Edit, Source, Span

_CONTEXT = Effects(context=True, removes=("/**",))
_COMPOSE = {"compose.yaml": "services: {a: {build: {context: ., dockerfile: a/Dockerfile}}}\n"}
_GUESSED = "no compose or bake file names its Dockerfile, so the context that it is built with is not known"
_PLACE = "several Dockerfiles stand beside it, and which one it is meant for is not known"


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of an ignore file with a pattern."""

    number: int
    start: int
    """Offset of the pattern in the file."""
    text: str


def _lines(source: Source) -> list[_Line]:
    found: list[_Line] = []
    at = 0
    for number, line in enumerate(source.text.splitlines(keepends=True), start=1):
        plain = line.strip()
        if plain and not plain.startswith("#"):
            found.append(_Line(number, at + line.index(plain), plain))
        at += len(line)
    return found


class _IgnoreFileRule(FleetRule):
    """Looks at every ignore file that a build reads, with the contexts that it is in effect in."""

    category = Category.RELIABILITY
    since = "0.2"

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        read: dict[str, tuple[Source, list[tuple[FleetFile, BuildContext]]]] = {}
        for file in fleet.files:
            for context in file.contexts:
                source = None if context.ignore_path is None or context.ignore_problem else fleet.tree.read(context.ignore_path)
                if isinstance(source, Source):
                    read.setdefault(source.path, (source, []))[1].append((file, context))
        for source, users in read.values():
            yield from self.judge(source, users)

    def judge(self, source: Source, users: list[tuple[FleetFile, BuildContext]]) -> Iterator[Finding]:
        raise NotImplementedError


def _services(users: list[tuple[FleetFile, BuildContext]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for file, _ in users for name in file.service_names))


class UnreadIgnoreFile(FleetRule):
    """Ignore file that no build reads.

    ## What it does
    Finds `.dockerignore` files beside a Dockerfile whose builds all have another context. BuildKit reads the one at the
    context's root, or `<Dockerfile>.dockerignore` beside the Dockerfile, and no other.

    ## Why it matters
    It looks as if it kept files back, and keeps none.

    ## Fix safety
    Unsafe: it becomes the Dockerfile's own, `<Dockerfile>.dockerignore`, with its patterns rewritten for the real
    context, behind those of the context's own ignore file, which it replaces; files it names then stay out. Refused
    where several Dockerfiles stand beside it, or their contexts differ, and where no compose or bake file says the context.

    ## References
    https://docs.docker.com/build/concepts/context/#filename-and-location
    """

    code = "CX103"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        Case("FROM a:1\n", files={".dockerignore": "a\n"}),
        Case("FROM a:1\n", files={"docs/.dockerignore": "a\n"}),
    ]
    flagged = [
        Case(
            "FROM scratch\n",
            files={**_COMPOSE, "a/Dockerfile": "FROM a:1\n", "a/.dockerignore": "# why\nx\n!x/y\n**/z\n"},
            after_files={"a/.dockerignore": None, "a/Dockerfile.dockerignore": "# why\na/x\n!a/x/y\na/**/z\n"},
        ),
        Case(
            "FROM scratch\n",
            files={**_COMPOSE, "a/Dockerfile": "FROM a:1\n", "a/.dockerignore": "\ufeff**/z\n"},
            after_files={"a/.dockerignore": None, "a/Dockerfile.dockerignore": "a/**/z\n"},
        ),
        Case(
            "FROM scratch\n",
            refused=_PLACE,
            files={
                "compose.yaml": "services: {a: {build: {context: ., dockerfile: a/Dockerfile}},"
                " b: {build: {context: ., dockerfile: a/Dockerfile.b}}}\n",
                "a/Dockerfile": "FROM a:1\n",
                "a/Dockerfile.b": "FROM a:1\n",
                "a/.dockerignore": "x\n",
            },
        ),
        Case(
            "FROM scratch\n",
            refused=_GUESSED,
            files={"templates/Dockerfile": "FROM a:1\nCOPY lib /lib\n", "templates/.dockerignore": "x\n", "lib/a": ""},
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        read = {context.ignore_path for file in fleet.files for context in file.contexts}
        roots = {context.root for file in fleet.files for context in file.contexts}
        users: dict[str, list[FleetFile]] = {}
        for file in fleet.files:
            users.setdefault(posixpath.dirname(file.path), []).append(file)
        for folder, beside in sorted(users.items()):
            path = posixpath.join(folder, ".dockerignore")
            entry = fleet.tree.entries.get(path)
            if entry is None or entry.kind != "file" or path in read or folder in roots:
                continue
            roots_of = sorted({context.root or "." for file in beside for context in file.contexts})
            message = f"no build reads it: the context of `{beside[0].path}` is `{'`, `'.join(roots_of)}`"
            services = tuple(dict.fromkeys(name for file in beside for name in file.service_names))
            yield self.finding_at(path, 1, message, services, _moved(fleet, path, beside))


def _moved(fleet: Fleet, path: str, beside: list[FleetFile]) -> Fix | Refusal:
    source = fleet.tree.read(path)
    only = len(beside) == 1 and posixpath.basename(beside[0].path) == "Dockerfile" and len(beside[0].contexts) == 1
    if not only or isinstance(source, Unreadable):
        return Refusal(_PLACE)
    if not beside[0].services:
        return Refusal(_GUESSED)
    context = beside[0].contexts[0]
    folder = posixpath.dirname(path)
    prefix = posixpath.relpath(folder, context.root or ".")
    if prefix.startswith(".."):
        return Refusal("it stands outside the context, whose files it cannot name")
    own = fleet.tree.read(context.ignore_path) if context.ignore_path else None
    before = "" if own is None or isinstance(own, Unreadable) else own.text.rstrip("\r\n") + source.newline
    text = before + "".join(_rebased(line, prefix) for line in source.text.removeprefix("\ufeff").splitlines(keepends=True))
    try:
        parse_ignore(text)
    except PatternError as error:
        return Refusal(f"one of its patterns is wrong: {error}")
    target = f"{beside[0].path}.dockerignore"
    files = (NewText(target, text), NewText(path, None))
    return Fix(f"make it `{target}`", (), Applicability.UNSAFE, _CONTEXT, files)


def _rebased(line: str, prefix: str) -> str:
    plain = line.strip()
    if not plain or plain.startswith("#"):
        return line
    negation, pattern = ("!", plain[1:].strip()) if plain.startswith("!") else ("", plain)
    return line.replace(plain, f"{negation}{prefix}/{pattern.lstrip('/')}")


class UntrackedIgnoreFile(FleetRule):
    """Ignore file that git leaves out of the repository.

    ## What it does
    Asks git which of the ignore files that builds read it does not track and is told to ignore.

    ## Why it matters
    It works on the machine where it was written. Every other clone, CI's included, builds without it.

    ## Fix safety
    Not fixed: which line of which `.gitignore` is wrong has to be decided there.
    """

    code = "CX104"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [Case("FROM a:1\n", files={".dockerignore": "a\n"})]
    flagged = [
        Case(
            "FROM a:1\n",
            refused="which line of `.gitignore` is wrong is not ours to say",
            files={".dockerignore": "a\n"},
            outside=Outside(left_out_by_git=frozenset({".dockerignore"})),
        )
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        read = dict.fromkeys(c.ignore_path for file in fleet.files for c in file.contexts if c.ignore_path)
        for path in read:
            if path in fleet.outside.left_out_by_git:
                message = "git is told to ignore it, so other clones build without it"
                yield self.finding_at(path, 1, message, (), Refusal("which line of `.gitignore` is wrong is not ours to say"))


_NEVER_WANTED = frozenset(
    ["__pycache__", "*.pyc", "*.pyo", "*.py[co]", "*.py[cod]", "*.log", "node_modules", ".venv", ".git", ".hg", ".svn"]
    + [".DS_Store", ".idea", ".vscode", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".nyc_output", "*.swp"]
)
"""Names that no program needs, wherever they stand."""


class ShallowIgnorePattern(_IgnoreFileRule):
    """Pattern that misses the same name further down.

    ## What it does
    Finds patterns without a slash whose name also occurs in folders below the context's root, in files that a COPY
    brings: unlike git's, a pattern is anchored at the root.

    ## Why it matters
    `__pycache__` keeps back the one at the root, where there is none, and none of those beside the code.

    ## Fix safety
    Unsafe: with `**/` in front the nested ones stay out as well, so the image lacks them. Refused where a COPY names one,
    and for all names but those that no program ever needs: bytecode, caches, logs, version control, `node_modules`.

    ## References
    https://docs.docker.com/build/concepts/context/#syntax
    """

    code = "CX105"
    severity = Severity.LOW
    clean = [
        Case("FROM a:1\nCOPY . /a\n", files={".dockerignore": "**/x\n/y\nz\n", "s/a": "", "s/y": "", "s/z": ""}),
        Case("FROM a:1\nCOPY s/a /a\n", files={".dockerignore": "x\n", "s/x": "", "s/a": ""}),
    ]
    flagged = [
        Case(
            "FROM a:1\nCOPY . /a\n",
            files={".dockerignore": "*.log\n  __pycache__/\n", "s/__pycache__/b": "", "s/a": ""},
            after_files={".dockerignore": "*.log\n  **/__pycache__/\n"},
        ),
        Case(
            "FROM a:1\nCOPY . /a\n",
            refused="something may need the nested ones",
            files={".dockerignore": "tests/\n", "s/tests/b": "", "s/a": ""},
        ),
        Case(
            "FROM a:1\nCOPY . /a\nCOPY s/.env /b\n",
            refused="a COPY names one of them",
            files={".dockerignore": ".env\n", "s/.env": ""},
        ),
    ]

    def judge(self, source: Source, users: list[tuple[FleetFile, BuildContext]]) -> Iterator[Finding]:
        brought = {path for file, context in users for path in _brought(file, context)}
        named = {posixpath.normpath(s) for file, _ in users for stage in file.stages for c in stage.copies for s in c.sources}
        lines = _lines(source)
        for line in [] if any(each.text.startswith("!") for each in lines) else lines:
            plain = line.text.rstrip("/")
            if not any(kind.path.search(f"{plain}/a") or kind.path.search(plain) for kind in KINDS) and not plain.startswith(
                "*."
            ):
                # Only what is unwanted everywhere: a folder of that name further down may be another one.
                continue
            if "/" in plain or "**" in plain or plain.startswith("!") or plain in {"*", "."} or " " in plain:
                continue
            deeper = IgnoreFile.of([f"**/{plain}"])
            nested = sorted(path for path in brought if "/" in path and deeper.ignores(path))
            if not nested:
                continue
            edit = Edit.insert(line.start, "**/")
            outcome: Fix | Refusal = Fix("match it at every depth", (edit,), Applicability.UNSAFE, _CONTEXT)
            if plain not in _NEVER_WANTED:
                outcome = Refusal("something may need the nested ones")
            if any(deeper.ignores(name) for name in named):
                outcome = Refusal("a COPY names one of them")
            more = f" and {len(nested) - 1} more" if len(nested) > 1 else ""
            message = f"`{line.text}` matches at the context's root alone; `{nested[0]}`{more} is copied"
            yield self.finding_at(source.path, line.number, message, _services(users), outcome, plain)


def _brought(file: FleetFile, context: BuildContext) -> set[str]:
    return {path for stage in file.stages for copy in stage.copies for path in copied_files(copy, context).values()}


class CommentInIgnorePattern(_IgnoreFileRule):
    """Comment behind a pattern, which makes it another pattern.

    ## What it does
    Finds `#` behind a pattern and white space. A comment is a line of its own; anything else is part of the pattern.

    ## Why it matters
    `node_modules  # installed in the image` is the name of a file that nobody has, and keeps nothing back.

    ## Fix safety
    Unsafe: the comment moves to a line of its own, and the pattern begins to work: files it names stay out.

    ## References
    https://docs.docker.com/build/concepts/context/#syntax
    """

    code = "CX106"
    severity = Severity.MEDIUM
    clean = [Case("FROM a:1\n", files={".dockerignore": "# a\nb#c\nd\n"})]
    flagged = [
        Case(
            "FROM a:1\n",
            files={".dockerignore": "a\n  b\t# why\n"},
            after_files={".dockerignore": "a\n# why\n  b\n"},
        )
    ]

    def judge(self, source: Source, users: list[tuple[FleetFile, BuildContext]]) -> Iterator[Finding]:
        for line in _lines(source):
            match = re.match(r"(?P<pattern>\S.*?)(?P<gap>\s+)(?P<comment>#.*)$", line.text)
            if match is None:
                continue
            begin = source.line_span(line.number).start
            comment = f"{match['comment']}{source.newline}"
            gap = line.start + len(match["pattern"])
            end = line.start + len(line.text)
            span = Span(gap, end)
            edits = (Edit.insert(begin, comment), Edit.delete(span))
            fix = Fix("give the comment its own line", edits, Applicability.UNSAFE, _CONTEXT)
            message = f"`{match['comment']}` is part of the pattern, which so matches nothing"
            yield self.finding_at(source.path, line.number, message, _services(users), fix, match["pattern"])


class DeadNegation(_IgnoreFileRule):
    """Negation that brings nothing back.

    ## What it does
    Finds `!` patterns whose files exist and are treated alike without the line: nothing before it keeps them out, or
    something behind it keeps them out again.

    ## Why it matters
    Whoever wrote it believes that the file is in the image, or that it would not be without the line.

    ## Fix safety
    Not fixed: the line may be in the wrong place rather than needless.

    ## References
    https://docs.docker.com/build/concepts/context/#negating-matches
    """

    code = "CX107"
    severity = Severity.LOW
    clean = [
        Case("FROM a:1\n", files={".dockerignore": "*.md\n!a.md\n!gone\n", "a.md": ""}),
        Case("FROM a:1\n", files={".dockerignore": "s\n!s/a\n", "s/a": "", "s/b": ""}),
    ]
    flagged = [
        Case(
            "FROM a:1\n",
            refused="whether the line or its place is wrong is not known",
            files={".dockerignore": "b\n!a.md\n", "a.md": ""},
        ),
        Case(
            "FROM a:1\n",
            refused="whether the line or its place is wrong is not known",
            files={".dockerignore": "!a.md\n*.md\n", "a.md": ""},
        ),
    ]

    def judge(self, source: Source, users: list[tuple[FleetFile, BuildContext]]) -> Iterator[Finding]:
        lines = _lines(source)
        for line in lines:
            if not line.text.startswith("!"):
                continue
            others = [other.text for other in lines if other is not line]
            wanted = IgnoreFile.of([line.text[1:].strip()])
            meant = [(context, path) for _, context in users for path in _paths(context) if wanted.ignores(path)]
            without = IgnoreFile.of(others)
            if meant and all(context.ignore.ignores(path) == without.ignores(path) for context, path in meant):
                kept_out = meant[0][0].ignore.ignores(meant[0][1])
                why = "a later pattern keeps it out again" if kept_out else "nothing keeps it out"
                message = f"`{line.text}` does nothing: {why}"
                refusal = Refusal("whether the line or its place is wrong is not known")
                yield self.finding_at(source.path, line.number, message, _services(users), refusal, line.text)


def _paths(context: BuildContext) -> Iterator[str]:
    prefix = f"{context.root}/" if context.root else ""
    return (path[len(prefix) :] for path in context.tree.entries if path.startswith(prefix))
