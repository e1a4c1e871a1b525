"""Running a role's steps: each is a child process of trimtab, noted in the ledger before it begins and after it has ended.

A child of its own, because a step that breaks or is killed then harms neither the role nor what it has done so far, and
because a step is exactly what somebody can type.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from trimtab.crew.model import Brief, Done, Role, Step
from trimtab.docker import Command, Runner
from trimtab.history.crew import CrewSteps

_SAID = 3
_OUR_BUG = 3


class Watcher:
    """Who is shown what a run does; this one shows nothing."""

    def done_before(self, role: Role, step: Step, number: int) -> None:
        """A step was done by an earlier attempt, in this row of the ledger."""

    def doing(self, role: Role, step: Step) -> AbstractContextManager[Callable[[str], None]]:
        """A step goes on for as long as the context lasts; what the command says is given to what the context yields."""
        return nullcontext(lambda _line: None)


class Work:
    """Does the steps of one run."""

    def __init__(self, runner: Runner, log: CrewSteps, brief: Brief, watcher: Watcher) -> None:
        self._runner, self._log, self._brief, self._watcher = runner, log, brief, watcher

    async def do(self, role: Role, step: Step, after: int = 0) -> Done:
        """Run a step, or take what an earlier attempt of the same run has left of the same command line.

        Only what was begun behind row `after` of the ledger is taken: a role that looks again has to see what is there now.
        """
        folder = self._brief.role_folder(role)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / step.file
        done = self._found(role, step, path, after)
        return done or await self._run(role, step, path)

    def _found(self, role: Role, step: Step, path: Path, after: int) -> Done | None:
        """What this run has already, where its result is still what it was."""
        for row in self._log.rows(self._brief.run):
            same = (row.role, row.step, row.command) == (role, step.name, step.line)
            if same and row.number > after and row.code in {0, 1} and row.digest == _digest(path):
                self._watcher.done_before(role, step, row.number)
                return Done(step, row.number, row.code, _data(path), "")
        return None

    async def _run(self, role: Role, step: Step, path: Path) -> Done:
        path.unlink(missing_ok=True)
        number = self._log.begin(self._brief.run, role, step.name, step.line, datetime.now(UTC).isoformat(timespec="seconds"))
        started = time.monotonic()
        lines: list[str] = []
        # No limit of its own: the steps that it is made of have theirs.
        command = Command(_argv(step, path), step.environment, seconds=None)
        with self._watcher.doing(role, step) as shown:

            def take(line: str) -> None:
                if line.strip():
                    lines.append(line.strip())
                    shown(line.strip())

            result = await self._runner.run(command, on_line=take)
        code = result.code if 0 <= result.code <= _OUR_BUG else _OUR_BUG
        found = path.is_file()
        self._log.end(
            self._brief.run, number, seconds=time.monotonic() - started, code=code,
            file=path.relative_to(self._brief.folder).as_posix() if found else None, digest=_digest(path),
        )  # fmt: skip
        return Done(step, number, code, _data(path), " ".join(lines[-_SAID:]))


def _argv(step: Step, path: Path) -> tuple[str, ...]:
    form = ("--format", step.format) if step.format else ()
    return (sys.executable, "-m", "trimtab", *step.words, *form, "--output", str(path), "--no-color")


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _data(path: Path) -> object | None:
    """What a file says: one JSON document, or the last of a line each, as a build prints its events and then its result."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    for part in (text, text.rstrip().rpartition("\n")[2]):
        try:
            return json.loads(part)
        except ValueError:
            continue
    return None
