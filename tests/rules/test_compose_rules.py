"""What rules about compose files must not say, and must not do."""

from dataclasses import replace

import pytest

from trimtab.fleet import MemoryTree, discover
from trimtab.review import review
from trimtab.rewrite import rewrite
from trimtab.rules import find_rules


def messages(code: str, *texts: str, **others: str) -> list[str]:
    names = ["compose.yaml", "compose.prod.yaml"]
    fleet = discover(MemoryTree({**dict(zip(names, texts, strict=False)), **others}))
    return [finding.message for finding in review(fleet, find_rules(code)).findings]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("CM133", "services: {a: {image: 'vaultwarden/server:1.3', ports: ['80:80']}}\n"),
        ("CM133", "services: {a: {image: 'redis:7', ports: ['10.0.0.5:6379:6379']}}\n"),
        ("CM302", "services: {a: {image: a, environment: {U: 's3://bucket', V: 'sqlite://data', W: 'unix://x/y.sock'}}}\n"),
        ("CM302", "services: {a: {image: a, links: ['db:database'], environment: {U: 'http://database:1'}}, db: {image: d}}\n"),
        ("CM401", "services: {a: {image: a, volumes: ['C:/data:/data', 'D:\\x:/y']}}\n"),
        ("CM508", "services: {a: {image: 'foo:${TAG}'}, b: {image: 'foo:${TAG:?}'}}\n"),
        ("CM505", "services: {a: {image: a, command: sh -c \"trap 'exit' TERM; x & wait\"}}\n"),
        ("CM505", 'services: {a: {image: a, command: sh -c "A=$$(cat /run/x) exec b"}}\n'),
    ],
)
def test_nothing_is_wrong_there(code: str, text: str) -> None:
    assert messages(code, text) == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("CM131", "services: {a: {image: a, container_name: a, scale: '3'}}\n"),
        ("CM132", "services: {a: {image: a, ports: ['80:80'], deploy: {replicas: '${N:-2}'}}}\n"),
        ("CM209", "services: {a: {image: a, devices: [{source: /dev/sda, target: /dev/sda}]}}\n"),
        ("CM208", "services: {a: {image: a, volumes: ['/home/me/.ssh:/k', '/var/lib:/v']}}\n"),
    ],
)
def test_other_spellings_count_too(code: str, text: str) -> None:
    assert messages(code, text)


def test_what_another_file_uses_is_used() -> None:
    base = "services: {a: {image: 'a:1'}}\nnetworks:\n  y:\nvolumes:\n  v:\n"
    over = "services: {a: {networks: [y], volumes: ['v:/v']}}\n"
    assert messages("CM306", base, over) == []
    assert messages("CM402", base, over) == []
    assert messages("CM306", base)


def test_services_of_unrelated_projects_are_not_compared() -> None:
    one, other = "services: {db: {image: 'postgres:16'}}\n", "services: {db: {image: 'mysql:8'}}\n"
    assert messages("CM506", one, **{"demo/compose.yaml": other}) == []
    assert messages("CM506", one, other)


def refusals(code: str, text: str) -> list[str]:
    fleet = discover(MemoryTree({"compose.yaml": text}))
    assert not rewrite(fleet, unsafe=True, proof=True, rules=find_rules(code)).changed
    found = review(fleet, find_rules(code)).findings
    return [finding.refusal.reason for finding in found if finding.refusal]


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("CM503", "version: '3' # why\nservices: {a: {image: a}}\n", "comment"),
        ("CM306", "services: {a: {image: a, networks: [x]}}\nnetworks:\n  x:\n  y: # why\n", "comment"),
        ("CM204", "x: &a\n  security_opt: [seccomp:a]\nservices:\n  a:\n    <<: *a\n    image: a\n", "anchor"),
        ("CM204", "services:\n  a:\n    image: a\n    security_opt: ['no-new-privileges:false']\n", "says"),
        ("CM104", "services: {a: {image: a, mem_limit: '${M:-1m}', mem_reservation: 2m}}\n", "variables"),
        ("CM111", "services: {a: {image: a, depends_on: ['${X:-b}']}, b: {image: b, healthcheck: {test: x}}}\n", "variables"),
        ("CM404", "services:\n  a:\n    image: a\n  b:\n    extends: a\n    logging: {driver: json-file}\n", "extends"),
    ],
)
def test_refused(code: str, text: str, reason: str) -> None:
    if code == "CM404":
        text = text.replace("    image: a\n", "    image: a\n    logging: {driver: local}\n", 1)
    assert any(reason in each for each in refusals(code, text))


