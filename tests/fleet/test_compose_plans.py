"""Start-up, networks and sizes as proposals."""

import json

import pytest

from trimtab.fleet import Fleet, MemoryTree, discover
from trimtab.fleet.compose.apply import settle
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.isolation import plan
from trimtab.fleet.compose.sizing import propose
from trimtab.fleet.compose.startup import droppable, faster_checks, predict, wants
from trimtab.fleet.compose.waiting import waits_itself
from trimtab.fleet.plain import mapping
from trimtab.review import review
from trimtab.rules import all_rules

CHAIN = "services:\n  s1:\n    image: a\n    healthcheck: &check\n      test: [CMD, a]\n      interval: 30s\n      start_period: 30s\n" + "".join(
    f"  s{n}:\n    image: a\n    depends_on: {{s{n - 1}: {{condition: service_healthy}}}}\n"
    "    healthcheck:\n      test: [CMD, a]\n      interval: 30s\n      start_period: 30s\n"
    for n in range(2, 9)
)  # fmt: skip


def facts_of(text: str, **others: str) -> ComposeFacts:
    fleet = discover(MemoryTree({"compose.yaml": text, **others}))
    return ComposeFacts(fleet, fleet.projects[0])


def test_a_chain_waits_for_the_engines_five_seconds_eight_times() -> None:
    facts = facts_of(CHAIN)
    boots = dict.fromkeys((f"s{n}" for n in range(1, 9)), 1.0)
    before = predict(facts, boots)
    # Measured: 46.3 s with docker 28.5, compose 2.40, and 22.7 s with a probe every second.
    assert before.seconds == pytest.approx(46.3, rel=0.1)
    assert before.critical_path == tuple(f"s{n}" for n in range(1, 9))
    assert all(timing.slack == pytest.approx(0) for timing in before.timings.values())
    after = predict(facts, boots, faster_checks(facts))
    assert after.seconds < before.seconds - 20


def test_what_nobody_waits_for_has_slack() -> None:
    facts = facts_of(
        "services:\n  a: {image: a, healthcheck: {test: x, interval: 10s}}\n  b: {image: b}\n"
        "  c: {image: c, depends_on: {a: {condition: service_healthy}}}\n"
    )
    found = predict(facts, {"a": 3, "b": 1, "c": 1})
    assert found.critical_path == ("a", "c")
    assert found.timings["b"].slack == pytest.approx(found.seconds - found.timings["b"].ready)


def test_a_circle_is_named_and_ends() -> None:
    facts = facts_of("services: {a: {image: a, depends_on: [b]}, b: {image: b, depends_on: [a]}}\n")
    assert predict(facts, {}).circular


def test_quicker_probes_are_written_where_they_can_be() -> None:
    facts = facts_of(CHAIN.replace("&check", ""))
    settled = settle(facts.fleet, facts.project, wants(facts))
    assert settled.texts["compose.yaml"].count("start_interval: 1s") == 7
    assert not settled.refused
    assert "start_interval" not in settled.texts["compose.yaml"].partition("  s8:")[2]


CHECKED = "services:\n  db: {build: ./db}\n  api:\n    build: ./api\n    depends_on: {db: {condition: service_healthy}}\n"


def test_a_check_of_the_image_is_reckoned_with_and_made_quicker() -> None:
    image = "FROM debian\nHEALTHCHECK --interval=9s --start-period=40s --start-interval=4s CMD redis-cli ping\n"
    facts = facts_of(CHECKED, **{"db/Dockerfile": image, "api/Dockerfile": "FROM debian\n"})
    assert predict(facts, {}).timings["db"].ready == pytest.approx(4.3)
    settled = settle(facts.fleet, facts.project, wants(facts))
    # The engine takes the rest from the image; compose takes no `start_interval` without a `start_period` beside it.
    after = facts_of(settled.texts["compose.yaml"]).project.services[0].body
    assert after["healthcheck"] == {"start_period": "40s", "start_interval": "1s"}


