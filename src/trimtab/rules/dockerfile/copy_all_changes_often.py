"""DF113."""

from collections.abc import Iterator

from trimtab.fleet import Outside
from trimtab.fleet.context import BuildContext
from trimtab.fleet.copies import copied_files
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Copy
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

_REFUSAL = "the order that the service needs is its authors'; copy the still part first, in a COPY of its own"
_STILL_BYTES = 5_000_000
"""A choice, not a measurement: what is smaller is seldom worth a line of its own."""
_OFTEN = 10
"""Commits among the last ones: what changed less often is not what rebuilds are for."""
_FILES = {"data/a": "", "src/b.py": ""}
_SIZES = {"data/a": 6_000_000}


class CopyAllChangesOften(DockerfileRule):
    """COPY of a tree in which a large still part lies beside a small busy one.

    ## What it does
    Looks up in git's last 500 commits how often the files of a COPY of a whole folder have changed, and compares the
    folders in it.

    ## Why it matters
    A layer is stored, pushed and pulled as a whole: with every edit of the busy part, the large part goes along.

    ## Fix safety
    Not fixed: where each part is needed first is not known from here.
    """

    code = "DF113"
    category = Category.CACHING
    severity = Severity.LOW
    since = "0.2"
    clean = [
        Case("FROM a:1\nCOPY . /a\n", files=_FILES, sizes=_SIZES),
        Case(
            "FROM a:1\nCOPY data /d\nCOPY src /a\n",
            files=_FILES,
            sizes=_SIZES,
            outside=Outside(changes={"src/b.py": 40}, commits=500),
        ),
    ]
    flagged = [
        Case(
            "FROM a:1\nCOPY . /a\n",
            refused=_REFUSAL,
            files=_FILES,
            sizes=_SIZES,
            outside=Outside(changes={"src/b.py": 40}, commits=500),
        )
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        outside = facts.fleet.outside
        if outside.changes is None or not facts.contexts:
            return
        context = facts.contexts[0]
        for stage in facts.stages:
            for copy in stage.copies if facts.in_final_image(stage) else ():
                parts = _parts(copy, context, outside)
                still = {name: size for name, (size, changes) in parts.items() if changes == 0 and size >= _STILL_BYTES}
                busy = {name: changes for name, (_, changes) in parts.items() if changes >= _OFTEN}
                if still and busy:
                    large, small = max(still, key=still.__getitem__), max(busy, key=busy.__getitem__)
                    message = (
                        f"`{large}` ({still[large] / 1e6:.0f} MB, in none of the last {outside.commits} commits) is copied with"
                        f" `{small}` (in {busy[small]} of them)"
                    )
                    yield self.finding(facts, copy.instruction.arguments_span, message, Refusal(_REFUSAL), large)


def _parts(copy: Copy, context: BuildContext, outside: Outside) -> dict[str, tuple[int, int]]:
    """The folders directly below what a COPY brings, with their bytes and how many commits touched their busiest file."""
    found: dict[str, tuple[int, int]] = {}
    changes = outside.changes or {}
    for place, path in copied_files(copy, context).items():
        inside = place.removeprefix(copy.destination).lstrip("/")
        name = inside.partition("/")[0]
        size, most = found.get(name, (0, 0))
        entry = context.visible.get(path)
        found[name] = (size + (entry.size if entry else 0), max(most, changes.get(context.tree_path(path), 0)))
    return found
