"""The proof put to the test: rewrites that build and are wrong, and rewrites that are right, and what is said of each.

A case below `bench/ground_truth/` has two Dockerfiles, what the rewrite declares it may change, and a service. The
experiment is the one of `trimtab optimize`. `wrong` cases must all be rejected, `right` ones all be accepted.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
from pydantic import BaseModel, ConfigDict

from trimtab.build import Slots
from trimtab.docker import ProcessRunner
from trimtab.errors import TrimtabError
from trimtab.fleet import DiskTree, discover
from trimtab.rules import Effects
from trimtab.rules.base import ANOTHER_BASE
from trimtab.verify import Laboratory, Measures, VerdictKind, clean_up
from trimtab.verify.company import Shared
from trimtab.verify.experiment import Candidate, Experiment
from trimtab.verify.staged import Staged

CASES = Path(__file__).parent / "ground_truth"
WANTED = {"wrong": VerdictKind.REJECTED, "right": VerdictKind.ACCEPTED, "undecided": VerdictKind.INCONCLUSIVE}


class Declared(BaseModel):
    """What a case's rewrite says it may change; `another_base` stands for everything below the service's own files."""

    model_config = ConfigDict(extra="forbid")
    removes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    packages_removed: bool = False
    installs: bool = False
    stages: bool = False
    context: bool = False
    another_base: bool = False


@dataclass(frozen=True)
class Case:
    path: Path

    @property
    def kind(self) -> str:
        return self.path.parent.name

    @property
    def effects(self) -> Effects:
        declared = Declared.model_validate(
            tomllib.loads((self.path / "case.toml").read_text(encoding="utf-8")).get("effects", {})
        )
        own = Effects(**declared.model_dump(exclude={"another_base"}))
        return ANOTHER_BASE.joined(own) if declared.another_base else own


@dataclass(frozen=True)
class Outcome:
    case: Case
    verdict: VerdictKind
    reason: str

    @property
    def right(self) -> bool:
        return self.verdict is WANTED[self.case.kind]


def all_cases(names: Sequence[str] = ()) -> list[Case]:
    found = [Case(path.parent) for path in sorted(CASES.glob("*/*/case.toml"))]
    return [case for case in found if not names or any(name in case.path.name for name in names)]


async def judge(case: Case, folder: Path, number: int, slots: Slots, run: str) -> Outcome:
    """Put one case through the experiment."""
    root = folder / f"{case.kind}-{case.path.name}"
    shutil.copytree(case.path, root)
    shutil.copyfile(root / "before.Dockerfile", root / "Dockerfile")
    after = (root / "after.Dockerfile").read_text(encoding="utf-8")
    for name in ("before.Dockerfile", "after.Dockerfile", "case.toml"):
        (root / name).unlink()
    fleet = discover(DiskTree(root))
    laboratory = Laboratory(
        ProcessRunner(), run, root, folder / "staging", slots, fleet, lambda _path, _doing: None, Measures(0)
    )
    file = fleet.file("Dockerfile")
    assert file is not None
    staged = Staged(laboratory, file, file.builds[0], file.contexts[0], number)
    experiment = Experiment(staged, Shared(laboratory), file.dockerfile.source.text)
    try:
        verdict = await experiment.prepare()
        if verdict is None:
            verdict = (await experiment.try_out(Candidate(("XX000",), after, case.effects))).verdict
        return Outcome(case, verdict.kind, verdict.reason)
    except (TrimtabError, OSError) as error:
        return Outcome(case, VerdictKind.INCONCLUSIVE, f"could not be tried: {error}")
    finally:
        staged.workspace.remove()


async def judge_all(cases: Sequence[Case], jobs: int = 2, *, tell: bool = True) -> list[Outcome]:
    """Every case's outcome, in their order; nothing stays in the engine."""
    run = f"{secrets.token_hex(4)}-0"
    found: dict[Path, Outcome] = {}
    slots = Slots(jobs)
    limit = anyio.CapacityLimiter(jobs + 1)
    with tempfile.TemporaryDirectory(prefix="trimtab-") as name:

        async def one(number: int, case: Case) -> None:
            async with limit:
                outcome = await judge(case, Path(name), number, slots, run)
            found[case.path] = outcome
            if tell:
                mark = "ok   " if outcome.right else "WRONG"
                print(f"{mark} {case.kind} {case.path.name}: {outcome.verdict}: {outcome.reason[:160]}", flush=True)

        try:
            async with anyio.create_task_group() as group:
                for number, case in enumerate(cases):
                    group.start_soon(one, number, case)
        finally:
            with anyio.CancelScope(shield=True):
                await clean_up(ProcessRunner(), run)
    return [found[case.path] for case in cases]


def table(outcomes: Sequence[Outcome]) -> str:
    """The confusion table."""
    kinds = [VerdictKind.ACCEPTED, VerdictKind.REJECTED, VerdictKind.INCONCLUSIVE]
    lines = [f"{'':8}" + "".join(f"{kind!s:>14}" for kind in kinds)]
    for name in WANTED:
        counts = [sum(o.case.kind == name and o.verdict is kind for o in outcomes) for kind in kinds]
        lines.append(f"{name:8}" + "".join(f"{count:>14}" for count in counts))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only cases whose names contain one of these")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    started = time.monotonic()
    outcomes = anyio.run(judge_all, all_cases(arguments.names), arguments.jobs)
    print(f"\n{table(outcomes)}\n\n{len(outcomes)} cases in {time.monotonic() - started:.0f} s")
    return 0 if all(outcome.right for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
