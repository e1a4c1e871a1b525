"""Alert files: what is in them, that they are about this fleet, and that nobody's work is written over."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_metrics import API, build, deployment

from trimtab.cli.alerts import alerts
from trimtab.deploy.written import State, mark, sealed, state_of
from trimtab.errors import UsageError
from trimtab.fleet import MemoryTree, discover
from trimtab.history import BuildTotal, ScanRow, ScoreRow
from trimtab.history.callers import Callers
from trimtab.history.containers import Place
from trimtab.history.deployments import DeploymentRow
from trimtab.observe.alert_files import COMPOSE, CONFIG, DASHBOARD, RULES, TESTS, alert_files, hands_on_mounts
from trimtab.observe.exposition import Family, render
from trimtab.observe.metrics import Known, families
from trimtab.observe.rules import Watched, quoted, rules_for
from trimtab.review import review
from trimtab.rules import Severity, default_rules

_NAMED = Watched("named", ("api",), jobs=("migrate", "seed.b"), built=("api", "w.b"), scanned=("source tree", "shop/api:1.0"))
WATCHED = Watched("shop", ("api", "db", "web"), frozenset({"db"}), scan_days=3, max_critical=0)
FILES = alert_files(WATCHED, mark("alerts"))
NAMES = {RULES, TESTS, CONFIG, COMPOSE, DASHBOARD}


def rules() -> Mapping[str, list[dict[str, Any]]]:
    (group,) = yaml.safe_load(FILES[RULES])["groups"]
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in group["rules"]:
        found.setdefault(rule["alert"], []).append(rule)
    return found


def test_every_rule_is_tested_both_ways_and_no_two_are_the_same() -> None:
    tests = [each["alert_rule_test"][0] for each in yaml.safe_load(FILES[TESTS])["tests"]]
    assert {each["alertname"] for each in tests} == set(rules())
    for name, same in rules().items():
        of_it = [each for each in tests if each["alertname"] == name]
        assert [bool(each["exp_alerts"]) for each in of_it] == [True, False] * len(same)
        assert len({rule["labels"]["severity"] for rule in same}) == len(same)
    assert "{{" not in str([each["exp_alerts"] for each in tests])


def test_rules_name_only_metrics_that_there_are() -> None:
    place = Place("shop", "api", 1, "i", "c", 0.0, "running", "healthy", 1, 2, 0.5)
    when = "1970-01-01T00:00:00+00:00"
    row = DeploymentRow("d", "shop", 1, "deploy", when, None, None, 1, "rolling", None, "", {})
    scan = ScanRow("r", "api", "image", when, None, "", (), ("vulns", "secrets"), 0, {"critical": 0}, 0, 0, None, "done")
    known = Known(places=[place], deployments=[row], scans=[scan])
    names = {family.name for family in families(known, 0.0)} | {"node_filesystem_avail_bytes", "node_filesystem_size_bytes"}
    told = FILES[RULES] + FILES[DASHBOARD]
    used = {
        word
        for word in "".join(c if c.isalnum() or c == "_" else " " for c in told).split()
        if word.startswith(("trimtab_", "node_"))
    }
    assert used <= names
    assert len(used) > 15


def test_services_are_missed_by_name_and_the_critical_ones_more_loudly() -> None:
    missing = {rule["labels"]["severity"]: rule["expr"] for rule in rules()["ServiceMissing"]}
    assert 'service="db"' in missing["critical"]
    assert 'service="api"' not in missing["critical"]
    assert all(f'service="{name}"' in missing["warning"] for name in ("api", "web"))
    assert [rule.level for rule in rules_for(Watched("shop", ("a",))) if rule.name == "ServiceMissing"] == ["warning"]
    assert not any(rule.name == "ServiceMissing" for rule in rules_for(Watched("shop")))


def test_no_alert_is_about_what_the_fleet_has_no_more() -> None:
    watched = Watched("shop", built=("api", "web"), scanned=("source tree", "shop/api:1.0", "postgres:16"))
    found = {rule.name: rule.expr for rule in rules_for(watched)}
    assert 'target=~"api|web"' in found["BuildRegression"]
    for name in ("ScanTooOld", "CriticalVulnerabilities"):
        assert r'target=~"source\\ tree|shop/api:1\\.0|postgres:16"' in found[name]
    exprs = [panel["targets"][0]["expr"] for panel in json.loads(alert_files(watched, mark("alerts"))[DASHBOARD])["panels"]]
    assert [each for each in exprs if "project=" not in each and "target=~" not in each] == []


def test_limits_are_those_of_the_gate() -> None:
    assert "> 3 * 86400" in rules()["ScanTooOld"][0]["expr"]
    assert rules()["CriticalVulnerabilities"][0]["expr"].endswith("> 0")
    assert not any(rule.name == "CriticalVulnerabilities" for rule in rules_for(Watched("shop", max_critical=None)))


def test_the_dashboard_is_json_with_its_mark_and_a_source_for_each_panel() -> None:
    dashboard = json.loads(FILES[DASHBOARD])
    assert dashboard["title"] == "trimtab: shop"
    assert all(panel["targets"][0]["expr"] and panel["datasource"]["uid"] == "${datasource}" for panel in dashboard["panels"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert json.loads(alert_files(Watched('a"b\\c'), mark("alerts"))[DASHBOARD])["title"] == 'trimtab: a"b\\c'
    assert quoted('a"b\\c\n') == '"a\\"b\\\\c\\n"'


def test_the_compose_file_is_one_that_trimtab_has_little_to_say_about() -> None:
    fleet = discover(MemoryTree({COMPOSE: FILES[COMPOSE], CONFIG: FILES[CONFIG], RULES: FILES[RULES]}))
    assert fleet.problems == ()
    (project,) = fleet.projects
    assert sorted(service.name for service in project.services) == ["node-exporter", "prometheus"]
    done = review(fleet, default_rules())
    # What is meant, the host's network, processes and root, is said where it stands: it breaks no gate of the fleet's.
    assert [(each.rule, each.message) for each in done.findings if each.severity >= Severity.LOW] == []
    assert min(value for score in done.service_scores.values() for value in score.categories.values()) == 10
    for code, times in {"CM202": 1, "CM207": 2, "CM208": 1}.items():
        assert FILES[COMPOSE].count(f"# trimtab: ignore[{code}] ") == times


def monitored(watched: Watched) -> dict[str, Any]:
    return yaml.safe_load(alert_files(watched, mark("alerts"))[COMPOSE])


def test_two_projects_of_a_machine_do_not_take_each_other_s_prometheus_away() -> None:
    # Compose takes two files that give one name for the same project, and replaces the containers of the first.
    assert monitored(Watched("shop"))["name"] == "shop-monitoring"
    assert monitored(Watched("_Shop.eu"))["name"] == "shop-eu-monitoring"


def test_other_rules_make_prometheus_another_container() -> None:
    # A container keeps a mounted file that another has replaced: neither `up` nor a signal would have it read the new rules.
    labels = [
        monitored(each)["services"]["prometheus"]["labels"] for each in (Watched("shop", ("a",)), Watched("shop", ("a", "b")))
    ]
    assert labels[0] != labels[1]
    assert labels[0] == monitored(Watched("shop", ("a",)))["services"]["prometheus"]["labels"]


SHARED = "29 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n22 29 0:21 / /proc rw,nosuid - proc proc rw\n"


@pytest.mark.parametrize(
    ("mountinfo", "so"),
    [(SHARED, True), (SHARED.replace("shared:1", "master:3"), True), (SHARED.replace(" shared:1", ""), False), ("", True),
     ("1 1 0:1 / / rw - rootfs rootfs rw\n" + SHARED, True), (SHARED + "30 29 0:40 / / rw - overlay overlay rw\n", False)],
)  # fmt: skip
def test_the_host_s_root_is_mounted_as_the_engine_allows(mountinfo: str, so: bool) -> None:
    assert hands_on_mounts(mountinfo) is so
    text = alert_files(WATCHED, mark("alerts"), propagates=so)[COMPOSE]
    assert yaml.safe_load(text)["services"]["node-exporter"]["volumes"] == ["/:/host:ro,rslave" if so else "/:/host:ro"]


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_file_knows_whether_somebody_has_edited_it(name: str) -> None:
    text = sealed(FILES[name])
    assert state_of(text) is State.OURS
    assert state_of(text.replace("shop", "mine").replace("30d", "40d").replace("1m", "2m")) is State.EDITED
    assert name != DASHBOARD or json.loads(text)["description"].endswith(text.split("sha256:")[1][:64])


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(
        "name: shop\nservices:\n  api: {image: 'nginx:1'}\n  job: {image: 'nginx:1', profiles: [now and then]}\n"
    )
    return tmp_path


def test_files_are_written_once_and_edited_ones_stay(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fleet / "monitoring"
    assert alerts((fleet,), output_dir=folder) == 0
    assert {each.name for each in folder.iterdir()} == NAMES
    assert 'service="api"' in (folder / RULES).read_text()
    assert 'service="job"' not in (folder / RULES).read_text()
    before = {each: each.stat().st_mtime_ns for each in folder.iterdir()}
    assert alerts((fleet,), output_dir=folder) == 0
    assert {each: each.stat().st_mtime_ns for each in folder.iterdir()} == before
    edited = (folder / RULES).read_text() + "# ours\n"
    (folder / RULES).write_text(edited)
    (folder / CONFIG).write_text("global: {}\n")
    (fleet / "compose.yaml").write_text("name: shop\nservices:\n  other: {image: 'nginx:1'}\n")
    capsys.readouterr()
    assert alerts((fleet,), output_dir=folder) == 1
    shown = capsys.readouterr().out
    assert "it was edited since it was generated" in shown
    assert "somebody has written it" in shown
    assert (folder / RULES).read_text() == edited
    assert (folder / CONFIG).read_text() == "global: {}\n"
    assert 'service=\\"other\\"' in (folder / TESTS).read_text() or 'service="other"' in (folder / TESTS).read_text()
    assert alerts((fleet,), output_dir=folder, force=True) == 0
    assert 'service="other"' in (folder / RULES).read_text()


def test_what_is_meant_to_end_is_not_called_down(fleet: Path) -> None:
    (fleet / "compose.yaml").write_text(
        "name: shop\nservices:\n  tables: {image: 'nginx:1'}\n  api:\n    image: 'nginx:1'\n"
        "    depends_on: {tables: {condition: service_completed_successfully}}\n"
    )
    assert alerts((fleet,), output_dir=fleet / "monitoring") == 0
    (group,) = yaml.safe_load((fleet / "monitoring" / RULES).read_text())["groups"]
    exprs = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    assert exprs["ContainerDown"] == 'trimtab_container_running{project="shop", service!~"tables"} == 0'
    assert "tables" not in exprs["ServiceMissing"]


def test_a_service_that_is_scaled_to_none_is_not_missed(fleet: Path) -> None:
    (fleet / "compose.yaml").write_text(
        "name: shop\nservices:\n  api: {image: a}\n  off: {image: a, scale: 0}\n  later: {image: a, deploy: {replicas: 0}}\n"
    )
    assert alerts((fleet,), output_dir=fleet / "monitoring") == 0
    rules = (fleet / "monitoring" / RULES).read_text().replace("\\", "")
    assert [name in rules for name in ('service="api"', 'service="off"', 'service="later"')] == [True, False, False]


def test_scans_of_one_folder_count_as_well(fleet: Path) -> None:
    (fleet / "services" / "api").mkdir(parents=True)
    (fleet / "services" / "api" / "Dockerfile").write_text("FROM nginx:1\n")
    assert alerts((fleet,), output_dir=fleet / "monitoring") == 0
    (group,) = yaml.safe_load((fleet / "monitoring" / RULES).read_text())["groups"]
    (expr,) = (rule["expr"] for rule in group["rules"] if rule["alert"] == "ScanTooOld")
    # `trimtab scan --target services/` calls what it has scanned by the folder.
    assert expr.count('|services|services/api"') == expr.count("{") == 2


def test_a_folder_without_one_project_is_told(tmp_path: Path, fleet: Path) -> None:
    (fleet / "compose.yaml").unlink()
    with pytest.raises(UsageError, match="no compose project"):
        alerts((fleet,), output_dir=tmp_path / "out")
    for name in ("one.yaml", "two.yaml"):
        (fleet / f"compose.{name}").write_text("services: {api: {image: 'nginx:1'}}\n")
    with pytest.raises(UsageError, match="several compose projects"):
        alerts((fleet,), output_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def promtool() -> str:
    """The path of promtool; where there is none and it cannot be fetched, nothing was shown, and the test fails."""
    script = Path(__file__).parents[2] / "scripts" / "prometheus"
    return f"{subprocess.run([script], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()}/promtool"


@pytest.mark.parametrize(
    "watched", [WATCHED, Watched('a"b', ("x",)), Watched("none", max_critical=None), _NAMED], ids=lambda w: w.project
)
def test_promtool_finds_every_rule_right_and_each_fires_when_it_should(tmp_path: Path, promtool: str, watched: Watched) -> None:
    for name, text in alert_files(watched, mark("alerts")).items():
        (tmp_path / name).write_text(text)
    for words in (("check", "rules", RULES), ("check", "config", CONFIG), ("test", "rules", TESTS)):
        done = subprocess.run([promtool, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def every_metric() -> list[Family]:
    when = "1970-01-01T00:00:00+00:00"
    scan = ScanRow("r", "api", "image", when, None, "", (), ("vulns", "secrets"), 5, {"critical": 0}, 1, 3, when, "done")
    score = ScoreRow("r", when, None, "", 71.5, {"security": 6.0})
    known = Known(
        [API], [Callers("shop", "api", 0.0, 9, 1)], [BuildTotal("api", "built", 4, 1.0, 1, 1)], [build()],
        [deployment(2, None), deployment(1, "done")], [scan], [score], {"a/Dockerfile": ("accepted", "")}, [scan],
    )  # fmt: skip
    found = families(known, API.seen)
    assert [each.name for each in found if not each.values] == [], "every metric there is has a value here"
    return found


def test_promtool_has_nothing_to_say_about_the_metrics(promtool: str) -> None:
    text = render(every_metric())
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_line_of_the_dashboard_is_named_by_labels_that_it_has() -> None:
    labels = {family.name: set(family.values[0][0]) for family in every_metric()}
    for panel in json.loads(FILES[DASHBOARD])["panels"]:
        (target,) = panel["targets"]
        metrics = re.findall(r"trimtab_\w+", target["expr"])
        named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert named, panel["title"]
        assert all(named <= labels[metric] for metric in metrics), panel["title"]
        # Two containers of one service are two lines, and have two names.
        assert "number" not in labels[metrics[0]] or "number" in named, panel["title"]


def test_a_rule_that_is_wrong_does_not_pass(tmp_path: Path, promtool: str) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace('status="unhealthy"} == 1', 'status="unhealthy"} == 2'))
    done = subprocess.run([promtool, "test", "rules", TESTS], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "ContainerUnhealthy" in done.stdout + done.stderr


def test_the_dashboard_asks_no_closer_than_prometheus_does_and_what_is_bad_is_red() -> None:
    files = alert_files(replace(WATCHED, max_critical=2), mark("alerts"))
    every = yaml.safe_load(files[CONFIG])["global"]["scrape_interval"]
    panels = {panel["title"]: panel for panel in json.loads(files[DASHBOARD])["panels"]}
    # Grafana makes `$__rate_interval` from the step of the query, and takes 15 s where there is none.
    assert {target["interval"] for panel in panels.values() for target in panel["targets"]} == {every}
    defaults = {title: panel["fieldConfig"]["defaults"] for title, panel in panels.items()}
    red = {title: each["thresholds"]["steps"][-1]["value"] for title, each in defaults.items() if "thresholds" in each}
    assert red == {"Share of the memory limit": 0.9, "Health": 1, "Revision": None, "Critical vulnerabilities": 3}
    shown = defaults["Health"]["mappings"][0]["options"]
    assert {value: each["text"] for value, each in shown.items()} == {"0": "not unhealthy", "1": "unhealthy"}
    assert all(
        each["color"]["mode"] == "thresholds" for title, each in defaults.items() if panels[title]["type"] != "timeseries"
    )
