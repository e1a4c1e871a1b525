"""From steps to a report: what is claimed is read from results, and no report is better than its worst step."""

from collections.abc import Iterable, Sequence

from trimtab.crew.model import Brief, Claim, Done, Left, Report, Role, Standing
from trimtab.crew.reading import Reading

_WORST = (Standing.DONE, Standing.UNCHANGED, Standing.UNKNOWN, Standing.FAILED)


class Claims:
    """Collects what one role says. A value that its result does not have is no claim."""

    def __init__(self, brief: Brief, role: Role) -> None:
        self._folder = brief.role_folder(role).name
        self.found: list[Claim] = []

    def add(
        self, done: Done, what: str, *path: str | int, unit: str = "", only: tuple[str, object] | None = None,
        counted: bool = False, earlier: Claim | None = None,
    ) -> Claim | None:  # fmt: skip
        """Claim what stands at a place of a step's result."""
        reading = Reading(path, only, counted)
        value = reading.of(done.data)
        if value is None:
            return None
        claim = Claim(what, value, unit, done.number, f"{self._folder}/{done.step.file}", reading, earlier)
        self.found.append(claim)
        return claim


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
        (*(Left(done.step.name, why) for done, why in _with_reasons(steps, optional)), *left), tuple(files),
        tuple(done.number for done in (*steps, *optional)), bool(broken) or (final is Standing.FAILED),
    )  # fmt: skip


def _with_reasons(steps: Sequence[Done], optional: Sequence[Done]) -> Iterable[tuple[Done, str]]:
    for done in (*steps, *optional):
        why = done.trouble or done.gap
        if why:
            yield done, why