def test_limits_count_once_for_each_container() -> None:
    text = "services: {a: {image: a, mem_limit: 2g, scale: 4}}\n"
    fleet = discover(MemoryTree({"compose.yaml": text}))
    fleet = replace(fleet, policy=replace(fleet.policy, host_memory="4g"))
    assert [finding.rule for finding in review(fleet, find_rules("CM106")).findings] == ["CM106"]


@pytest.mark.parametrize(
    ("code", "files"),
    [
        # The file that a service extends cannot be found, so what it is on is not known.
        ("CM306", {"compose.yaml": "services: {a: {extends: {file: '${R}/x.yml', service: a}}}\nnetworks: {y: {}}\n"}),
        ("CM306", {"compose.yaml": "networks: {y: {}}\n"}),
        ("CM501", {"compose.yaml": "services: {a: {image: a, restart: always}, b: {environment: {A: b}}}\n"}),
        ("CM501", {"compose.yaml": "services: {a: {image: a, restart: always}, mongo-init-replica: {image: b}}\n"}),
        ("CM501", {"compose.yaml": "services: {a: {image: a, restart: always}, b: {image: b, entrypoint: [chown, a]}}\n"}),
        ("CM401", {"compose.yaml": "services: {a: {image: a, volumes: ['${N}-data:/d']}}\n"}),
    ],
)
def test_what_is_not_known_is_left_alone(code: str, files: dict[str, str]) -> None:
    fleet = discover(MemoryTree(files))
    assert review(fleet, find_rules(code)).findings == ()


def test_swarm_reads_only_lists_of_dependencies() -> None:
    text = "services:\n  a:\n    image: a\n    depends_on: [b]\n    deploy: {placement: {constraints: [x]}}\n  b: {image: b, healthcheck: {test: x}}\n"
    assert any("stack deploy" in reason for reason in refusals("CM111", text))


@pytest.mark.parametrize(
    ("code", "name", "text"),
    [
        (
            "SC104",
            "a.sh",
            "#!/bin/bash\nset -e\ncurl -L https://github.com/docker/compose/releases/x\ndocker-compose version\n",
        ),
        ("SC104", "a.sh", "#!/bin/bash\nset -e\nif [ -x /usr/bin/docker-compose ]; then docker-compose ps; fi\n"),
        ("SC108", "helper.sh", "#!/bin/bash\nf() { docker ps; }\n"),
        ("SC108", "a.sh", "#!/bin/bash\nf() { docker ps; }\nA=1\n"),
        ("SC108", "a.ps1", "docker build . 2>&1 | Out-Null\n"),
        ("SC119", "a.sh", "#!/bin/bash\nset -e\ndocker ps\ncurl -X POST http://localhost:80/images\n"),
    ],
)
def test_scripts_that_are_left_alone(code: str, name: str, text: str) -> None:
    fleet = discover(MemoryTree({name: text}))
    assert not rewrite(fleet, unsafe=True, proof=True, rules=find_rules(code)).changed


def test_a_script_that_another_reads_in_keeps_its_options() -> None:
    files = {"a.sh": "#!/bin/bash\nset -e\nsource ./b.sh\ndocker ps\n", "b.sh": "#!/bin/bash\ndocker ps\n"}
    assert not rewrite(discover(MemoryTree(files)), unsafe=True, rules=find_rules("SC108")).changed
