"""From steps to a report: what is claimed is read from results, and no report is better than its worst step."""

from collections.abc import Iterable, Sequence

from trimtab.crew.model import Brief, Claim, Done, Left, Report, Role, Standing
from trimtab.crew.reading import Reading
from trimtab.fleet.plain import items, mapping

_WORST = (Standing.DONE, Standing.UNCHANGED, Standing.UNKNOWN, Standing.FAILED)


class Claims:
    """Collects what one role says. A value that its result does not have is no claim."""

    def __init__(self, brief: Brief, role: Role) -> None:
        self._folder = brief.role_folder(role).name
        self.found: list[Claim] = []

    def read(
        self, done: Done, what: str, *path: str | int, unit: str = "", only: tuple[str, object] | None = None,
        counted: bool = False, earlier: Claim | None = None,
    ) -> Claim | None:  # fmt: skip
        """What stands at a place of a step's result, without claiming it yet."""
        reading = Reading(path, only, counted)
        value = reading.of(done.data)
        if value is None:
            return None
        return Claim(what, value, unit, done.number, f"{self._folder}/{done.step.file}", reading, earlier)

    def add(
        self, done: Done, what: str, *path: str | int, unit: str = "", only: tuple[str, object] | None = None,
        counted: bool = False, earlier: Claim | None = None,
    ) -> Claim | None:  # fmt: skip
        """Claim what stands at a place of a step's result."""
        claim = self.read(done, what, *path, unit=unit, only=only, counted=counted, earlier=earlier)
        if claim is not None:
            self.found.append(claim)
        return claim


def claim_generated(claims: Claims, done: Done, left: list[Left]) -> bool:
    """What a step that generates files has written, and what of somebody's it has left alone; whether it has written one."""
    files = [mapping(each) for each in items(mapping(done.data).get("files"))]
    # A pipeline's files have blocks of their own, each with a fate.
    key = "fate" if any("fate" in each for each in files) else "outcome"
    written = False
    for fate in _WRITTEN:
        claim = claims.read(done, f"{done.step.name}: {fate} files", "files", only=(key, fate), counted=True)
        if claim is not None and claim.value:
            claims.found.append(claim)
            written = True
    how = f"`trimtab {done.step.words[0]} --force` puts its own in its place, which git can undo"
    for each in files:
        if each.get(key) == "left":
            left.append(Left(str(each.get("path")), str(each.get("reason") or "somebody has written it"), how))
    return written


_WRITTEN = ("new", "changed", "replaced", "removed")


def conclude(
    role: Role, said: str, steps: Sequence[Done], *, standing: Standing = Standing.DONE, claims: Iterable[Claim] = (),
    left: Iterable[Left] = (), files: Iterable[str] = (), optional: Sequence[Done] = (),
) -> Report:  # fmt: skip
    """The report of a role.

    Args:
        role: Who reports.
        said: One sentence, true if every step left a result.
        steps: What it rests on. One without a result makes the standing `not checked` at best, and replaces the sentence.
        standing: What the results themselves say.
        claims: Read from results.
        left: What is not done.
        files: What it wrote for people.
        optional: Steps that add to it: without a result, they are listed as left.
    """
    broken = [done for done in steps if done.trouble]
    worst = Standing.UNKNOWN if broken or any(done.gap for done in steps) else Standing.DONE
    final = max(standing, worst, key=_WORST.index)
    return Report(
        role, final, f"{len(broken)} of {len(steps)} steps could not run" if broken else said, tuple(claims),
        (*_unseen((*steps, *optional)), *left), tuple(files),
        tuple(done.number for done in (*steps, *optional)), bool(broken) or (final is Standing.FAILED),
    )  # fmt: skip


def _unseen(steps: Iterable[Done]) -> Iterable[Left]:
    """What steps could not look at, and why."""
    return (Left(done.step.name, why) for done in steps if (why := done.trouble or done.gap))
