"""DF131 and DF133: the same files twice in one image."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet.context import BuildContext
from trimtab.fleet.copies import copied_files
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Copy, Stage
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

_TWICE = "which of the two COPYs is meant is not known from here"
_MANIFEST = re.compile(
    r"^(package(-lock)?\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-(lock|workspace)\.yaml|\.npmrc|\.yarnrc(\.yml)?|lerna\.json"
    r"|requirements[\w.-]*\.(txt|in)|constraints[\w.-]*\.txt|pyproject\.toml|poetry\.lock|uv\.lock|Pipfile(\.lock)?|setup\.(py|cfg)"
    r"|go\.(mod|sum|work)|Cargo\.(toml|lock)|pom\.xml|(settings|build)\.gradle(\.kts)?|gradle\.properties|mvnw|gradlew"
    r"|Gemfile(\.lock)?|[\w.-]+\.gemspec|composer\.(json|lock)|mix\.(exs|lock)|[\w.-]+\.(cs|fs|vb)proj|[\w.-]+\.sln|nuget\.config"
    r"|tsconfig[\w.-]*\.json|turbo\.json|nx\.json)$",
    re.IGNORECASE,
)
_FEW_FILES = 3
_SMALL = 100_000
"""Bytes. Below both limits it is the usual pair of manifests first and everything later."""


class CopiedTwice(DockerfileRule):
    """Tree that an image gets twice from the context.

    ## What it does
    Finds COPYs that bring files which an earlier COPY of the stage has brought already, to the same place or another one.
    Manifests that are copied ahead of the sources are too few and too small to count.

    ## Why it matters
    Each COPY is a layer, and the image holds the files once for each.

    ## Fix safety
    Not fixed: whether the service needs both places is not known from here.
    """

    code = "DF131"
    category = Category.SIZE
    severity = Severity.LOW
    since = "0.2"
    clean = [
        Case("FROM a:1\nCOPY r.txt /a/\nRUN pip install -r /a/r.txt\nCOPY . /a\n", files={"r.txt": "", "b": ""}),
        Case("FROM a:1 AS x\nCOPY src /a\nFROM a:1\nCOPY src /a\n", files={"src/1": "", "src/2": "", "src/3": ""}),
    ]
    flagged = [
        Case("FROM a:1\nCOPY src /a/src\nCOPY . /a\n", refused=_TWICE, files={"src/1": "", "src/2": "", "src/3": "", "r": ""}),
        Case("FROM a:1\nCOPY src /a\nCOPY src /b\n", refused=_TWICE, files={"src/1": "", "src/2": "", "src/3": ""}),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            if not facts.contexts or not facts.in_final_image(stage):
                continue
            context = facts.contexts[0]
            earlier: dict[str, Copy] = {}
            for copy in stage.copies:
                brought = {path for path in copied_files(copy, context).values() if not _is_manifest(path)}
                again = brought & set(earlier)
                if len(again) >= _FEW_FILES or _bytes(context, again) >= _SMALL:
                    first = earlier[min(again)]
                    message = (
                        f"{len(again)} files, {_bytes(context, again) / 1e6:.1f} MB, are copied by line"
                        f" {first.instruction.start_line} as well"
                    )
                    yield self.finding(facts, copy.instruction.arguments_span, message, Refusal(_TWICE))
                earlier.update({path: copy for path in brought if path not in earlier})


def _is_manifest(path: str) -> bool:
    """Files that are copied ahead of the sources on purpose, to install by them."""
    return bool(_MANIFEST.search(posixpath.basename(path)))


def _bytes(context: BuildContext, paths: set[str]) -> int:
    return sum(context.visible[path].size for path in paths if path in context.visible)


class DuplicateAcrossStages(DockerfileRule):
    """Files that come from the context and from another stage as well.

    ## What it does
    Finds stages that copy a folder from the context, and the same folder from a stage which has copied it from there.

    ## Why it matters
    The image holds the files twice, in two layers, and it takes a careful reader to tell which ones win.

    ## Fix safety
    Not fixed: the other stage may have changed the files.
    """

    code = "DF133"
    category = Category.SIZE
    severity = Severity.LOW
    since = "0.2"
    clean = [
        Case("FROM a:1 AS b\nCOPY src /s\nRUN make\nFROM a:1\nCOPY --from=b /out /out\nCOPY src /s\n", files={"src/1": ""}),
    ]
    flagged = [
        Case(
            "FROM a:1 AS b\nWORKDIR /s\nCOPY src /s\nRUN make\nFROM a:1\nCOPY --from=b /s /s\nCOPY src /s\n",
            refused=_TWICE,
            files={"src/1": "", "src/2": "", "src/3": ""},
        )
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            if not facts.contexts or not facts.in_final_image(stage):
                continue
            context = facts.contexts[0]
            own = {path for copy in stage.copies for path in copied_files(copy, context).values()}
            for copy in stage.copies:
                origin = facts.stage_named(copy.from_) if copy.from_ else None
                if origin is None:
                    continue
                again = own & _from_context(facts, origin, copy, context)
                if len(again) >= _FEW_FILES or _bytes(context, again) >= _SMALL:
                    message = f"{len(again)} files come from the context as well as from stage `{copy.from_}`"
                    yield self.finding(facts, copy.instruction.arguments_span, message, Refusal(_TWICE))


def _from_context(facts: Facts, origin: Stage, copy: Copy, context: BuildContext) -> set[str]:
    """Context paths of the files that a COPY takes out of a stage."""
    found: set[str] = set()
    for one in facts.lineage(origin):
        for each in one.copies:
            for place, path in copied_files(each, context).items():
                if any(place == source or place.startswith(source.rstrip("/") + "/") for source in copy.sources):
                    found.add(path)
    return found
