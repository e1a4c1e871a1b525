"""FL101, FL102 and FL103: one fleet, one base a role."""

from collections import Counter
from collections.abc import Iterator, Sequence

from trimtab.fleet import Fleet
from trimtab.fleet.bases import BaseUse, runtime_uses
from trimtab.rules.base import Case, Category, Finding, FleetRule, Refusal, Severity

_REFUSAL = "which one is wanted is yours to say: `standard` in the configuration, and DF004 then moves the others"
_MAJOR_ONLY = frozenset({"node", "eclipse-temurin", "openjdk"})
"""Runtimes whose release cycles are whole numbers."""


class _SeveralRule(FleetRule):
    """Groups the bases that images run on by runtime."""

    category = Category.MAINTAINABILITY
    since = "0.2"

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        groups: dict[str, list[BaseUse]] = {}
        for use in runtime_uses(fleet):
            if use.reference.runtime and use.reference.version:
                groups.setdefault(use.reference.runtime, []).append(use)
        for runtime, uses in groups.items():
            yield from self.judge(runtime, uses)

    def judge(self, runtime: str, uses: Sequence[BaseUse]) -> Iterator[Finding]:
        raise NotImplementedError

    def several(self, uses: Sequence[BaseUse], names: Sequence[str], message: str) -> Iterator[Finding]:
        """One finding, at the first file that is not with the majority."""
        counts = Counter(names)
        if len(counts) < 2:
            return
        most = counts.most_common(1)[0][0]
        first = next(use for use, name in zip(uses, names, strict=True) if name != most)
        listed = ", ".join(f"{number} on {name}" for name, number in counts.most_common())
        services = tuple(dict.fromkeys(name for use in uses for name in use.file.service_names))
        anchor = uses[0].reference.name
        yield self.finding_at(first.file.path, first.line, f"{message}: {listed}", services, Refusal(_REFUSAL), anchor)


def _cycle(use: BaseUse) -> str:
    length = 1 if use.reference.name in _MAJOR_ONLY else 2
    return ".".join(str(part) for part in use.reference.version[:length])


class SeveralBasesForOneRole(_SeveralRule):
    """One runtime on several variants of its base over the fleet.

    ## What it does
    Compares the bases that the fleet's images run on, runtime by runtime. Other versions are FL102's, other C libraries
    FL103's; this rule is about the rest: `slim` here, the full image there, another Debian elsewhere.

    ## Why it matters
    Images on one base share its layers: it is stored, pulled and patched once. Every further base is another one to keep
    safe.

    ## Fix safety
    Not fixed here: with a `standard` in the configuration, DF004 moves services to it.
    """

    code = "FL101"
    severity = Severity.LOW
    clean = [
        Case("FROM python:3.13-slim\n", files={"b/Dockerfile": "FROM python:3.13-slim\n", "c/Dockerfile": "FROM node:24\n"})
    ]
    flagged = [Case("FROM python:3.13-slim\n", refused=_REFUSAL, files={"b/Dockerfile": "FROM python:3.13\n"})]

    def judge(self, runtime: str, uses: Sequence[BaseUse]) -> Iterator[Finding]:
        kinds: dict[tuple[str, str | None], list[BaseUse]] = {}
        for use in uses:
            kinds.setdefault((_cycle(use), use.reference.libc), []).append(use)
        for alike in kinds.values():
            names = [f"`{use.reference.text.partition('@')[0]}`" for use in alike]
            yield from self.several(alike, names, f"images for {runtime} run on several bases")


class SeveralVersionsOfOneRuntime(_SeveralRule):
    """Several versions of one runtime over the fleet.

    ## What it does
    Compares the release cycles (Python's minor versions, Node's major ones) of the bases that images run on.

    ## Why it matters
    What works in one service need not in the next, wheels and lock files are resolved once for each version, and the
    oldest version decides when the whole fleet has to move.

    ## Fix safety
    Not fixed here: with a `standard` in the configuration, DF004 moves services to it.
    """

    code = "FL102"
    severity = Severity.LOW
    clean = [Case("FROM python:3.13.1-slim\n", files={"b/Dockerfile": "FROM python:3.13-slim\n"})]
    flagged = [Case("FROM python:3.13-slim\n", refused=_REFUSAL, files={"b/Dockerfile": "FROM python:3.12-slim\n"})]

    def judge(self, runtime: str, uses: Sequence[BaseUse]) -> Iterator[Finding]:
        yield from self.several(uses, [_cycle(use) for use in uses], f"images for {runtime} run several versions of it")


class MixedLibc(_SeveralRule):
    """One runtime on musl and on glibc.

    ## What it does
    Compares the C libraries of the bases that images of one runtime run on: Alpine has musl, the others glibc.

    ## Why it matters
    Compiled packages exist once for each; caches and wheels cannot be shared, and a bug may show on one of them alone.

    ## Fix safety
    Not fixed here: with a `standard` in the configuration, DF004 moves services to it, and refuses to move one to Alpine
    where a wheel is missing.
    """

    code = "FL103"
    severity = Severity.LOW
    clean = [
        Case("FROM python:3.13-slim\n", files={"b/Dockerfile": "FROM python:3.13\n", "c/Dockerfile": "FROM node:24-alpine\n"})
    ]
    flagged = [Case("FROM python:3.13-slim\n", refused=_REFUSAL, files={"b/Dockerfile": "FROM python:3.13-alpine\n"})]

    def judge(self, runtime: str, uses: Sequence[BaseUse]) -> Iterator[Finding]:
        known = [use for use in uses if use.reference.libc]
        yield from self.several(known, [str(use.reference.libc) for use in known], f"images for {runtime} have two C libraries")
