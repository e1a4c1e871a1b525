"""Metrics: the format, what each says, and what none may say."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_text import Read, read_text

from trimtab.history import BuildRow, BuildTotal, ScanRow, ScoreRow
from trimtab.history.containers import Place
from trimtab.history.deployments import DeploymentRow
from trimtab.observe.exposition import Family, render
from trimtab.observe.metrics import FRESH, Known, families

NOW = 1_000_000.0
WHEN, THEN = "1970-01-12T00:00:00+00:00", 950_400.0
API = Place(
    "shop", "api", 1, "sha256:a", "c1", NOW - 10, "running", "unhealthy", 100, 200, 0.5, 1.25, 10, 4, 2, 3, 1, 5, 6, 7, 8
)


def told(known: Known) -> Mapping[str, Read]:
    return read_text(render(families(known, NOW)))


def test_nothing_known_is_no_metric() -> None:
    assert render(families(Known(), NOW)) == ""


def test_containers_are_told_with_their_counts() -> None:
    found = told(Known(places=[API, Place("shop", "web", 2, "sha256:b", "c2", NOW, "exited", "")]))
    api = {"service": "api", "number": "1", "project": "shop"}
    expected = {
        "memory_working_set_bytes": 100, "memory_limit_bytes": 200, "cpu_limit_cores": 0.5, "cpu_seconds_total": 1.25,
        "cpu_periods_total": 10, "cpu_throttled_periods_total": 4, "oom_kills_total": 2, "restarts_total": 3,
        "health_changes_total": 1, "network_receive_bytes_total": 5, "network_transmit_bytes_total": 6, "disk_read_bytes_total": 7,
        "disk_written_bytes_total": 8, "running": 1, "last_observed_timestamp_seconds": NOW - 10,
    }  # fmt: skip
    assert {name: found[f"trimtab_container_{name}"].value(**api) for name in expected} == expected
    health = found["trimtab_container_health_status"]
    assert {status: health.value(status=status, **api) for status in ("healthy", "unhealthy", "starting")} == {
        "healthy": 0, "unhealthy": 1, "starting": 0,
    }  # fmt: skip
    assert all(("service", "api") in key for key in health.values)
    assert found["trimtab_container_running"].value(service="web") == 0
    assert len(found["trimtab_container_memory_limit_bytes"].values) == 1


def test_of_what_was_not_seen_lately_only_counts_and_the_time_are_told() -> None:
    old = Place("shop", "api", 1, "sha256:a", "c1", NOW - FRESH - 1, "running", "healthy", 100, 200, ooms=2)
    found = told(Known(places=[old]))
    assert "trimtab_container_running" not in found
    assert "trimtab_container_memory_working_set_bytes" not in found
    assert found["trimtab_container_oom_kills_total"].value() == 2
    assert found["trimtab_container_last_observed_timestamp_seconds"].value() == NOW - FRESH - 1


def build(**more: object) -> BuildRow:
    given = {"run": "r", "target": "api", "services": "api", "builder": "b", "revision": None, "started": WHEN, "begins": 0.0,
             "seconds": 10.0, "worked": 9.0, "outcome": "built", "cacheable": 4, "cached": 3, "image_bytes": 1000, **more}  # fmt: skip
    return BuildRow(**given)  # pyright: ignore[reportArgumentType]


def test_builds_are_told_by_the_last_good_one_and_counted_by_outcome() -> None:
    rows = [build(outcome="failed", seconds=1.0), build(seconds=40.0), build(), build(), build()]
    totals = [BuildTotal("api", "built", 400, 1.0, 1, 1), BuildTotal("api", "failed", 1, 1.0, 0, 0)]
    found = told(Known(totals=totals, builds=rows))
    assert found["trimtab_builds_total"].value(outcome="built") == 400
    assert found["trimtab_builds_total"].value(outcome="failed") == 1
    assert found["trimtab_build_duration_seconds"].value(target="api") == 40
    assert found["trimtab_build_timestamp_seconds"].value() == THEN
    assert found["trimtab_build_cache_hit_ratio"].value() == 0.75
    assert found["trimtab_image_size_bytes"].value() == 1000
    assert found["trimtab_build_regression"].value() == 1
    assert told(Known(builds=rows[2:]))["trimtab_build_regression"].value() == 0


def deployment(revision: int, outcome: str | None, kind: str = "deploy") -> DeploymentRow:
    return DeploymentRow(
        str(revision), "shop", revision, kind, WHEN, 7.5 if outcome else None, None, 1, "ended", outcome, "", {}
    )


def test_deployments_are_told_by_how_the_last_one_ended() -> None:
    rows = [deployment(4, None), deployment(3, "rolled-back"), deployment(2, "done"), deployment(1, "done")]
    found = told(Known(deployments=rows))
    assert found["trimtab_deployments_total"].value(outcome="done") == 2
    outcome = found["trimtab_deployment_outcome"]
    assert {name: outcome.value(outcome=name) for name in ("done", "failed", "rolled-back", "abandoned")} == {
        "done": 0, "failed": 0, "rolled-back": 1, "abandoned": 0,
    }  # fmt: skip
    assert found["trimtab_deployment_revision"].value() == 3
    assert found["trimtab_deployment_duration_seconds"].value() == 7.5
    assert found["trimtab_deployment_unfinished_timestamp_seconds"].value() == THEN
    assert "trimtab_deployment_unfinished_timestamp_seconds" not in told(Known(deployments=rows[1:]))


def test_scans_scores_and_proofs() -> None:
    scan = ScanRow(
        "r2",
        "api",
        "image",
        "1970-01-12T00:00:00",
        None,
        "i",
        ("api",),
        ("vulns",),
        5,
        {"high": 2, "low": 1},
        1,
        3,
        WHEN,
        "done",
    )
    older = ScanRow("r1", "api", "image", WHEN, None, "i", ("api",), (), 5, {"high": 9}, 1, 0, None, "done")
    score = ScoreRow("r", WHEN, None, "", 71.5, {"security": 6.0})
    verdicts = {"a/Dockerfile": ("accepted", ""), "b/Dockerfile": ("accepted", ""), "c/Dockerfile": ("rejected", "")}
    found = told(Known(scans=[scan, older], scores=[score], verdicts=verdicts, answered=[scan]))
    assert found["trimtab_scan_vulnerabilities"].value(severity="high") == 2
    assert found["trimtab_scan_unchecked"].value(target="api") == 3
    assert found["trimtab_scan_timestamp_seconds"].value() == THEN
    assert found["trimtab_scan_vulnerabilities_timestamp_seconds"].value() == THEN
    assert found["trimtab_scan_advisories_timestamp_seconds"].value() == THEN
    assert found["trimtab_score"].value() == 71.5
    assert found["trimtab_category_score"].value(category="security") == 6
    assert found["trimtab_proof_files"].value(verdict="accepted") == 2


@pytest.mark.parametrize(("parts", "since"), [(("vulns", "compliance"), {"api": 0.0}), (("compliance",), {})])
def test_no_vulnerabilities_of_a_scan_without_advisories_are_no_metric(parts: tuple[str, ...], since: dict[str, float]) -> None:
    """They were told as none, and `CriticalVulnerabilities` was resolved by the first night without a network."""
    scan = ScanRow("r", "api", "image", WHEN, None, "i", ("api",), parts, 5, {"critical": 0}, 0, 3, None, "incomplete")
    name = "trimtab_scan_vulnerabilities_timestamp_seconds"
    (times,) = (each for each in families(Known(scans=[scan]), NOW) if each.name == name)
    assert {labels["target"]: value for labels, value in times.values} == since
    found = told(Known(scans=[scan]))
    assert "trimtab_scan_vulnerabilities" not in found
    assert "trimtab_scan_secrets" not in found
    assert found["trimtab_scan_unchecked"].value(target="api") == 3


@given(st.text(), st.text(), st.floats(allow_nan=False))
def test_any_text_in_a_label_and_any_value_comes_out_as_it_went_in(one: str, other: str, value: float) -> None:
    # The format is lines; other characters that Python splits lines at are read back whole by what splits at \n alone.
    text = render([Family("a", "gauge", "Told.", [({"x": one, "y": other}, value)])])
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    assert len(lines) == 1
    assert lines[0].startswith("a{")
    plain = "".join(character for character in one + other if not character.isspace() and character.isprintable())
    (sample,) = read_text(render([Family("a", "gauge", "Told.", [({"x": plain, "y": '\n\\"'}, value)])]))["a"].values.items()
    assert sample == (frozenset({("x", plain), ("y", '\n\\"')}), value)


def test_numbers_that_are_none() -> None:
    text = render(
        [
            Family(
                "a",
                "gauge",
                "b\\c\nd",
                [({"x": str(n)}, value) for n, value in enumerate([math.nan, math.inf, -math.inf, 2.5e20])],
            )
        ]
    )
    assert [line.split()[-1] for line in text.splitlines()[2:]] == ["NaN", "+Inf", "-Inf", "2.5e+20"]
    assert text.startswith("# HELP a b\\\\c\\nd\n")


@pytest.mark.parametrize(
    "family",
    [
        ("a-b", "gauge", []), ("a", "counter", []), ("a_total", "gauge", []), ("a", "gauge", [({"b-c": ""}, 1.0)]),
        ("a", "gauge", [({"__b": ""}, 1.0)]), ("a", "gauge", [({"b": "c"}, 1.0), ({"b": "c"}, 2.0)]),
    ],
)  # fmt: skip
def test_what_prometheus_would_refuse_is_never_made(family: tuple[str, str, list[tuple[dict[str, str], float]]]) -> None:
    with pytest.raises(ValueError, match=family[0]):
        Family(family[0], family[1], "Told.", family[2])  # pyright: ignore[reportArgumentType]
