"""The run over a fleet, on an engine that only keeps count: what is kept, what is remembered, and what an end leaves behind."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from fake_engine import FakeEngine

from trimtab.build import Slots
from trimtab.docker import Command, Completed
from trimtab.errors import StateError
from trimtab.fleet import DiskTree, discover
from trimtab.rules import default_rules, find_rules
from trimtab.verify import Choice, Laboratory, Measures, Memory, Optimization, VerdictKind, optimize
from trimtab.verify.company import Shared

DOCKERFILE = 'FROM python:3.12-slim\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["a"]\n'
COMPOSE = """
services:
  a: &own
    build: ./a
    logging: {driver: local}
    security_opt: [no-new-privileges:true]
    cap_drop: [NET_RAW]
  b:
    <<: *own
    build: ./b
  c:
    <<: *own
    build: ./c
    volumes: ["data:/data"]
volumes: {data: {}}
"""


@dataclass
class Kept:
    """A store in memory."""

    proofs: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    def proof(self, key: str) -> tuple[str, str] | None:
        return self.proofs.get(key)

    def keep_proof(self, key: str, text: str) -> None:
        self.proofs[key] = (text, self.time)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("trimtab.verify.behave._SETTLE_SECONDS", 0)
    folder = tmp_path / "fleet"
    for name in "abc":
        (folder / name).mkdir(parents=True)
        (folder / name / "Dockerfile").write_text(DOCKERFILE)
        (folder / name / "requirements.txt").write_text("six\n")
        (folder / name / "a.py").write_text(f"# {name}\n")
    (folder / "compose.yaml").write_text(COMPOSE)
    return folder


def run(
    root: Path, engine: FakeEngine, store: Kept | None = None, choice: Choice | None = None, repeats: int = 1,
    scope: Callable[[anyio.CancelScope], None] = lambda _: None,
) -> Optimization | None:  # fmt: skip
    staging = root.parent / "staging"
    staging.mkdir(exist_ok=True)
    fleet = discover(DiskTree(root))

    async def optimized() -> Optimization | None:
        laboratory = Laboratory(engine, "r1", root, staging, Slots(2), fleet, lambda _path, _doing: None, Measures(repeats))
        with anyio.CancelScope() as cancelled:
            scope(cancelled)
            return await optimize(laboratory, choice or Choice(), Memory(store, "1"))
        return None

    result = anyio.run(optimized)
    assert engine.is_empty
    assert list(staging.iterdir()) == []
    return result


def texts(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def test_equal_images_are_accepted_and_nothing_is_written(root: Path) -> None:
    before = texts(root)
    result = run(root, FakeEngine())
    assert result is not None
    assert {each.verdict.kind for each in result.evidence} == {VerdictKind.ACCEPTED}
    assert set(result.proven) >= {"a/Dockerfile", "b/Dockerfile", "c/Dockerfile"}
    assert texts(root) == before


def test_an_end_at_any_command_leaves_nothing(root: Path) -> None:
    before = texts(root)
    counting = FakeEngine()
    run(root, counting, repeats=1)
    total = len(counting.commands)
    assert total > 100
    for number in [*range(1, 60), *range(60, total, 7)]:
        engine = FakeEngine()

        def stop(scope: anyio.CancelScope, engine: FakeEngine = engine, number: int = number) -> None:
            engine.before = lambda count: scope.cancel() if count == number else None

        assert run(root, engine, scope=stop) is None
        assert texts(root) == before


def test_what_is_proven_is_remembered_and_nothing_is_built_again(root: Path) -> None:
    store = Kept()
    first = run(root, FakeEngine(), store)
    again = FakeEngine()
    second = run(root, again, store)
    assert first is not None
    assert second is not None
    assert second.proven == first.proven
    assert all(each.remembered for each in second.evidence if each.path.endswith("/Dockerfile"))
    assert not any("build" in command for command in again.commands)
    (root / "a" / "a.py").write_text("# another\n")
    third = run(root, FakeEngine(), store)
    assert third is not None
    assert [each.path for each in third.evidence if each.path.endswith("/Dockerfile") and not each.remembered] == [
        "a/Dockerfile"
    ]


def test_old_proofs_and_unreadable_ones_are_not_believed(root: Path) -> None:
    store = Kept(time="2001-01-01T00:00:00+00:00")
    run(root, FakeEngine(), store)
    result = run(root, FakeEngine(), store)
    assert result is not None
    assert not any(each.remembered for each in result.evidence)
    store = Kept()
    run(root, FakeEngine(), store)
    store.proofs = {key: ("{}", when) for key, (_, when) in store.proofs.items()}
    result = run(root, FakeEngine(), store)
    assert result is not None
    assert not any(each.remembered for each in result.evidence)


def test_a_run_that_ended_early_is_taken_up_where_it_was(root: Path) -> None:
    store = Kept()
    engine = FakeEngine()
    seen: list[int] = []

    def stop(scope: anyio.CancelScope) -> None:
        def before(count: int) -> None:
            if store.proofs:
                seen.append(count)
                scope.cancel()

        engine.before = before

    assert run(root, engine, store, scope=stop) is None
    assert seen
    known = len(store.proofs)
    result = run(root, FakeEngine(), store)
    assert result is not None
    assert sum(bool(each.remembered) for each in result.evidence) == known


class Broken(FakeEngine):
    """An engine on which images with changes do not build."""

    def _answer(self, words: list[str]) -> bytes:
        if words[:2] == ["buildx", "build"] and words[words.index("--tag") + 1].endswith("candidate"):
            raise TimeoutError
        return super()._answer(words)


def test_an_engine_that_fails_is_no_rewrites_fault(root: Path) -> None:
    store = Kept()
    result = run(root, Broken(), store)
    assert result is not None
    assert {each.verdict.kind for each in result.evidence if each.path.endswith("/Dockerfile")} == {VerdictKind.INCONCLUSIVE}
    assert store.proofs == {}
    assert not any(path.endswith("/Dockerfile") for path in result.proven)


NO_HOST = "ERROR: failed to solve: lookup example.com: no such host"
FULL = "ERROR: failed to copy files: write /a: no space left on device"


def test_a_network_that_comes_back_changes_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.build.patience.PAUSES", (0, 0))
    tried: list[str] = []

    def failing(tag: str) -> str:
        tried.append(tag)
        return NO_HOST if tried.count(tag) <= 2 and tag.endswith("candidate") else ""

    result = run(root, FakeEngine(build_error=failing), repeats=0)
    assert result is not None
    assert {each.verdict.kind for each in result.evidence} == {VerdictKind.ACCEPTED}


@pytest.mark.parametrize(("words", "reason"), [(NO_HOST, "network"), (FULL, "the disk is full")])
def test_an_outage_is_no_rewrites_fault_and_nothing_is_learnt_from_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, words: str, reason: str
) -> None:
    monkeypatch.setattr("trimtab.build.patience.PAUSES", (0, 0))
    store = Kept()
    result = run(root, FakeEngine(build_error=lambda tag: words if tag.endswith("candidate") else ""), store)
    assert result is not None
    assert {each.verdict.kind for each in result.evidence} == {VerdictKind.INCONCLUSIVE}
    assert all(reason in each.verdict.reason for each in result.evidence)
    assert store.proofs == {}
    assert result.proven == {}


def test_what_gains_nothing_is_left_out(root: Path) -> None:
    everything = Choice(paths=["a/Dockerfile"], rules=[*default_rules(), *find_rules("DF135")])
    result = run(root, FakeEngine(), choice=everything, repeats=2)
    assert result is not None
    (evidence,) = result.evidence
    assert evidence.verdict.kind is VerdictKind.ACCEPTED
    assert "DF135" not in evidence.accepted
    assert "--link" not in (result.proven["a/Dockerfile"] or "")
    (trial,) = evidence.rejected
    assert trial.rules == ("DF135",)
    assert trial.verdict.reason.startswith("harmless, but no gain above the noise: ")


@pytest.mark.parametrize("repeats", [0, 1])
def test_what_has_to_gain_is_not_built_where_no_time_is_settled(root: Path, repeats: int) -> None:
    engine = FakeEngine()
    alone = run(root, engine, choice=Choice(paths=["a/Dockerfile"], rules=find_rules("DF135")), repeats=repeats)
    assert alone is not None
    assert alone.evidence[0].verdict.kind is VerdictKind.INCONCLUSIVE
    assert "settled by 2 measured pairs" in alone.evidence[0].verdict.reason
    assert alone.proven == {}
    tags = [argv[argv.index("--tag") + 1] for argv in engine.commands if "--tag" in argv]
    assert [tag.rpartition("-")[2] for tag in tags] == ["original"]


@pytest.mark.parametrize("number", [1, 2])
def test_an_outage_while_the_original_is_built_is_not_remembered(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("trimtab.build.patience.PAUSES", ())
    store = Kept()
    tried: list[str] = []

    def failing(tag: str) -> str:
        tried.append(tag)
        return FULL if tag.endswith("original") and tried.count(tag) >= number else ""

    result = run(root, FakeEngine(build_error=failing), store, choice=Choice(paths=["a/Dockerfile"]), repeats=1)
    assert result is not None
    (evidence,) = result.evidence
    assert evidence.verdict.kind is VerdictKind.INCONCLUSIVE
    assert "the disk is full" in evidence.verdict.reason
    assert store.proofs == {}


def test_a_candidate_that_does_not_build_is_rejected(root: Path) -> None:
    result = run(root, FakeEngine(build_error=lambda tag: "ERROR: exit code: 1" if tag.endswith("candidate") else ""))
    assert result is not None
    assert {each.verdict.kind for each in result.evidence} == {VerdictKind.REJECTED}
    assert all("it does not build: exit code: 1" in each.verdict.reason for each in result.evidence)


def test_nothing_is_built_on_a_nearly_full_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.verify.laboratory.LEAST_FREE", 1 << 60)
    store, engine = Kept(), FakeEngine()
    result = run(root, engine, store)
    assert result is not None
    assert {each.verdict.kind for each in result.evidence} == {VerdictKind.INCONCLUSIVE}
    assert all("GB are free" in each.verdict.reason for each in result.evidence if each.path.endswith("/Dockerfile"))
    assert not any("build" in command for command in engine.commands)
    assert store.proofs == {}


def test_room_is_waited_for_while_others_may_give_it_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five Dockerfiles of HomeIQ were given up for want of room that the images of two others took for a while."""
    for name in "de":
        shutil.copytree(root / "a", root / name)
    more = "".join(f"  {name}: {{<<: *own, build: ./{name}}}\n" for name in "de")
    (root / "compose.yaml").write_text(COMPOSE.replace("volumes: {data: {}}", f"{more}volumes: {{data: {{}}}}"))
    engine = FakeEngine()
    told: list[str | None] = []

    def shortage(folders: object, least: int) -> str | None:
        # The second that asks does so while the first has its images yet to build.
        told.append("only 0.1 GB are free" if len(told) == 1 else None)
        return told[-1]

    monkeypatch.setattr("trimtab.verify.laboratory.shortage", shortage)
    result = run(root, engine, choice=Choice(paths=[f"{name}/Dockerfile" for name in "abcde"]))
    assert result is not None
    assert {each.path: each.verdict.kind for each in result.evidence} == {
        f"{name}/Dockerfile": VerdictKind.ACCEPTED for name in "abcde"
    }
    assert (len(told), told.count(None)) == (6, 5), "the one that was told of it asked again"