def test_what_one_dependency_costs_is_told_and_whether_the_service_tries_again() -> None:
    slow = "FROM debian\nHEALTHCHECK --interval=20s CMD true\n"
    files = {"db/Dockerfile": slow, "api/Dockerfile": "FROM python:3.13\nCOPY main.py .\n"}
    retrying = "import tenacity\nurl = 'postgres://db/x'\n"
    edges = [droppable(facts_of(CHECKED, **files, **{"api/main.py": text}), {}) for text in (retrying, "url = 'db'\n")]
    assert [(edge.service, edge.other, edge.waits_itself) for (edge,) in edges] == [
        ("api", "db", "`api/main.py` tries again"),
        ("api", "db", None),
    ]
    # 20.3 s until it is healthy, a quarter of a second until compose looks, 2.3 s for the other; then the check decides alone.
    assert edges[0][0].saves == pytest.approx(2.5, abs=0.1)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("./wait-for-it.sh db:5432 -- serve", True),
        ("sh -c 'until nc -z db 5432; do sleep 1; done; serve'", True),
        ("serve db", False),
    ],
)
def test_a_command_that_waits_is_seen(command: str, found: bool) -> None:
    facts = facts_of(f"services:\n  api:\n    image: a\n    command: {json.dumps(command)}\n  db: {{image: b}}\n")
    assert (waits_itself(facts, facts.project.services[0], "db") is not None) is found


NETWORKED = """services:
  db:
    image: postgres:16
    networks:
      - flat
  api:
    image: api
    networks:
      - flat
    environment:
      DB: postgres://u@db/x
  other:
    image: other
    networks: [flat]
networks:
  flat: {}
"""


def test_a_store_and_its_users_get_a_network() -> None:
    facts = facts_of(NETWORKED)
    proposal = plan(facts)
    (segment,) = proposal.segments
    assert (segment.store, segment.internal, [edge.service for edge in segment.members]) == ("db", True, ["api"])
    settled = settle(facts.fleet, facts.project, proposal.wants)
    assert not settled.refused
    after = facts_of(settled.texts["compose.yaml"])
    assert [sorted(after.networks(service) or ()) for service in after.project.services] == [
        ["db-users"],
        ["db-users", "flat"],
        ["flat"],
    ]
    assert mapping(after.project.networks["db-users"]) == {"internal": True}
    assert plan(after).segments == ()
    assert plan(after).apart == ("db",)


def test_a_store_that_nobody_is_seen_to_use_stays() -> None:
    proposal = plan(facts_of("services: {db: {image: 'postgres:16'}, a: {image: a}}\n"))
    assert proposal.segments == ()
    assert "who uses it" in proposal.left[0]


def test_files_of_a_service_say_whom_it_talks_to() -> None:
    facts = facts_of(
        "services: {db: {image: 'redis:7', ports: ['6379:6379']}, a: {build: ./a}, b: {image: b}}\n",
        **{"a/Dockerfile": "FROM python:3.13\nCOPY a.py /a.py\n", "a/a.py": 'url = "redis://db:6379/0"\n'},
    )
    (segment,) = plan(facts).segments
    assert [(edge.service, edge.why) for edge in segment.members] == [("a", "`a/a.py`")]
    assert not segment.internal


def sizes(fleet: Fleet) -> dict[str, tuple[str, int]]:
    return {each.service.name: (each.kind, len(each.wants)) for each in propose(ComposeFacts(fleet, fleet.projects[0]))}


def test_sizes_are_defaults_by_kind_and_what_is_there_stays() -> None:
    text = "services:\n  a: {build: ./a, mem_limit: 100m}\n  db: {image: 'postgres:16'}\n  m:\n    build: ./m\n"
    files = {
        "compose.yaml": text,
        "a/Dockerfile": "FROM node:22\n",
        "m/Dockerfile": "FROM python:3.13\nRUN pip install torch\n",
    }
    fleet = discover(MemoryTree(files))
    assert sizes(fleet) == {"a": ("node", 2), "db": ("store", 3), "m": ("models", 3)}
    found = [want for each in propose(ComposeFacts(fleet, fleet.projects[0])) for want in each.wants]
    settled = settle(fleet, fleet.projects[0], found)
    again = discover(MemoryTree({**files, **settled.texts}))
    assert sizes(again) == {"a": ("node", 0), "db": ("store", 0), "m": ("models", 0)}
    assert "mem_limit: 100m" in settled.texts["compose.yaml"]


