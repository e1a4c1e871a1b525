"""CX102 and CX108: files of the context that no image should get."""

from collections.abc import Iterator

from trimtab.fleet import BuildContext, Fleet, FleetFile, Unreadable
from trimtab.fleet.hazards import Hazard, hazards
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
from trimtab.syntax.ignore import IgnoreFile

_FILES = {"src/a.py": "", "src/.env": "DB_PASSWORD=horse\n", "README": "", ".git/HEAD": "", ".git/config": ""}
_NEEDED = "a COPY names one of the files, so something needs it"


def _contexts(fleet: Fleet) -> Iterator[tuple[FleetFile, BuildContext, list[Hazard]]]:
    for file in fleet.files:
        for context in file.contexts:
            if not context.ignore_problem:
                yield file, context, list(hazards(file, context))


def _listed(found: list[Hazard]) -> str:
    shown = [
        f"{hazard.kind.name} (`{hazard.paths[0]}`{f' and {len(hazard.paths) - 1} more' if len(hazard.paths) > 1 else ''})"
        for hazard in found
    ]
    return ", ".join(shown)


def _effects(found: list[Hazard]) -> Effects:
    images = tuple(dict.fromkeys(path for hazard in found for path in hazard.images))
    return Effects(removes=images, context=True)


def _patterns(found: list[Hazard]) -> list[str]:
    return list(dict.fromkeys(pattern for hazard in found for pattern in hazard.patterns))


def _names_a_needed_file(fleet: Fleet, context: BuildContext, patterns: list[str]) -> bool:
    """Whether the patterns would take away what a COPY of any Dockerfile in this context names."""
    ignore = IgnoreFile.of(patterns)
    for file in fleet.files:
        if any(other.root == context.root and other.ignore_path == context.ignore_path for other in file.contexts):
            sources = [
                source for stage in file.stages for copy in stage.copies if copy.from_ is None for source in copy.sources
            ]
            if any(ignore.ignores(source.strip("/")) for source in sources):
                return True
    return False


class MissingIgnoreFile(FleetRule):
    """Context without an ignore file that has things no image should get.

    ## What it does
    Finds builds whose COPYs bring the repository's history, credentials, virtual environments or installed modules from
    a context that has no ignore file. A context from which only single files and clean folders are copied needs none:
    BuildKit sends what is copied.

    ## Why it matters
    They are in the image, where everybody who can pull it can read them, and every commit changes `.git`, so nothing
    behind the COPY is ever cached.

    ## Fix safety
    Unsafe: an ignore file is made with patterns for what was found, and the image lacks those files. Refused where a COPY
    names one of them.

    ## References
    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    code = "CX102"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        Case(
            "FROM a:1\nCOPY src /src\nCOPY README /\n",
            files={"src/a.py": "", "README": "", ".env": "A_TOKEN=horse", ".git/HEAD": ""},
        ),
        Case("FROM a:1\nCOPY . /a\n", files={**_FILES, ".dockerignore": "**/.env\n.git\n"}),
        Case("FROM a:1\nCOPY . /a\n", files={"a.py": "", ".env.example": "", "node_modules/a": "", "tests/b.py": ""}),
    ]
    flagged = [
        Case(
            "FROM a:1\nCOPY . /a\n",
            files=_FILES,
            after_files={".dockerignore": "**/.git\n**/.hg\n**/.svn\nsrc/.env\n"},
        ),
        Case("FROM a:1\nCOPY . /a\nCOPY src/.env /b\n", refused=_NEEDED, files=_FILES),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        seen: set[str] = set()
        for file, context, found in _contexts(fleet):
            serious = [hazard for hazard in found if hazard.kind.serious]
            if context.ignore_path is not None or not serious or context.root in seen:
                continue
            seen.add(context.root)
            patterns = _patterns(serious)
            path = context.tree_path(".dockerignore")
            outcome: Fix | Refusal = Refusal(_NEEDED)
            if not _names_a_needed_file(fleet, context, patterns):
                text = "".join(f"{pattern}\n" for pattern in patterns)
                files = (NewText(path, text),)
                outcome = Fix(f"make `{path}`", (), Applicability.PROOF, _effects(serious), files)
            message = f"the context `{context.root or '.'}` has no ignore file, and the image gets {_listed(serious)}"
            yield self.finding_at(file.path, serious[0].line, message, file.service_names, outcome, context.root)


class UnwantedFilesCopied(FleetRule):
    """Files in an image that nothing in it uses.

    ## What it does
    Finds COPYs of whole folders that bring tests, backups, caches, coverage reports, editor settings, and whatever else
    the ignore file in effect should have kept back. Files that a COPY names are meant, and so are tests in a file that
    runs them.

    ## Why it matters
    They make the image larger, and each change to one of them runs everything behind the COPY again.

    ## Fix safety
    Unsafe: patterns for what was found are added to the ignore file, which is made where there is none, and the image
    lacks those files. Refused where a COPY names one of them.

    ## References
    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    code = "CX108"
    category = Category.SIZE
    severity = Severity.LOW
    since = "0.2"
    clean = [
        Case("FROM a:1\nCOPY src /src\nCOPY tests /tests\n", files={"src/a.py": "", "tests/b.py": ""}),
        Case("FROM a:1\nCOPY . /a\nRUN pytest\n", files={"a.py": "", "b.py": "", "tests/b.py": ""}),
        Case("FROM a:1 AS b\nCOPY . /a\nFROM a:1\nCOPY --from=b /a/dist /a\n", files={"a.py": "", "a.py.bak": "", "c": ""}),
    ]
    flagged = [
        Case(
            "FROM a:1\nCOPY . /a\n",
            files={"a.py": "", "a.py.bak": "", ".dockerignore": "**/x"},
            after_files={".dockerignore": "**/x\n**/*.bak\n**/*.orig\n**/*.old\n**/*.sw[po]\n**/*~\n"},
        ),
        Case(
            "FROM a:1\nCOPY src /a\n",
            files={"src/a.py": "", "src/__pycache__/a.pyc": ""},
            after_files={".dockerignore": "**/__pycache__\n**/*.py[co]\n**/.*_cache\n**/.tox\n"},
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        seen: set[tuple[str, str]] = set()
        for file, context, found in _contexts(fleet):
            path = context.ignore_path or context.tree_path(".dockerignore")
            serious = any(hazard.kind.serious for hazard in found)
            if not found or (context.ignore_path is None and serious):
                continue
            key = (path, _listed(found))
            if key in seen:
                continue
            seen.add(key)
            patterns = _patterns(found)
            outcome: Fix | Refusal = Refusal(_NEEDED)
            if not _names_a_needed_file(fleet, context, patterns):
                files = (NewText(path, _with(fleet, path, patterns)),)
                outcome = Fix(f"name them in `{path}`", (), Applicability.PROOF, _effects(found), files)
            message = f"the image gets {_listed(found)}"
            yield self.finding_at(file.path, found[0].line, message, file.service_names, outcome, context.root)


def _with(fleet: Fleet, path: str, patterns: list[str]) -> str:
    """The ignore file with patterns added behind what it has."""
    source = fleet.tree.read(path)
    text = "" if isinstance(source, Unreadable) else source.text
    newline = "\n" if isinstance(source, Unreadable) else source.newline
    known = {line.strip() for line in text.splitlines()}
    lead = newline if text and not text.endswith("\n") else ""
    return text + lead + "".join(f"{pattern}{newline}" for pattern in patterns if pattern not in known)