def test_a_verdict_that_cannot_be_remembered_stands(root: Path) -> None:
    class Full(Kept):
        def keep_proof(self, key: str, text: str) -> None:
            raise StateError("disk is full")

    result = run(root, FakeEngine(), Full())
    assert result is not None
    assert {each.verdict.kind for each in result.evidence} == {VerdictKind.ACCEPTED}


def test_canaries_go_first_and_stop_the_rest(root: Path) -> None:
    result = run(root, Broken(), choice=Choice(canary=1))
    assert result is not None
    reasons = {each.path: each.verdict.reason for each in result.evidence}
    assert "the engine failed" in reasons["a/Dockerfile"]
    assert reasons["b/Dockerfile"] == "not tried: nothing was accepted of a/Dockerfile, whose changes are alike"
    fine = run(root, FakeEngine(), choice=Choice(canary=1))
    assert fine is not None
    assert {each.verdict.kind for each in fine.evidence} == {VerdictKind.ACCEPTED}


@dataclass
class Wobbly(FakeEngine):
    """An engine on which the rewritten image fails to start, in some rounds."""

    failing: tuple[int, ...] = ()
    rounds: int = 0

    def _answer(self, words: list[str]) -> bytes:
        answer = super()._answer(words)
        if words[:2] == ["buildx", "build"] and words[words.index("--tag") + 1].endswith("candidate"):
            return answer
        if words[:2] == ["image", "inspect"] and words[-1].endswith("candidate"):
            return answer.replace(b"sha256:1", b"sha256:2")
        if words[0] == "run" and "--rm" not in words and "sha256:2" in words:
            self.rounds += 1
            if self.rounds in self.failing:
                self.containers[answer.decode()] = False
        return answer


