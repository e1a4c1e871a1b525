"""The report's figures: what they are made from, where they say they come from, and what is said where nothing was measured."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from kept_fleet import NOW, RUNS, SCANS, at, fill, names_of, reviewed_files, write_files

from trimtab.fleet import MemoryTree, discover
from trimtab.gate.limits import GatePolicy, Limits
from trimtab.history import BuildRow, FleetBuildRow, ScanRow, open_store
from trimtab.history.deployments import DeploymentRow, ServiceRow
from trimtab.report.overview import Known, Overview, overview, read_known
from trimtab.report.overview.deployments import healthy, usage_part
from trimtab.report.overview.model import Change, Empty, Group, Metric, Sourced, Unit, Where
from trimtab.report.overview.page import report_page
from trimtab.report.overview.spans import halves
from trimtab.review import Review, review

COUNT = 12


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Review]:
    root = tmp_path_factory.mktemp("fleet")
    write_files(root, COUNT)
    return root, fill(root, COUNT)


@pytest.fixture(scope="module")
def known(fleet: tuple[Path, Review]) -> Known:
    store = open_store(fleet[0])
    try:
        return read_known(store, NOW)
    finally:
        store.close()


@pytest.fixture
def report(fleet: tuple[Path, Review], known: Known) -> Overview:
    return overview("fleet", "c0ffee", fleet[1], known, GatePolicy(), NOW)


def metric(report: Overview, key: str) -> Metric:
    return next(each for each in report.metrics if each.key == key)


def test_every_figure_has_a_source_and_every_gap_a_command(fleet: tuple[Path, Review], report: Overview) -> None:
    nothing = overview("fleet", None, fleet[1], Known(), GatePolicy(), NOW)
    for made in (report, nothing):
        assert {each.group for each in made.metrics} == set(Group)
        assert len({each.key for each in made.metrics}) == len(made.metrics)
        for each in made.metrics:
            assert each.how
            assert each.fill.startswith("trimtab ")
            assert each.value is None or (each.where is not None and each.where.at)
            assert each.value is not None or each.note
    assert [each.key for each in report.metrics if each.value is None] == []
    known_without_history = {each.key for each in nothing.metrics if each.value is not None}
    assert known_without_history == {"base_consistency", "score", "security_score"}
    parts = (
        nothing.optimised,
        nothing.builds,
        nothing.images,
        nothing.scanned,
        nothing.gates,
        nothing.deployments,
        nothing.usage,
    )
    assert all(isinstance(part, Empty) and part.fill.startswith("trimtab ") for part in parts)


def test_a_value_without_a_source_cannot_be_made() -> None:
    where = Where("trimtab build", at(0))
    with pytest.raises(ValueError, match="a value has a source"):
        Metric("x", Group.BUILD, "x", Unit.COUNT, "lower", "x", "trimtab build", 1.0)
    with pytest.raises(ValueError, match="a value has a source"):
        Metric("x", Group.BUILD, "x", Unit.COUNT, "lower", "x", "trimtab build", None, where)
    with pytest.raises(ValueError, match="has not changed"):
        Metric("x", Group.BUILD, "x", Unit.COUNT, "lower", "x", "trimtab build", change=Change(1, 2, where))
    with pytest.raises(ValueError, match="needs a command and a time"):
        Where("trimtab build", "")


def test_halves_of_the_last_rows() -> None:
    assert halves([], 10) == ([], [])
    assert halves([1], 10) == ([1], [])
    assert halves([3, 2, 1], 10) == ([3, 2], [1])
    assert halves(list(range(30)), 4) == ([0, 1], [2, 3])


def test_build_figures_hold_newer_builds_against_older_ones(report: Overview) -> None:
    time = metric(report, "build_time")
    # Of three builds two are the newer half: of each target the warm ones, 4 to 6 seconds, against a cold one of 20 to 26. The
    # fifth target has a failure in between, so its halves are one warm build and one cold one.
    assert time.value == pytest.approx(sum(4 + n % 3 for n in range(COUNT)) / COUNT)
    assert time.change is not None
    assert time.change.before == pytest.approx(sum(20 + n % 7 for n in range(COUNT)) / COUNT)
    assert time.change.after == pytest.approx(time.value or 0)
    assert (time.verdict, time.change.subjects) == ("better", "12 targets")
    assert time.where is not None
    assert time.where.ids == (RUNS[2], RUNS[1])
    assert time.change.where.ids == (RUNS[0],)
    hits = metric(report, "cache_hit_rate")
    assert (hits.value, hits.change and hits.change.before, hits.verdict) == (0.75, 0.0, "better")
    failed = metric(report, "build_failure_rate")
    assert failed.value == pytest.approx(1 / 24)
    assert (failed.verdict, failed.target and failed.target.met) == ("worse", False)


def test_a_change_of_the_same_builds_ends_at_the_figure_itself(fleet: tuple[Path, Review], known: Known) -> None:
    def uneven(target: str, row: BuildRow) -> BuildRow:
        return replace(row, cacheable=20, cached=1) if target == "auth" else replace(row, cacheable=2, cached=2)

    recent = {target: [uneven(target, row) for row in rows] for target, rows in known.recent.items()}
    made = overview("fleet", None, fleet[1], replace(known, recent=recent), GatePolicy(), NOW)
    for key in ("build_time", "cache_hit_rate", "build_failure_rate"):
        found = metric(made, key)
        assert found.change is not None
        assert found.change.subjects == "12 targets"
        assert found.change.after == pytest.approx(found.value or 0), key


def test_parallel_efficiency_is_of_the_last_run_of_several(report: Overview) -> None:
    begins = sum(4.0 + n % 3 for n in range(COUNT)) / 4
    found = metric(report, "parallel_efficiency")
    assert found.value == pytest.approx((begins + 2) / (begins + 8))
    assert found.where is not None
    assert found.where.ids == ("last-3",)


def test_image_figures(report: Overview) -> None:
    size = metric(report, "image_size")
    assert size.value == pytest.approx(sum(220 + n for n in range(COUNT)) / COUNT * 1e6)
    assert size.change is not None
    assert size.change.before == pytest.approx(sum(300 + n for n in range(COUNT)) / COUNT * 1e6)
    layers = metric(report, "image_layers")
    assert (layers.value, layers.change and layers.change.before, layers.verdict) == (7, 9, "better")
    accepted = [n for n in range(COUNT) if n % 8 != 7]
    saved = 1 - sum(150 + n for n in accepted) / sum(400 + n for n in accepted)
    reduction = metric(report, "image_reduction")
    assert reduction.value == pytest.approx(saved)
    assert reduction.where is not None
    assert (reduction.where.command, reduction.where.ids) == ("trimtab optimize", ("opt-1",))
    assert metric(report, "rebuild_reduction").value == pytest.approx(0.7)


def test_base_consistency_is_of_the_standard_where_there_is_one() -> None:
    files = {f"{n}/Dockerfile": f"FROM {base}\n" for n, base in enumerate(["python:3.12", "python:3.12", "python:3.11"])}
    tree = discover(MemoryTree(files))
    made = overview("x", None, review(tree), Known(), GatePolicy(), NOW)
    assert metric(made, "base_consistency").value == pytest.approx(2 / 3)
    policy = replace(tree.policy, standard={"python": ("python:3.11",)})
    made = overview("x", None, review(replace(tree, policy=policy)), Known(), GatePolicy(), NOW)
    assert metric(made, "base_consistency").value == pytest.approx(1 / 3)


def test_security_figures(report: Overview) -> None:
    critical = metric(report, "vulnerabilities_critical")
    assert (critical.value, critical.change and critical.change.before, critical.verdict) == (0, 1, "better")
    assert critical.target is not None
    assert (critical.target.text, critical.target.met) == ("none", True)
    assert critical.where is not None
    assert critical.where.ids == (SCANS[1],)
    high = metric(report, "vulnerabilities_high")
    assert (high.value, high.target) == (sum(n % 3 for n in range(COUNT)), None)
    score = metric(report, "score")
    assert score.change is not None
    assert score.change.after - score.change.before == pytest.approx(12)
    assert score.change.where.ids == ("gate-1",)
    met = metric(report, "compliance")
    assert met.value == pytest.approx(11 / 12)
    assert met.change is not None
    assert met.change.before == pytest.approx(8 / 12)
    age = metric(report, "scan_age")
    assert age.value == pytest.approx(50 / 24)
    assert metric(report, "scan_frequency").value == 2


def test_no_vulnerabilities_without_advisories_is_no_figure(fleet: tuple[Path, Review], known: Known) -> None:
    blind = replace(known, scans=[replace(row, as_of=None) for row in known.scans], scan_files=[("scan-2", {"sources": []})])
    made = overview("fleet", None, fleet[1], blind, GatePolicy(), NOW)
    assert metric(made, "vulnerabilities_critical").value is None
    assert metric(made, "scan_age").value is None
    assert all(each.vulnerabilities is None for each in made.services)
    assert isinstance(made.scanned, Sourced)
    assert all(counts is None for _, _, counts, _ in made.scanned.value.targets)


def test_what_could_not_be_looked_at_never_meets_a_target(fleet: tuple[Path, Review], known: Known) -> None:
    partly = replace(known, scans=[replace(row, unchecked=3) for row in known.scans])
    made = overview("fleet", None, fleet[1], partly, GatePolicy(Limits(max_critical=0, max_high=1)), NOW)
    critical, high = (metric(made, f"vulnerabilities_{level}") for level in ("critical", "high"))
    assert critical.target is not None
    assert critical.target.met is None
    assert "3 things could not be looked at" in critical.note
    assert high.target is not None
    assert high.target.met is False


def test_deployment_figures(report: Overview) -> None:
    time = metric(report, "deployment_time")
    # Of three deployments the newer two are one of 41 s and one that was rolled back; the older one took 60 s.
    assert (time.value, time.change and time.change.before) == (41, 60)
    assert (metric(report, "deployment_success_rate").value, metric(report, "rollback_rate").value) == (0.5, 0.5)
    assert metric(report, "health_pass_rate").value == pytest.approx(1 - 1 / (2 * COUNT))
    assert metric(report, "rollback_rate").note == "2 deployments; 1 rollback asked for"


def test_a_version_without_a_health_check_has_not_passed_one(fleet: tuple[Path, Review], known: Known) -> None:
    """That it ran on for five seconds was told as a health check that passed, and as the time until it was healthy."""
    (newest, *_) = (row for row in known.deployments if row.kind == "deploy" and row.outcome == "done")
    rows = [
        ServiceRow(newest.id, f"s{number}", "swap", "a", "b", "deployed", "", 6.0, 0.1, 5.4, passed)
        for number, passed in enumerate((None, None, True))
    ]
    some, none = (
        replace(known, deployments=[newest], services={newest.id: each}) for each in (rows, rows[:2])
    )  # fmt: skip
    told = [metric(overview("fleet", None, fleet[1], each, GatePolicy(), NOW), "health_pass_rate") for each in (some, none)]
    assert [(each.value, each.note) for each in told] == [
        (1, "1 deployment; 2 of which no check has said anything left out"), (None, "no new version had a health check"),
    ]  # fmt: skip
    assert healthy(some) == {("fleet", "s2"): 5.4, ("", "s2"): 5.4}


def test_limits_of_the_configuration_are_the_targets(fleet: tuple[Path, Review], known: Known) -> None:
    policy = GatePolicy(Limits(overall=99, build_seconds=5, max_high=1), scan_days=1)
    made = overview("fleet", None, fleet[1], known, policy, NOW)
    found = {each.key: each.target for each in made.metrics if each.target}
    assert {key: found[key].met for key in ("score", "build_time", "vulnerabilities_high", "scan_age")} == {
        "score": False, "build_time": False, "vulnerabilities_high": False, "scan_age": False,
    }  # fmt: skip
    assert found["build_time"].source == "gate: build-time"


def test_what_left_the_fleet_does_not_count(fleet: tuple[Path, Review], known: Known) -> None:
    gone = BuildRow("last-3", "gone", "gone", "default", None, at(1), 0, 9000, 9000, "built", image_bytes=9_000_000_000)
    scan = ScanRow(
        "scan-3", "fleet-gone", "image", at(1), None, "", ("gone",), ("vulns",), 1, {"critical": 9}, 0, 0, at(2), "findings"
    )
    more = replace(known, recent={**known.recent, "gone": [gone]}, scans=[scan, *known.scans])
    made = overview("fleet", None, fleet[1], more, GatePolicy(), NOW)
    assert metric(made, "build_time").note == "23 builds of 12 targets"
    assert metric(made, "vulnerabilities_critical").value == 0


def test_services_are_told_with_all_that_is_known_of_them(report: Overview) -> None:
    assert sorted(each.name for each in report.services) == sorted(names_of(COUNT))
    assert [each.score for each in report.services] == sorted(each.score for each in report.services)
    auth = next(each for each in report.services if each.name == "auth")
    assert (auth.path, auth.image_bytes, auth.outcome) == ("services/auth/Dockerfile", 222_000_000, "deployed")
    assert auth.build_seconds == (22, 6, 6)
    assert auth.vulnerabilities == {"critical": 0, "high": 2, "medium": 2, "low": 2}
    assert auth.memory == pytest.approx(0.56, abs=0.001)


def test_the_costs_of_all_rules_are_what_is_missing_to_the_score(report: Overview) -> None:
    part = report.review.value
    assert sum(each.points for each in part.costs) == pytest.approx(100 - part.overall)


def test_the_start_is_told_with_what_deployments_measured(report: Overview) -> None:
    assert isinstance(report.starts, Sourced)
    (start,) = report.starts.value
    assert start.start.critical_path[:2] == ("database", "auth")
    assert start.healthy["database"] == 10
    assert start.depends["auth"] == ("database",)


def test_what_does_not_start_is_not_in_the_drawing_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services:\n  api: {image: a, depends_on: [db]}\n  db: {image: b}\n  lone: {image: c}\n"
        "  job: {image: d, profiles: [now and then], depends_on: [db]}\n"
    )
    made = overview("few", None, reviewed_files(tmp_path), Known(), GatePolicy(), NOW)
    assert isinstance(made.starts, Sourced)
    (start,) = made.starts.value
    assert start.depends == {"api": ("db",), "db": (), "lone": ()}
    assert set(start.depends) == set(start.start.timings)


def test_gates_and_usage(report: Overview) -> None:
    assert isinstance(report.gates, Sourced)
    holds = [each.holds for each in report.gates.value]
    assert holds == sorted(holds)
    assert report.gates.where.ids == ("gate-2",)
    assert isinstance(report.usage, Sourced)
    assert report.usage.value[0].memory == max(each.memory or 0 for each in report.usage.value)
    killed = next(each for each in report.usage.value if each.service == "service-005")
    assert (killed.ooms, killed.seconds, killed.throttled) == (1, 120, 0.05)


def test_a_container_that_is_not_there_any_more_is_not_called_healthy(fleet: tuple[Path, Review], known: Known) -> None:
    auth = next(each for each in known.places if each.service == "auth")
    earlier = [replace(auth, seen=auth.seen - 86_400), *(each for each in known.places if each is not auth)]
    other = replace(auth, project="other", seen=auth.seen + 86_400)
    made = overview("fleet", None, fleet[1], replace(known, places=[*earlier, other]), GatePolicy(), NOW)
    assert isinstance(made.usage, Sourced)
    states = {each.service: each.state for each in made.usage.value}
    assert (states["auth"], states["database"]) == ("gone", "healthy")


def test_what_was_meant_to_end_has_ended_and_other_things_have_exited(known: Known) -> None:
    auth = next(each for each in known.places if each.service == "auth")
    exited = replace(auth, state="exited", health="")
    known = replace(known, places=[*(each for each in known.places if each is not auth), exited])
    for jobs, state in ((frozenset[tuple[str, str]](), "exited"), (frozenset({("", "auth")}), "ended")):
        made = usage_part(known, jobs)
        assert isinstance(made, Sourced)
        assert next(each.state for each in made.value if each.service == "auth") == state


def test_containers_of_several_projects_are_told_apart(fleet: tuple[Path, Review], known: Known) -> None:
    def page(totals: Known) -> str:
        return report_page(overview("fleet", None, fleet[1], totals, GatePolicy(), NOW))

    ((project, used),) = known.totals.items()
    assert f">{project}/auth<" not in page(known)
    both = page(replace(known, totals={project: used, "other": used}))
    assert all(f'<th scope="row">{name}/auth</th>' in both for name in (project, "other"))


def test_what_is_at_work_is_what_somebody_alive_has_begun(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    try:
        for run, pid in (("mine", os.getpid()), ("dead", 2**22 + 1)):
            store.ledger.begin(FleetBuildRow(run, at(0), None, pid, 2, None, "default", 7))
            store.deployments.begin(DeploymentRow(run, "shop", pid, "deploy", at(0), None, None, pid, "rolling", None, "", {}))
            store.begin(f"{run}-{pid}", "optimize")
            store.doing(f"{run}-{pid}", dict.fromkeys(("a", "b", "c", "d"), ("", "waiting")))
        store.ledger.add(BuildRow("mine", "web", "web", "default", None, at(0), 0, 1, 1, "built"))
        store.deployments.intend("mine", "web", "start", "forward", "")
        store.doing(
            f"mine-{os.getpid()}", {"a": ("accepted", ""), "b": ("", "comparing"), "c": ("accepted", "running once more")}
        )
        found = read_known(store, NOW).running
        store.end(f"mine-{os.getpid()}", "done")
        assert store.done_now(f"mine-{os.getpid()}") == {}
        assert len(store.done_now(f"dead-{2**22 + 1}")) == 4
        assert "proof" not in {each.kind for each in read_known(store, NOW).running}
        store.begin(f"new-{os.getpid()}", "optimize")
        assert [each.told for each in read_known(store, NOW).running if each.kind == "proof"] == ["nothing is planned yet"]
    finally:
        store.close()
    assert [(each.kind, each.done, each.of) for each in found] == [("build", 1, 7), ("proof", 2, 4), ("deployment", 0, 0)]
    assert found[1].told == "2 of 4 files decided: 2 accepted"
    assert found[1].now == ["b: comparing", "c: running once more"]
    assert found[2].told == f"revision {os.getpid()} of shop, rolling: start web"


def test_a_deployment_at_work_is_as_far_as_its_plan_says(tmp_path: Path) -> None:
    containers = [{"slot": {"service": name}} for name in ("api", "api", "db", "web")]
    swarm = [{"service": name} for name in ("api", "db", "web")]
    store = open_store(tmp_path)
    try:
        for key, moves in (("c", containers), ("s", swarm)):
            plan = {"schema": "trimtab.plan-of-deployment/1", "moves": moves}
            row = DeploymentRow(key, "shop", 1, "deploy", at(0), None, None, os.getpid(), "rolling", None, "", plan)
            store.deployments.begin(row)
        begun = read_known(store, NOW).running
        for key in ("c", "s"):
            store.deployments.service(ServiceRow(key, "db", "first", "", "sha256:1", "deployed"))
        later = read_known(store, NOW).running
    finally:
        store.close()
    assert [(each.done, each.of) for each in begun] == [(0, 3), (0, 3)]
    assert [(each.done, each.of) for each in later] == [(1, 3), (1, 3)]


def test_a_fleet_of_nothing_has_a_report(tmp_path: Path) -> None:
    made = overview("empty", None, reviewed_files(tmp_path), Known(), GatePolicy(), NOW)
    assert made.services == []
    assert isinstance(made.starts, Empty)
    assert metric(made, "base_consistency").value is None
    assert {each.key for each in made.metrics if each.value is not None} == set(), "nothing is not a hundred points"


def test_usage_is_added_up_where_it_is_kept(fleet: tuple[Path, Review]) -> None:
    store = open_store(fleet[0])
    try:
        totals = store.usage.totals("fleet", (NOW - timedelta(days=7)).timestamp())
        assert [each.service for each in totals] == sorted(names_of(COUNT))
        assert totals[0].cpu_mean == pytest.approx(0.1)
        assert store.usage.totals("fleet", NOW.timestamp()) == []
        assert store.usage.totals("other") == []
        assert [row.run for row in store.ledger.recent(2)["auth"]] == ["last-3", "edit-2"]
    finally:
        store.close()
