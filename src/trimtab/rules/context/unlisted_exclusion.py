"""CX113."""

from collections.abc import Iterator, Sequence

from trimtab.fleet import BuildContext, Fleet, FleetFile, Policy
from trimtab.fleet.exclusions import is_listed, keeps_back, kept_back, needs, usable
from trimtab.fleet.hazards import hazards
from trimtab.rules.base import Applicability, Case, Category, Effects, Finding, Fix, FleetRule, NewText, Refusal, Severity
from trimtab.syntax.ignore import IgnoreFile
from trimtab.text import Edit, Source

_WANTED = Policy(exclude=("__pycache__/", "*.md", "docs/"))
_User = tuple[FleetFile, BuildContext]


class UnlistedExclusion(FleetRule):
    """Ignore file without a pattern that the fleet's configuration wants in all of them.

    ## What it does
    Compares the ignore file in effect for each context with `exclude` in the configuration: `exclude = ["*.md", "docs/"]`.
    Without that key the rule says nothing. A context without an ignore file is flagged where a COPY brings files that the
    patterns mean; where CX102 or CX108 makes one for what it finds, they come first.

    ## Why it matters
    Files that no image needs are sent with every build, and each change to one of them runs everything behind the COPY again.

    ## Fix safety
    Only with proof where an image has such files now: they are missing then. Unsafe elsewhere. Patterns with wildcards, and
    names such as `.cache` and `__pycache__`, get `**/` in front, because docker's patterns are anchored at the context's
    root; a plain name, `docs/`, stays at the root, where it cannot hit code. Refused, pattern by pattern, where a COPY, an ADD,
    a bind mount, an installation or a `pyproject.toml` names what it would keep back, or a `!` in the file brings all of it
    back. A pattern goes to the end, or in front of a `!` that brings back a part of what it means.

    ## References
    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    code = "CX113"
    category = Category.SIZE
    severity = Severity.LOW
    since = "0.3"
    clean = [
        Case("FROM a:1\nCOPY . /a\n", files={"a.md": "", ".dockerignore": "b\n"}),
        Case("FROM a:1\nCOPY src /a\n", files={"src/a.py": "", "a.md": ""}, policy=_WANTED),
        Case(
            "FROM a:1\nCOPY . /a\n",
            files={"a.md": "", ".dockerignore": "**/__pycache__/\n**/*.md\n/docs\n"},
            policy=_WANTED,
        ),
    ]
    flagged = [
        Case(
            "FROM a:1\nCOPY . /a\n",
            files={"a.py": "", "b/a.md": "", ".dockerignore": "# ours\ndocs"},
            after_files={".dockerignore": "# ours\ndocs\n**/__pycache__\n**/*.md\n"},
            policy=_WANTED,
        ),
        Case(
            "FROM a:1\nCOPY . /a\n",
            files={"a.py": "", "a.md": ""},
            after_files={".dockerignore": "**/__pycache__\n**/*.md\ndocs\n"},
            policy=_WANTED,
        ),
        Case(
            "FROM a:1\nCOPY docs/api.json /a\n",
            refused="`docs` would keep back what Dockerfile:2 needs: `COPY docs/api.json`",
            files={"docs/api.json": "", ".dockerignore": "a\n"},
            policy=_WANTED,
        ),
        Case(
            "FROM a:1\nCOPY . /a\nCOPY docs/api.json /a\n",
            refused="`docs` would keep back what Dockerfile:3 needs: `COPY docs/api.json`",
            files={"docs/api.json": "", ".env": "A=1\n"},
            policy=_WANTED,
        ),
        Case(
            "FROM a:1\nRUN --mount=type=bind,source=README.md,target=/r cat /r\n",
            refused="`**/*.md` would keep back what Dockerfile:2 needs: `RUN --mount=type=bind,source=README.md`",
            files={"README.md": "", ".dockerignore": "a\n"},
            policy=_WANTED,
        ),
        Case(
            "FROM a:1\nCOPY . /a\n",
            refused="`!docs` in `.dockerignore` brings back what `docs` would keep out",
            files={"docs/api.json": "", ".dockerignore": "*\n!docs\n**/__pycache__\n**/*.md\n"},
            policy=_WANTED,
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        patterns = usable(fleet.policy.exclude)
        ignore_files: dict[str, list[_User]] = {}
        for file in fleet.files if patterns else ():
            for context in file.contexts:
                if not context.ignore_problem:
                    path = context.ignore_path or context.tree_path(".dockerignore")
                    ignore_files.setdefault(path, []).append((file, context))
        for path, users in ignore_files.items():
            source = fleet.tree.read(path)
            if isinstance(source, Source):
                yield from self._lacking(source, users, patterns)
            else:
                yield from self._without(path, users, patterns)

    def _lacking(self, source: Source, users: Sequence[_User], patterns: Sequence[str]) -> Iterator[Finding]:
        lines = source.text.removeprefix("\ufeff").splitlines()
        lacking = [pattern for pattern in patterns if not is_listed(pattern, lines)]
        yield from self._refused(source.path, len(lines) or 1, lacking, users, lines)
        added = [pattern for pattern in lacking if _obstacle(pattern, users, lines, source.path) is None]
        if added:
            fix = Fix("add what the configuration wants", tuple(_edits(source, added)), *_promise(added, users))
            yield self._about(source.path, len(lines) or 1, added, users, fix)

    def _without(self, path: str, users: Sequence[_User], patterns: Sequence[str]) -> Iterator[Finding]:
        """A context that has no ignore file. Where others make one, it is theirs to make; what never goes in is told now."""
        first = users[0][0].path
        matching = [pattern for pattern in patterns if any(kept_back(pattern, *user) for user in users)]
        yield from self._refused(first, 1, matching, users, ())
        if any(hazards(file, context) for file, context in users):
            return
        added = [pattern for pattern in patterns if _obstacle(pattern, users, (), path) is None]
        if any(pattern in added for pattern in matching):
            text = "".join(f"{pattern}\n" for pattern in added)
            fix = Fix(f"make `{path}`", (), *_promise(added, users), (NewText(path, text),))
            yield self._about(first, 1, [each for each in matching if each in added], users, fix)

    def _refused(
        self, path: str, line: int, patterns: Sequence[str], users: Sequence[_User], lines: Sequence[str]
    ) -> Iterator[Finding]:
        for pattern in patterns:
            obstacle = _obstacle(pattern, users, lines, path)
            if obstacle is not None:
                yield self._about(path, line, [pattern], users, Refusal(obstacle))

    def _about(self, path: str, line: int, patterns: Sequence[str], users: Sequence[_User], outcome: Fix | Refusal) -> Finding:
        services = tuple(dict.fromkeys(name for file, _ in users for name in file.service_names))
        message = f"the configuration wants `{'`, `'.join(patterns)}` kept out of every context"
        return self.finding_at(path, line, message, services, outcome, " ".join(patterns))


def _obstacle(pattern: str, users: Sequence[_User], lines: Sequence[str], path: str) -> str | None:
    """What a pattern would take away from a build, None for nothing that is named."""
    for line in lines:
        if line.strip().startswith("!") and line.strip("! \t/") in {pattern, pattern.removeprefix("**/")}:
            return f"`{line.strip()}` in `{path}` brings back what `{pattern}` would keep out"
    for file, context in users:
        for need in needs(file, context):
            if keeps_back(pattern, need, context):
                where = f"{file.path}:{need.line}" if need.line else file.path
                return f"`{pattern}` would keep back what {where} needs: {need.said}"
    return None


def _edits(source: Source, patterns: Sequence[str]) -> Iterator[Edit]:
    """Where each pattern goes: the last one that matches wins, so it stands in front of a `!` that it would undo."""
    places: dict[int, list[str]] = {}
    for pattern in patterns:
        places.setdefault(_place(source, pattern), []).append(pattern)
    for offset, group in places.items():
        unended = offset == len(source.text) and source.text and not source.text.endswith("\n")
        text = "".join(f"{pattern}{source.newline}" for pattern in group)
        yield Edit.insert(offset, f"{source.newline}{text}" if unended else text)


def _place(source: Source, pattern: str) -> int:
    offset = 0
    for line in source.text.splitlines(keepends=True):
        if line.strip().startswith("!") and _undoes(pattern, line.strip()[1:].strip()):
            return offset
        offset += len(line)
    return offset


def _undoes(pattern: str, brought_back: str) -> bool:
    return IgnoreFile.of([pattern]).ignores(brought_back.lstrip("/"))


def _promise(patterns: Sequence[str], users: Sequence[_User]) -> tuple[Applicability, Effects]:
    images = tuple(dict.fromkeys(image for user in users for pattern in patterns for image in kept_back(pattern, *user)))
    return (Applicability.PROOF if images else Applicability.UNSAFE), Effects(removes=images, context=True)