@pytest.mark.parametrize(
    ("failing", "kind"),
    [
        ((), VerdictKind.ACCEPTED),
        ((1,), VerdictKind.ACCEPTED),
        ((1, 2), VerdictKind.REJECTED),
        ((1, 3), VerdictKind.REJECTED),
    ],
)
def test_what_most_rounds_show_counts(root: Path, failing: tuple[int, ...], kind: VerdictKind) -> None:
    engine = Wobbly(failing=failing)
    result = run(root, engine, choice=Choice(paths=["a/Dockerfile"], unsafe=False))
    assert result is not None
    (evidence,) = result.evidence
    trial = evidence.trials[0]
    assert trial.verdict.kind is kind, (trial, engine.rounds)
    # What does not hold leaves its image nowhere while others are tried; what holds is looked at further.
    removed = [words[2] for words in engine.commands if words[:2] == ("docker", "rmi") and len(words) == 3]
    assert bool(removed) is (kind is VerdictKind.REJECTED)
    assert all(name.endswith("-candidate") for name in removed)


@dataclass
class Held(FakeEngine):
    """An engine whose builds wait to be let go."""

    gate: anyio.Event = field(default_factory=anyio.Event)

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        if "build" in command.argv:
            await self.gate.wait()
        return await super().run(command, on_line=on_line, timeout=timeout)


