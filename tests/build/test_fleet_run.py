"""Runs of builds on a builder that only keeps count."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import pytest
from fake_builder import FakeBuilder, progress

from trimtab.build import Done, Graph, Outcome, RunResult, build_graph
from trimtab.build.bookkeeping import left_behind, row_of, still_built
from trimtab.build.run import FleetBuild
from trimtab.build.seen import Seen, look
from trimtab.build.settings import Settings
from trimtab.docker import Builder, ProgressReader
from trimtab.docker.machine import Memory
from trimtab.fleet import DiskTree, discover
from trimtab.history import FleetBuildRow, Ledger, Store, open_store

ENGINE = Builder("default", "docker")
NEEDS = {"a": "FROM debian\n", "b": "FROM a\n", "c": "FROM b\n", "d": "FROM debian\nCOPY x /x\n"}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.build.patience.PAUSES", (0, 0))


@dataclass
class Listener:
    told_: list[str] = field(default_factory=list[str])

    def started(self, name: str, builder: str) -> None: ...
    def moved(self, name: str, reader: ProgressReader) -> None: ...
    def ended(self, done: Done) -> None: ...
    def told(self, name: str, text: str) -> None:
        self.told_.append(f"{name}: {text}")


def fleet_of(root: Path, texts: Mapping[str, str]) -> Graph:
    lines = "".join(f"  {name}: {{build: {name}, image: {name}}}\n" for name in texts)
    (root / "compose.yaml").write_text("services:\n" + lines)
    for name, text in texts.items():
        (root / name).mkdir(exist_ok=True)
        (root / name / "Dockerfile").write_text(text)
        (root / name / "x").write_text("x")
    return build_graph(discover(DiskTree(root)), "x")


@dataclass
class Bench:
    """A fleet with a store; each call of `run` is one `trimtab build`."""

    root: Path
    store: Store
    number: int = 0
    listener: Listener = field(default_factory=Listener)

    @property
    def ledger(self) -> Ledger:
        return self.store.ledger

    def run(
        self, engine: FakeBuilder, texts: Mapping[str, str] = NEEDS, settings: Settings | None = None,
        skip: Mapping[str, str] | None = None, estimates: Mapping[str, float] | None = None,
    ) -> RunResult:  # fmt: skip
        graph = fleet_of(self.root, texts)
        self.number += 1
        run = f"run{self.number}"
        folder = self.root / ".trimtab" / "runs" / run
        folder.mkdir(parents=True)
        self.ledger.begin(FleetBuildRow(run, f"2026-01-01T00:00:{self.number:02}", None, 1, 1, None, "default", len(texts)))

        def keep(done: Done, seen: Seen | None) -> None:
            self.ledger.add(row_of(done, graph.targets[done.name], run, None), seen.data() if seen else None)

        build = FleetBuild(
            engine, self.root, graph, tuple(graph.targets), settings or Settings((ENGINE,)), self.listener, run, folder,
            self.ledger, skip or {}, estimates or {}, keep,
        )  # fmt: skip
        result = anyio.run(build.run)
        outcome = "failed" if result.failed else "done"
        self.ledger.end(run, seconds=1, busy=1, bound=1, peak_memory=None, outcome=outcome)
        return result


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, open_store(tmp_path))


def outcomes(result: RunResult) -> dict[str, str]:
    return {each.name: str(each.outcome) for each in result.done}


def test_the_longest_chain_first_and_providers_before_consumers(bench: Bench) -> None:
    engine = FakeBuilder()
    result = bench.run(engine, estimates={"a": 1, "b": 1, "c": 1, "d": 2})
    assert engine.order == ["a", "b", "d", "c"]
    assert set(outcomes(result).values()) == {"built"}
    assert engine.most == 1


def test_as_many_at_once_as_asked(bench: Bench) -> None:
    engine = FakeBuilder()
    bench.run(engine, dict.fromkeys("abcdef", "FROM debian\n"), Settings((ENGINE,), jobs=3))
    assert engine.most == 3


def test_a_consumer_gets_the_image_by_name(bench: Bench) -> None:
    engine = FakeBuilder()
    bench.run(engine)
    (call,) = [c.argv for c in engine.commands if "--tag" in c.argv and c.argv[c.argv.index("--tag") + 1] == "b"]
    assert "a=docker-image://a" in call


def test_one_failure_blocks_only_what_is_built_from_it(bench: Bench) -> None:
    engine = FakeBuilder(says=lambda tag, _: "ERROR: exit code: 1" if tag == "a" else "")
    result = bench.run(engine)
    assert outcomes(result) == {"a": "failed", "b": "blocked", "c": "blocked", "d": "built"}
    assert engine.builds("a") == 1
    rows = {row.target: row for row in bench.ledger.builds(run="run1")}
    assert rows["a"].reason == "exit code: 1"
    assert rows["b"].reason == "`a`, which it is built from, was not built"
    assert (bench.root / ".trimtab/runs/run1/a/build.log").read_text().strip() == "ERROR: exit code: 1"


def test_fail_fast_ends_the_rest(bench: Bench) -> None:
    texts = {"a": "FROM debian\n", "z": "FROM debian\n", "y": "FROM debian\n"}
    engine = FakeBuilder(says=lambda tag, _: "ERROR: exit code: 1" if tag == "a" else "")
    engine.hold["z"] = anyio.Event()
    result = bench.run(engine, texts, Settings((ENGINE,), jobs=2, fail_fast=True), estimates={"a": 9, "z": 8, "y": 1})
    assert outcomes(result) == {"a": "failed", "z": "cancelled", "y": "cancelled"}
    assert engine.killed == ["z"]


@pytest.mark.parametrize(
    ("words", "attempts", "outcome"),
    [
        ("ERROR: dial tcp: lookup registry.example.com: no such host", 2, "built"),
        ("ERROR: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", 2, "built"),
        ("ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF", 2, "built"),
        ("ERROR: unexpected status from PUT request to https://r/v2/: 503 Service Unavailable", 2, "built"),
        ("ERROR: process did not complete successfully: exit code: 2", 1, "failed"),
        ("ERROR: write /x: no space left on device", 1, "failed"),
    ],
)
def test_only_what_passes_is_tried_again(bench: Bench, words: str, attempts: int, outcome: str) -> None:
    engine = FakeBuilder(says=lambda _, attempt: words if attempt == 1 else "")
    result = bench.run(engine, {"a": "FROM debian\n"})
    assert (engine.builds("a"), outcomes(result)["a"]) == (attempts, outcome)
    assert result.done[0].attempts == attempts


def test_what_never_passes_fails_after_three_attempts_and_says_so(bench: Bench) -> None:
    engine = FakeBuilder(says=lambda _tag, _attempt: "ERROR: dial tcp: i/o timeout")
    result = bench.run(engine, {"a": "FROM debian\n"})
    assert outcomes(result) == {"a": "failed"}
    assert engine.builds("a") == 3
    assert len(bench.listener.told_) == 2
    once = bench.run(
        FakeBuilder(says=lambda _tag, _attempt: "ERROR: i/o timeout"),
        {"a": "FROM debian\n"},
        Settings((ENGINE,), retries=False),
    )
    assert once.done[0].attempts == 1


def test_a_full_disk_ends_the_run_instead_of_failing_everything(bench: Bench) -> None:
    engine = FakeBuilder(says=lambda tag, _: "ERROR: no space left on device" if tag == "a" else "")
    result = bench.run(engine, {"a": "FROM debian\n", "b": "FROM debian\n"}, estimates={"a": 2, "b": 1})
    assert outcomes(result) == {"a": "failed", "b": "cancelled"}
    assert engine.order == ["a"]


def test_a_disk_that_is_nearly_full_begins_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.build.run.LEAST_FREE", 10**18)
    engine = FakeBuilder()
    result = bench.run(engine)
    assert engine.order == []
    assert "GB are free below" in result.done[0].reason


def test_a_machine_without_memory_builds_one_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.build.run.memory", lambda: Memory(100, 5))
    engine = FakeBuilder()
    texts = dict.fromkeys("abc", "FROM debian\n")
    bench.run(engine, texts, Settings((ENGINE,), jobs=3, engine_folder=bench.root))
    assert (engine.most, len(engine.order)) == (1, 3)


def test_what_is_as_it_was_is_asked_about_in_one_call(bench: Bench) -> None:
    bench.run(FakeBuilder())
    engine = FakeBuilder()
    result = bench.run(engine)
    assert (engine.order, engine.together) == ([], [["a", "b", "c", "d"]])
    assert set(outcomes(result).values()) == {"built"}
    assert result.hit_rate == 1.0
    assert {row.outcome for row in bench.ledger.builds(run="run2")} == {"built"}
    changed = FakeBuilder()
    bench.run(changed, {**NEEDS, "b": "FROM a\nUSER 1\n"})
    assert (changed.together, changed.order) == ([["a", "d"]], ["b", "c"])


def test_a_call_for_all_that_fails_settles_nothing(bench: Bench) -> None:
    bench.run(FakeBuilder())
    engine = FakeBuilder(bake_fails=True)
    result = bench.run(engine)
    assert sorted(engine.order) == ["a", "b", "c", "d"]
    assert set(outcomes(result).values()) == {"built"}


@pytest.mark.parametrize("settings", [Settings((ENGINE,), push=True), Settings((ENGINE,), no_cache=True)])
def test_what_needs_more_than_an_image_in_the_engine_has_calls_of_its_own(bench: Bench, settings: Settings) -> None:
    bench.run(FakeBuilder())
    engine = FakeBuilder()
    bench.run(engine, settings=settings)
    assert engine.together == []


def test_several_builders_share_the_targets_and_links_stay_together(bench: Bench) -> None:
    engine = FakeBuilder()
    two = tuple(Builder(name, "docker-container", chosen=True) for name in ("one", "two"))
    texts = {"a": "FROM debian\n", "b": "FROM a\n", "c": "FROM debian\n", "d": "FROM c\n"}
    result = bench.run(engine, texts, Settings(two))
    used = {each.name: each.builder for each in result.done}
    assert used["a"] == used["b"] != used["c"] == used["d"]
    calls = {c.argv[c.argv.index("--tag") + 1]: c.argv for c in engine.commands if "--tag" in c.argv}
    assert any(word.startswith("type=oci,tar=false,dest=") for word in calls["a"])
    assert any(word.startswith("a=oci-layout://") and word.endswith("@sha256:a") for word in calls["b"])
    assert calls["a"][calls["a"].index("--builder") + 1] == used["a"]


def test_a_circle_is_blocked(bench: Bench) -> None:
    result = bench.run(FakeBuilder(), {"a": "FROM b\n", "b": "FROM a\n", "c": "FROM debian\n"})
    assert outcomes(result) == {"a": "blocked", "b": "blocked", "c": "built"}
    assert result.failed


def test_an_interrupt_ends_builds_and_everything_is_written_down(bench: Bench) -> None:
    engine = FakeBuilder()
    engine.hold["a"] = anyio.Event()
    graph = fleet_of(bench.root, NEEDS)
    ended: list[Done] = []
    folder = bench.root / "r"
    folder.mkdir()
    build = FleetBuild(
        engine, bench.root, graph, tuple(graph.targets), Settings((ENGINE,)), Listener(), "r", folder,
        keep=lambda done, _: ended.append(done), estimates={"a": 99.0},
    )  # fmt: skip

    async def interrupted() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(build.run)
            while "a" not in engine.running:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

    anyio.run(interrupted)
    assert engine.killed == ["a"]
    assert {each.name: each.outcome for each in ended} == dict.fromkeys("abcd", Outcome.CANCELLED)
    assert build.partial().interrupted


def test_the_ledger_explains_misses_and_knows_what_the_cache_saved(bench: Bench) -> None:
    texts = {"d": "FROM debian\nARG V\nCOPY x /x\nRUN make\n"}
    copied = [("[1/3] FROM debian", False), ("[2/3] COPY x /x", False), ("[3/3] RUN make", False)]
    cached = [("[1/3] FROM debian", False), ("[2/3] COPY x /x", True), ("[3/3] RUN make", True)]
    steps = progress(*copied)
    engine = FakeBuilder(steps=lambda _: steps)
    assert bench.run(engine, texts).done[0].cause == "no earlier build of it is recorded here"
    steps = progress(*cached)
    second = bench.run(engine, texts)
    assert (second.done[0].cause, second.done[0].saved) == ("", 2.0)
    assert (second.hit_rate, second.hit_rate_by_time) == (1.0, 1.0)
    steps = progress(*copied)
    assert "pruned" in bench.run(engine, texts).done[0].cause
    changed = {"d": texts["d"] + "USER 1\n"}
    assert bench.run(engine, changed).done[0].cause == "the Dockerfile changed"


def test_changed_files_are_counted_in_the_cause(bench: Bench) -> None:
    texts = {"d": "FROM debian\nCOPY . /x\n"}
    steps = progress(("[1/2] FROM debian", False), ("[2/2] COPY . /x", False))
    bench.run(FakeBuilder(steps=lambda _: steps), texts)
    (bench.root / "d" / "new.py").write_text("1")
    (bench.root / "d" / "x").write_text("other")
    done = anyio.run(partial(_again, bench, steps)).done[0]
    assert done.cause == "COPY .: 2 files (new.py, x) changed"


def test_our_own_folder_in_a_named_context_is_the_cause(bench: Bench) -> None:
    """No ignore file beside a Dockerfile says anything of such a context."""
    steps = progress(("[1/2] FROM debian", False), ("[2/2] COPY --from=root . /x", False))
    bench.run(FakeBuilder(steps=lambda _: steps), {"d": "FROM debian\nCOPY --from=root . /x\n"})
    compose = bench.root / "compose.yaml"
    compose.write_text("services:\n  d: {build: {context: d, additional_contexts: {root: .}}, image: d}\n")
    graph = build_graph(discover(DiskTree(bench.root)), "x")
    bench.ledger.add(
        row_of(Done("d", Outcome.BUILT), graph.targets["d"], "run1", None),
        look(bench.root, graph.targets["d"], {}, "default", None).data(),
    )
    cause = anyio.run(partial(_again, bench, steps, "twice")).done[0].cause
    assert cause == "its context `root` brings `.trimtab`, which every run changes: name it in the `.dockerignore` there"


async def _again(bench: Bench, steps: list[str], run: str = "again") -> RunResult:
    graph = build_graph(discover(DiskTree(bench.root)), "x")
    folder = bench.root / ".trimtab" / run
    folder.mkdir()
    return await FleetBuild(
        FakeBuilder(steps=lambda _: steps), bench.root, graph, tuple(graph.targets), Settings((ENGINE,)), Listener(), "r",
        folder, bench.ledger,
    ).run()  # fmt: skip


def test_resuming_leaves_out_what_is_built_and_still_the_same(bench: Bench) -> None:
    engine = FakeBuilder(says=lambda tag, _: "ERROR: exit code: 1" if tag == "d" else "")
    bench.run(engine)

    def left(texts: Mapping[str, str] = NEEDS) -> set[str]:
        graph = fleet_of(bench.root, texts)
        return set(anyio.run(still_built, engine, bench.root, graph, bench.ledger))

    assert left() == {"a", "b", "c"}
    assert left({**NEEDS, "a": "FROM debian:12\n"}) == set()
    assert left({**NEEDS, "c": "FROM b\nUSER 1\n"}) == {"a", "b"}
    engine.images.discard("b")
    assert left() == {"a"}
    # A run that resumed the first counts with it, and one that ended well ends the search.
    engine.images.add("b")
    bench.run(FakeBuilder(says=lambda _tag, _attempt: "ERROR: exit code: 1"), skip=dict.fromkeys("abc", "resumed"))
    assert left() == {"a", "b", "c"}


def test_resuming_builds_what_reads_more_than_the_fleet_has(bench: Bench) -> None:
    texts = {"a": "FROM debian\n", "d": "FROM debian\nADD https://example.com/x /x\n"}
    engine = FakeBuilder()
    bench.run(engine, texts)
    assert set(anyio.run(still_built, engine, bench.root, fleet_of(bench.root, texts), bench.ledger)) == {"a"}


def test_images_that_the_files_have_left_behind_are_known(bench: Bench) -> None:
    """With what is built from them; the build before says what each was made from."""
    bench.run(FakeBuilder())

    def behind(texts: Mapping[str, str] = NEEDS) -> set[str]:
        found = left_behind(bench.root, fleet_of(bench.root, texts), bench.ledger)
        assert all(image == bench.ledger.last(name, 1)[0].image for name, image in found.items())
        return set(found)

    assert behind() == set()
    assert behind({**NEEDS, "e": "FROM debian\n"}) == set(), "nobody knows what an image is made of that was never built"
    assert behind({**NEEDS, "c": "FROM b\nUSER 1\n"}) == {"c"}
    assert behind({**NEEDS, "a": "FROM debian:12\n"}) == {"a", "b", "c"}
    graph = fleet_of(bench.root, NEEDS)
    (bench.root / "a" / "x").write_text("nobody copies it")
    (bench.root / "d" / "x").write_text("other")
    assert set(left_behind(bench.root, graph, bench.ledger)) == {"d"}


def test_secrets_are_in_no_log_and_no_ledger(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2-from-env")
    (bench.root / "compose.yaml").write_text("")
    lines = (
        "services:\n  a:\n    image: a\n    build:\n      context: a\n      args: {API_TOKEN: hunter2-from-arg}\n"
        "      secrets: [t]\nsecrets: {t: {environment: DEPLOY_TOKEN}}\n"
    )
    (bench.root / "a").mkdir()
    (bench.root / "a" / "Dockerfile").write_text("FROM debian\nARG API_TOKEN\nRUN fetch $API_TOKEN\n")
    (bench.root / "compose.yaml").write_text(lines)
    said = progress(("[1/2] FROM debian", False), ("[2/2] RUN fetch hunter2-from-arg hunter2-from-env", False))
    engine = FakeBuilder(
        steps=lambda _: said, says=lambda _tag, _attempt: "ERROR: fetch hunter2-from-arg: denied hunter2-from-env"
    )
    graph = build_graph(discover(DiskTree(bench.root)), "x")
    folder = bench.root / ".trimtab" / "r"
    folder.mkdir()

    def keep(done: Done, seen: Seen | None) -> None:
        bench.ledger.add(row_of(done, graph.targets[done.name], "r", None), seen.data() if seen else None)

    result = anyio.run(
        FleetBuild(engine, bench.root, graph, ("a",), Settings((ENGINE,)), Listener(), "r", folder, bench.ledger, keep=keep).run
    )
    assert "***" in result.done[0].reason
    bench.store.close()
    kept = [path.read_bytes() for path in (bench.root / ".trimtab").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"hunter2" in content for content in kept)
    argv = [word for command in engine.commands for word in command.argv]
    assert not any("hunter2" in word for word in argv)


def test_our_own_folder_is_never_sent(bench: Bench) -> None:
    engine = FakeBuilder()
    (bench.root / "compose.yaml").write_text("services: {a: {build: ., image: a}}\n")
    (bench.root / "Dockerfile").write_text("FROM debian\nCOPY . .\n")
    (bench.root / ".dockerignore").write_text("*.tmp")
    graph = build_graph(discover(DiskTree(bench.root)), "x")
    folder = bench.root / ".trimtab" / "r"
    folder.mkdir()
    anyio.run(FleetBuild(engine, bench.root, graph, ("a",), Settings((ENGINE,)), Listener(), "r", folder).run)
    (call,) = [command.argv for command in engine.commands if "--tag" in command.argv]
    used = Path(call[call.index("--file") + 1])
    assert used.read_text() == "FROM debian\nCOPY . .\n"
    assert used.with_name("Dockerfile.dockerignore").read_text() == "*.tmp\n.trimtab\n"
