"""Compose files in forms that are rare, as those who plan with them see them."""

from collections.abc import Mapping

import pytest

from trimtab.fleet import Fleet, MemoryTree, changed_service, discover
from trimtab.fleet.compose.apply import Want, settle
from trimtab.fleet.compose.facts import ComposeFacts, published_ports
from trimtab.fleet.compose.isolation import plan
from trimtab.fleet.compose.settings import Setting
from trimtab.fleet.compose.startup import droppable, predict
from trimtab.review import review
from trimtab.rules import find_rules


def fleet_of(text: str, others: Mapping[str, str] | None = None) -> Fleet:
    return discover(MemoryTree({"compose.yaml": text, **(others or {})}))


def facts_of(text: str, others: Mapping[str, str] | None = None) -> ComposeFacts:
    fleet = fleet_of(text, others)
    return ComposeFacts(fleet, fleet.projects[0])


def test_services_that_are_a_list_are_a_problem() -> None:
    fleet = fleet_of("services:\n  - a\n")
    assert [(each.line, each.message) for each in fleet.problems] == [(1, "`services` must be a mapping")]
    assert fleet.services == ()


def test_the_context_of_an_extended_service_is_counted_from_its_own_file() -> None:
    base = "services: {b: {build: {context: .., target: x}}}\n"
    files = {"x/base/b.yaml": base, "x/Dockerfile": "FROM a AS x\n"}
    fleet = fleet_of("services: {a: {extends: {file: x/base/b.yaml, service: b}}}\n", files)
    (service,) = fleet.services
    assert service.build is not None
    assert (service.build.context, service.build.target) == ("x", "x")


def test_an_override_with_nothing_below_it_is_added_to() -> None:
    text = "services: {a: {image: x, ports: !override ['1:1']}}\n"
    fleet = fleet_of(text, {"compose.override.yaml": "services: {a: {ports: ['3:3']}}\n"})
    assert fleet.services[0].ports == ("1:1", "3:3")


def test_a_command_whose_quotes_do_not_close_is_kept_as_it_is() -> None:
    assert fleet_of('services: {a: {image: a, command: "it\'s"}}\n').services[0].command == "it's"


def test_a_port_that_cannot_be_read_is_left_out() -> None:
    facts = facts_of("services: {a: {image: a, ports: ['x', '80:81']}}\n")
    assert [each.index for each in published_ports(facts.project.services[0])] == [1]


def test_a_service_has_the_names_of_its_networks() -> None:
    facts = facts_of("services: {a: {image: a, networks: {n: {aliases: [b, c]}, m: }}}\nnetworks: {n: , m: }\n")
    assert facts.names(facts.project.services[0]) == {"a", "b", "c"}


@pytest.mark.parametrize(("name", "found"), [("docker-compose.yml", True), ("docker-compose.dev.yml", False)])
def test_a_file_for_development_deploys_nothing(name: str, found: bool) -> None:
    fleet = discover(MemoryTree({name: "services: {a: {image: a}}\n"}))
    assert bool(ComposeFacts(fleet, fleet.projects[0]).deployed) is found


def said(code: str, text: str, others: Mapping[str, str] | None = None) -> list[str]:
    result = review(fleet_of(text, others), find_rules(code))
    assert not result.crashes
    return [each.message for each in result.findings]


BROKEN = {"compose.old.yaml": "a: [\n"}
BUILT = {"Dockerfile": "FROM a\n", **BROKEN}


@pytest.mark.parametrize(
    ("code", "text", "others", "count"),
    [
        ("CM306", "services: {a: {image: a}}\nnetworks: {n: }\n", BROKEN, 1),
        ("CM305", "services: {a: {image: a, networks: [n]}}\n", BROKEN, 1),
        ("CM203", "services: {a: {image: a, environment: {PASSWORD: , X: y}}, b: }\n", {}, 0),
        ("CM302", "services: {a: {image: a, environment: {K_BROKER: 'b:9092'}}, b: {image: b, ports: ['80:80']}}\n", {}, 0),
        ("CM302", "services: {a: {image: a, environment: {K_BROKER: 'bb:9092'}}, b: {image: b}}\n", {}, 1),
        ("CM111", "services: {a: {image: a, depends_on: [gone]}}\n", {}, 0),
        ("CM111", "services: {a: {image: a, depends_on: [b]}, b: {build: ., healthcheck: {test: 'x'}}}\n", BUILT, 1),
        ("CM205", "services: {a: {extends: {service: b}}, b: {image: b, read_only: true}}\n", {}, 0),
        ("CM205", "services: {a: {extends: {service: b}, image: a}, b: {image: b}}\n", {}, 2),
    ],
)  # fmt: skip
def test_what_is_said(code: str, text: str, others: Mapping[str, str], count: int) -> None:
    found = said(code, text, others)
    assert len(found) == count, found


WAITS = "services:\n  db: {build: ./db%s}\n  api:\n    image: a\n    depends_on: {db: {condition: service_healthy}}\n"


@pytest.mark.parametrize(
    ("written", "image", "ready"),
    [
        ("", "HEALTHCHECK NONE", 2.3),
        (", healthcheck: {disable: true}", "HEALTHCHECK --interval=9s CMD true", 2.3),
        (", healthcheck: {interval: 4s}", "HEALTHCHECK --interval=9s CMD true", 4.3),
        ("", "HEALTHCHECK --interval=9s CMD true", 9.3),
    ],
)
def test_a_check_is_the_files_with_the_images_for_the_rest(written: str, image: str, ready: float) -> None:
    facts = facts_of(WAITS % written, {"db/Dockerfile": f"FROM debian\n{image}\n"})
    assert predict(facts, {}).timings["db"].ready == pytest.approx(ready)


def test_nothing_takes_no_time() -> None:
    facts = facts_of("services: {}\n")
    assert (predict(facts, {}).critical_path, predict(facts, {}).seconds) == ((), 0)


def test_a_dependency_that_costs_nothing_is_not_told() -> None:
    assert droppable(facts_of("services: {a: {image: a, depends_on: [b, gone]}, b: {image: b}}\n"), {}) == ()


def test_a_store_on_the_hosts_network_stays() -> None:
    proposal = plan(facts_of("services: {db: {image: 'postgres:16', network_mode: host}}\n"))
    assert proposal.left == ("`db`: it uses another network than compose's",)


def test_what_cannot_be_settled_is_told_and_what_is_so_already_is_not_written() -> None:
    facts = facts_of("services:\n  a:\n    image: x\n  b: {extends: {service: a}}\n")
    wants = [Want("a", ("image",), "x"), Want("gone", ("image",), "x"), Want("b", ("image",), "y")]
    settled = settle(facts.fleet, facts.project, wants)
    assert dict(settled.texts) == {}
    assert [(want.service, reason) for want, reason in settled.refused] == [
        ("gone", "there is no such service"),
        ("b", "it extends another service, which may be what has to change"),
    ]


def test_a_service_with_other_settings_keeps_the_rest() -> None:
    fleet = fleet_of("services: {a: {image: x, user: u, build: .}}\n", {"Dockerfile": "FROM a\n"})
    (service,) = fleet.services
    wanted = [Setting("compose.yaml", ("services", name, "mem_limit"), value) for name, value in (("a", "1g"), ("b", "2g"))]
    changed = changed_service(fleet.tree, service, [*wanted, Setting("compose.yaml", ("networks", "n"), {})])
    assert (changed.memory_limit, changed.user, changed.image) == ("1g", "u", "x")
    assert changed.build == service.build