GIVEN = """services:
  db: {image: 'postgres:16', ports: ['15432:5432']}
  other: {image: 'a:1'}
  third: {image: 'a:1'}
  env: {image: 'a:1', env_file: conf/env}
  later: {image: 'a:1', env_file: [{path: conf/env}, missing.env], environment: {DB: 'postgres://db:15432/x'}}
  dsn: {image: 'a:1', environment: {SOURCE: 'u:p@(db:5432)/x'}}
  libpq: {image: 'a:1', environment: {PGHOST: db}}
  waits: {image: 'a:1', entrypoint: [sh, -c, 'psql postgres://db/x']}
  versions: {image: 'a:1', environment: {DB_IMAGE: 'db:16'}}
  mounts: {image: 'a:1', volumes: ['./conf/sources:/etc/sources:ro']}
"""


def test_who_uses_a_store_is_read_from_env_files_and_mounted_files_too() -> None:
    files = {"conf/env": "DB=postgres://db:5432/x\n", "conf/sources/db.yml": "datasources:\n  - url: db:5432\n"}
    facts = facts_of(GIVEN, **files)
    (segment,) = plan(facts).segments
    assert {edge.service: edge.why for edge in segment.members} == {
        "env": "`DB`", "later": "`DB`", "dsn": "`SOURCE`", "libpq": "`PGHOST`", "waits": "`entrypoint`",
        "mounts": "`conf/sources/db.yml`",
    }  # fmt: skip


def test_an_address_in_an_env_file_is_judged_where_the_file_is_named() -> None:
    text = (
        "services:\n  a:\n    image: a:1\n    env_file:\n      - a.env\n  db: {image: 'postgres:16', ports: ['15432:5432']}\n"
    )
    fleet = facts_of(text, **{"a.env": "DB=postgres://db:15432/x\nCACHE=redis://cache:6379\n"}).fleet
    rules = [rule for rule in all_rules() if rule.code in {"CM302", "CM303", "CM304"}]
    found = {(each.rule, each.path, each.line) for each in review(fleet, rules).findings}
    assert found == {("CM302", "compose.yaml", 4), ("CM304", "compose.yaml", 4)}


def test_no_limit_is_proposed_below_the_heap_that_the_runtime_is_told_to_use() -> None:
    told = {
        "a": "environment: {JAVA_OPTS: -Xmx2g}",
        "b": "command: node --max-old-space-size=1000 b.js",
        "c": "command: node c.js",
    }
    text = "services:\n" + "".join(f"  {name}: {{image: 'node:22', {said}}}\n" for name, said in told.items())
    found = {each.service.name: each for each in propose(facts_of(text))}
    mib = 1024 * 1024
    assert {name: each.after.limit // mib for name, each in found.items()} == {"a": 2663, "b": 1300, "c": 256}
    assert {name: each.basis for name, each in found.items()} == {
        "a": "its heap of 2 GiB and room", "b": "its heap of 1000 MiB and room", "c": "default for node",
    }  # fmt: skip


def test_a_store_that_is_built_here_gets_a_network_and_a_stores_size() -> None:
    text = "services: {db: {build: ./db}, a: {image: 'a:1', depends_on: [db]}, b: {image: 'b:1'}}\n"
    facts = facts_of(
        text, **{"db/Dockerfile": "FROM postgres:16\nCOPY init.sql /docker-entrypoint-initdb.d/\n", "db/init.sql": ""}
    )
    assert [(each.store, each.internal) for each in plan(facts).segments] == [("db", True)]
    assert {each.service.name: each.kind for each in propose(facts)} == {"db": "store", "a": "unknown", "b": "unknown"}
