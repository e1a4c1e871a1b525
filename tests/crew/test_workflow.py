"""The order of the roles, what ends it, and what a second attempt does not do again."""

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from played import RESULTS, Stage, brief_of

from trimtab.crew.model import Brief, Done, Report, Role, Standing, Step
from trimtab.crew.render import index_markdown
from trimtab.crew.results import artefacts, report_of
from trimtab.crew.work import Watcher, Work
from trimtab.crew.workflow import ROLES, Ended, Kind, role_report, work_through
from trimtab.docker import ProcessRunner
from trimtab.fleet.plain import mapping
from trimtab.history import open_store
from trimtab.history.crew import CrewStep

ALL = "Optimize everything."


class Played(Work):
    """Steps that are played, not run."""

    def __init__(self, brief: Brief, codes: Mapping[str, int], silent: Iterable[str]) -> None:
        self.brief, self.codes, self.silent = brief, dict(codes), set(silent)
        self.asked: list[str] = []

    async def do(self, role: Role, step: Step, after: int = 0) -> Done:
        self.asked.append(f"{role}/{step.name}")
        codes = {step.name: self.codes[f"{role}/{step.name}"]} if f"{role}/{step.name}" in self.codes else {}
        silent = {step.name} if f"{role}/{step.name}" in self.silent else set[str]()
        return await Stage(self.brief, role, RESULTS, codes, silent).do(step)


def walked(
    kind: Kind, brief: Brief, codes: Mapping[str, int] | None = None, silent: Iterable[str] = (), until: Role | None = None
) -> tuple[Ended, list[str], list[Report]]:
    work, told = Played(brief, codes or {}, silent), list[Report]()

    async def go_on(role: Role) -> bool:
        return role is not until

    async def go() -> Ended:
        return await work_through(kind, brief, work, told.append, go_on)

    return anyio.run(go), work.asked, told


@pytest.mark.parametrize("kind", list(Kind))
def test_every_role_comes_to_its_turn(kind: Kind, tmp_path: Path) -> None:
    ended, _, told = walked(kind, brief_of(tmp_path, ALL))
    assert [each.role for each in ended.reports] == list(ROLES[kind]) == [each.role for each in told]
    assert ended.is_good
    assert not ended.could_not_run


def test_a_role_that_nothing_can_be_built_on_ends_it(tmp_path: Path) -> None:
    ended, _, _ = walked(Kind.FULL, brief_of(tmp_path, ALL), {"implementer/optimize": 2}, ["implementer/optimize"])
    assert ended.stopped_by is Role.IMPLEMENTER
    assert not ended.is_good
    assert ended.could_not_run
    assert ended.reports[-1].standing is Standing.UNKNOWN


@pytest.mark.parametrize("role", [Role.ARCHITECT, Role.OPS])
def test_one_that_only_advises_does_not_end_it_and_it_is_still_not_good(role: Role, tmp_path: Path) -> None:
    step = {Role.ARCHITECT: "networks", Role.OPS: "gate"}[role]
    ended, _, _ = walked(Kind.FULL, brief_of(tmp_path, ALL), {f"{role}/{step}": 3}, [f"{role}/{step}"])
    assert len(ended.reports) == len(Role)
    assert not ended.is_good


@pytest.mark.parametrize("code", [2, 3])
@pytest.mark.parametrize(("kind", "role"), [(kind, role) for kind in Kind for role in ROLES[kind]])
def test_no_workflow_is_good_in_which_a_role_failed(kind: Kind, role: Role, code: int, tmp_path: Path) -> None:
    _, asked, _ = walked(kind, brief_of(tmp_path, ALL))
    step = next(each for each in asked if each.startswith(f"{role}/"))
    again = tmp_path / "again"
    again.mkdir()
    ended, _, told = walked(kind, brief_of(again, ALL), {step: code}, [step])
    assert not ended.is_good
    assert ended.could_not_run
    failed = next(each for each in told if each.role is role)
    assert failed.standing is Standing.UNKNOWN
    assert "could not run" in failed.said
    if ended.stopped_by is None:
        assert len(told) == len(ROLES[kind])
    else:
        assert told[-1].role is ended.stopped_by is role


def test_the_user_may_stop_and_go_on(tmp_path: Path) -> None:
    brief = brief_of(tmp_path, ALL)
    ended, asked, _ = walked(Kind.RAPID, brief, until=Role.REVIEWER)
    assert ended.paused_before is Role.REVIEWER
    assert not ended.is_good
    assert asked[-1].startswith("implementer/")
    ended, asked, _ = walked(Kind.RAPID, brief)
    assert ended.is_good
    assert {each.partition("/")[0] for each in asked} == {"reviewer", "tester"}


