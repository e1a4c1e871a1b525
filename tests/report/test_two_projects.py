"""Services of one name in several projects: each has its own row, score, builds, scan, deployment and use."""

from dataclasses import replace

from kept_fleet import NOW, at

from trimtab.build.told_apart import targets_of
from trimtab.fleet import Fleet, MemoryTree, discover
from trimtab.fleet.told_apart import told_apart
from trimtab.gate.limits import GatePolicy
from trimtab.history import BuildRow, ScanRow
from trimtab.history.containers import Place
from trimtab.history.deployments import DeploymentRow, ServiceRow
from trimtab.history.totals import Total
from trimtab.report.overview import Known, Overview, overview
from trimtab.report.overview.model import ServiceLine
from trimtab.review import review

GOOD = 'FROM python:3.12.4-slim\nUSER 1000\nHEALTHCHECK CMD ["true"]\nCMD ["python"]\n'
FILES = {
    "shop/compose.yaml": "services: {api: {build: .}, web: {image: 'nginx:1.27'}}\n",
    "shop/compose.prod.yaml": "services: {api: {image: 'shop-api'}}\n",
    "shop/Dockerfile": GOOD,
    "mail/compose.yaml": "services: {api: {build: .}}\n",
    "mail/Dockerfile": "FROM python\nRUN pip install flask\nADD . .\n",
}


def fleet_of(**more: str) -> Fleet:
    return discover(MemoryTree({**FILES, **more}))


def known_fleet() -> Known:
    def built(target: str, size: int, seconds: float) -> BuildRow:
        return BuildRow("r", target, "api", "default", None, at(1), 0, seconds, seconds, "built", image_bytes=size)

    def scanned(target: str, critical: int) -> ScanRow:
        counts = {"critical": critical}
        return ScanRow("s", target, "image", at(1), None, "", ("api",), ("vulns",), 1, counts, 0, 0, at(2), "findings")

    def used(size: int) -> Total:
        return Total("api", 1, 0, None, NOW.timestamp(), None, None, size, 60, 0, 0, 0, 0, 0)

    def place(project: str) -> Place:
        return Place(project, "api", 1, "", "", NOW.timestamp(), "running", "", memory_limit=100)

    def deployed(project: str) -> DeploymentRow:
        return DeploymentRow(project, project, 1, "deploy", at(1), 1.0, None, 1, "ended", "done", "", {})

    def became(project: str, outcome: str) -> ServiceRow:
        return ServiceRow(project, "api", "recreate", "", "", outcome, healthy=4.0, passed=project == "shop")

    return Known(
        recent={"api": [built("api", 100, 1.0)], "api-shop-compose-yaml": [built("api-shop-compose-yaml", 200, 2.0)]},
        scans=[scanned("mail-api", 7), scanned("shop-api", 3)], places=[place("shop"), place("mail")],
        totals={"shop": [used(90)], "mail": [used(10)]}, deployments=[deployed("shop"), deployed("mail")],
        services={"shop": [became("shop", "deployed")], "mail": [became("mail", "rolled-back")]},
    )  # fmt: skip


def lines_of(report: Overview) -> dict[str, ServiceLine]:
    return {each.name: each for each in report.services}


def test_services_of_one_name_are_told_apart_by_project_and_no_other_name_changes() -> None:
    told = told_apart(fleet_of())
    assert {name: (each.project, len(each.services)) for name, each in told.items()} == {
        "mail/api": ("mail", 1), "shop/api": ("shop", 2), "web": ("", 1),
    }  # fmt: skip
    alone = discover(MemoryTree({path: text for path, text in FILES.items() if path.startswith("shop/")}))
    assert [*told_apart(alone)] == ["api", "web"]
    assert targets_of(alone) == {}


def test_a_bake_target_is_the_service_that_is_made_by_its_dockerfile() -> None:
    bake = {"docker-bake.hcl": 'target "api" {\n  context = "shop"\n}\n'}
    assert [*told_apart(fleet_of(**bake))] == ["mail/api", "shop/api", "web"]
    assert {**targets_of(fleet_of(**bake))} == {"mail/api": {"api"}, "shop/api": {"api-shop-compose-yaml"}}
    other = {**bake, "third/Dockerfile": GOOD, "docker-bake.hcl": 'target "api" {\n  context = "third"\n}\n'}
    assert {*told_apart(fleet_of(**other))} == {"mail/api", "shop/api", "web", "api"}


def test_what_is_said_of_one_is_not_said_of_the_other() -> None:
    made = review(fleet_of())
    assert made.service_scores["mail/api"].overall < made.service_scores["shop/api"].overall
    report = overview("f", None, made, known_fleet(), GatePolicy(), NOW)
    lines = lines_of(report)
    assert next(iter(lines)) == "mail/api"
    mail, shop = lines["mail/api"], lines["shop/api"]
    assert mail.findings == sum(each.path.startswith("mail/") for each in made.findings if "api" in each.services)
    assert (mail.image_bytes, mail.build_seconds, mail.vulnerabilities) == (100, (1.0,), {"critical": 7})
    assert (shop.image_bytes, shop.build_seconds, shop.vulnerabilities) == (200, (2.0,), {"critical": 3})
    assert (mail.outcome, mail.memory, mail.path) == ("rolled-back", 0.1, "mail/Dockerfile")
    assert (shop.outcome, shop.memory) == ("deployed", 0.9)
    starts = {each.files[0]: each.healthy for each in getattr(report.starts, "value", ())}
    assert starts["mail/compose.yaml"] == {}
    assert starts["shop/compose.yaml"] == {"api": 4.0}


def test_a_project_that_runs_by_another_name_keeps_what_was_seen_of_it_while_no_other_has_its_services() -> None:
    files = {path: text for path, text in FILES.items() if path.startswith("shop/")}
    known = known_fleet()
    elsewhere = replace(known, places=[replace(known.places[0], project="blue")], totals={"blue": known.totals["shop"]})
    lines = lines_of(overview("f", None, review(discover(MemoryTree(files))), elsewhere, GatePolicy(), NOW))
    assert lines["api"].memory == 0.9
    assert lines["api"].outcome == "deployed"