def test_a_neighbour_that_is_being_built_holds_nobody_up(root: Path) -> None:
    async def both() -> bool:
        engine = Held()
        fleet = discover(DiskTree(root))
        laboratory = Laboratory(engine, "r", root, root, Slots(2), fleet, lambda _path, _doing: None)
        shared = Shared(laboratory)
        built: list[str | None] = []
        before = True

        async def build() -> None:
            built.append(await shared.image_of(fleet.services[0]))

        async with anyio.create_task_group() as group:
            group.start_soon(build)
            with anyio.fail_after(10):
                await shared.base("debian")
            before = bool(built)
            engine.gate.set()
        return not before and bool(built)

    assert anyio.run(both)


def test_what_a_service_does_with_new_settings_is_remembered_service_by_service(root: Path) -> None:
    """The 37 services of HomeIQ's largest compose file, at two to three minutes each, were run anew after every interruption."""
    (root / "seed").mkdir()
    (root / "seed" / "a.sql").write_text("SELECT 1;\n")
    services = "".join(f"  {name}:\n    build: ./{name}\n    volumes: ['./seed:/seed:ro']\n" for name in "ab")
    (root / "compose.yaml").write_text(f"services:\n{services}")
    store, engine = Kept(), FakeEngine()
    choice = Choice(paths=["compose.yaml"])

    def started(engine: FakeEngine, store: Kept) -> int:
        result = run(root, engine, store, choice)
        assert result is not None
        (evidence,) = result.evidence
        assert evidence.verdict.kind is VerdictKind.ACCEPTED, evidence.verdict
        assert {name for name in "ab" if any(f"`{name}` behaves" in each.verdict.reason for each in evidence.trials)} == {*"ab"}
        return engine.started

    each = started(engine, store) // 2
    assert each > 0
    assert started(FakeEngine(), store) == 0
    # One whose sources have changed is run again, the other is not; with what both are given, both are.
    (root / "a" / "a.py").write_text("# another\n")
    assert started(FakeEngine(), store) == each
    (root / "seed" / "a.sql").write_text("SELECT 2;\n")
    assert started(FakeEngine(), store) == 2 * each

    # What only the compose file says, and what compose's own words for a service leave out, counts as well.
    (root / "compose.yaml").write_text(f"services:\n{services}    hostname: other\n")
    assert started(FakeEngine(), store) == each
    # What no container gets does not: trimtab's own notes change with every run.
    (root / "seed" / ".trimtab").mkdir()
    (root / "seed" / ".trimtab" / "history.db").write_text("1")
    assert started(FakeEngine(), store) == 0

    # What has been found stands when it cannot be kept.
    class Full(Kept):
        def keep_proof(self, key: str, text: str) -> None:
            raise StateError("disk is full")

    assert started(FakeEngine(), Full()) == 2 * each


@dataclass
class WithoutVolumes(FakeEngine):
    """An engine that can make no volume, and notes how many containers it ran at a time."""

    most: int = 0

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        self.most = max(self.most, sum(self.containers.values()))
        if command.argv[1:3] == ("volume", "create"):
            return Completed(command.argv, 1, b"", "no space left on device")
        return await super().run(command, on_line=on_line, timeout=timeout)


def test_services_of_a_compose_file_are_run_side_by_side_and_one_that_breaks_off_stops_no_other(root: Path) -> None:
    """A failure of the engine at one service of thirty used to throw away what was found of the others."""
    services = "".join(f"  {name}:\n    build: ./{name}\n" for name in "abc")
    (root / "compose.yaml").write_text(f"services:\n{services}    volumes: ['data:/data']\nvolumes: {{data: {{}}}}\n")
    engine = WithoutVolumes()
    result = run(root, engine, choice=Choice(paths=["compose.yaml"]))
    assert result is not None
    (evidence,) = result.evidence
    assert evidence.verdict.kind is VerdictKind.ACCEPTED
    kinds = {name: {each.verdict.kind for each in evidence.trials if f"`{name}`" in each.verdict.reason} for name in "abc"}
    assert kinds == {"a": {VerdictKind.ACCEPTED}, "b": {VerdictKind.ACCEPTED}, "c": {VerdictKind.INCONCLUSIVE}}
    assert "no space left on device" in " ".join(each.verdict.reason for each in evidence.trials)
    assert engine.most == 2, "as many as there are slots"