def test_a_role_that_failed_works_again(tmp_path: Path) -> None:
    brief = brief_of(tmp_path, ALL)
    walked(Kind.RAPID, brief, {"planner/plan": 2}, ["planner/plan"])
    found = report_of(brief, Role.PLANNER)
    assert found is not None
    assert found.standing is Standing.UNKNOWN
    ended, asked, _ = walked(Kind.RAPID, brief)
    assert "planner/plan" in asked
    assert ended.is_good


def test_the_index_leads_to_every_report(tmp_path: Path) -> None:
    brief = brief_of(tmp_path, ALL)
    ended, _, _ = walked(Kind.FULL, brief)
    evidence = brief.folder.parent / "r2" / "evidence.html"
    evidence.parent.mkdir()
    evidence.write_text("what the proof saw")
    row = CrewStep("r1", 1, "analyst", "review", "review .", "2026-01-01", 0.5, 1, "1-analyst/review.json", "ab" * 32)
    files = {role: artefacts(brief, role) for role in Role}
    page = index_markdown("Workflow", [("asked <for>", "a | b [x](y)")], ended.reports, files, [row])
    linked = re.findall(r"\]\(([^)]+)\)", page.partition("| role |")[2])
    assert all((brief.folder / each).is_file() for each in linked)
    there = {path for path in brief.folder.rglob("*") if path.is_file()}
    assert {(brief.folder / each).resolve() for each in linked} == {*there, evidence}
    for role in Role:
        assert files[role][0] == f"{brief.role_folder(role).name}/report.md"
    assert "| 1 | analyst | `trimtab review .` | 1 | 0.5 | 1-analyst/review.json | abababababab |" in page
    assert "<for>" not in page
    assert "\\[x\\](y)" in page


def test_a_step_is_a_process_in_the_ledger_and_is_not_done_twice(tmp_path: Path) -> None:
    brief = brief_of(tmp_path)
    (brief.root / "Dockerfile").write_text("FROM scratch\nADD local.txt /\n")
    (brief.root / "local.txt").write_text("x")
    store = open_store(brief.root)
    step = Step("review", ("review", str(brief.root)))
    told: list[str] = []

    class Heard(Watcher):
        def done_before(self, role: Role, step: Step, number: int) -> None:
            told.append(f"{role} {step.name} {number}")

    def attempt() -> Done:
        work = Work(ProcessRunner(), store.crew, brief, Heard())
        return anyio.run(work.do, Role.ANALYST, step)

    first = attempt()
    assert first.trouble is None
    assert mapping(first.data).get("schema") == "trimtab.review/1"
    (row,) = store.crew.rows("r1")
    assert (row.role, row.step, row.command, row.code) == ("analyst", "review", f"review {brief.root}", first.code)
    assert row.seconds is not None
    assert row.file == "1-analyst/review.json"
    assert attempt().number == first.number
    assert told == ["analyst review 1"]
    (brief.folder / row.file).write_text("{}")
    again = attempt()
    assert again.number == first.number + 1
    assert again.data == first.data
    store.close()


def test_a_role_that_was_not_good_looks_again_at_what_is_there_now(tmp_path: Path) -> None:
    brief = brief_of(tmp_path)
    brief = replace(brief, tree=brief.root)
    dockerfile = brief.root / "Dockerfile"
    dockerfile.write_bytes(b"\xff\xfe\x00")
    store = open_store(brief.root)

    async def report() -> Report:
        return await role_report(Role.ANALYST, brief, Work(ProcessRunner(), store.crew, brief, Watcher()))

    first = anyio.run(report)
    assert first.standing is Standing.UNKNOWN
    dockerfile.write_text("FROM scratch\n")
    second = anyio.run(report)
    assert second.standing is Standing.DONE, second
    assert min(second.steps) > max(first.steps)
    store.close()


def test_a_command_that_is_none_is_trouble_with_its_reason(tmp_path: Path) -> None:
    brief = brief_of(tmp_path)
    store = open_store(brief.root)
    work = Work(ProcessRunner(), store.crew, brief, Watcher())
    done = anyio.run(work.do, Role.ANALYST, Step("review", ("review", str(tmp_path / "nowhere"))))
    assert done.code == 2
    assert "does not exist" in (done.trouble or "")
    assert sys.executable not in (done.trouble or "")
    assert [row.code for row in store.crew.rows("r1")] == [2]
    store.close()
