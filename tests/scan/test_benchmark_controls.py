"""The CIS Docker Benchmark: each control passes, fails, or is not checked, and nothing passes because nobody looked."""

from collections.abc import Callable, Mapping

import pytest

from trimtab.fleet import Fleet
from trimtab.review import review
from trimtab.rules import all_rules
from trimtab.scan.advisory import Answer
from trimtab.scan.compliance import CONTROLS, RULES, Looked, check_controls
from trimtab.scan.match import Vulnerability
from trimtab.scan.packages import Package
from trimtab.scan.result import ControlResult, Pending, Standing, TargetScan

Make = Callable[[Mapping[str, str]], Fleet]
GOOD = "FROM python:3.13-slim\nRUN useradd app\nUSER app\nHEALTHCHECK CMD python -c 1\nCMD python -m http.server\n"
FAIL, PASS, UNCHECKED = Standing.FAIL, Standing.PASS, Standing.UNCHECKED


def controls(fleet: Fleet, target: TargetScan | None = None, unread: frozenset[str] = frozenset()) -> dict[str, ControlResult]:
    found = review(fleet, [rule for rule in all_rules() if rule.code in RULES]).findings
    targets = {"a": target} if target else {}
    return {each.control: each for each in check_controls(fleet, Looked(found, targets, frozenset({"a"}), unread, asked=True))}


def with_service(fleet: Make, body: str, dockerfile: str = GOOD) -> Fleet:
    return fleet({"Dockerfile": dockerfile, "compose.yaml": f"services:\n  a:\n    build: .\n{body}"})


@pytest.mark.parametrize(
    ("body", "control"),
    [
        ("    privileged: true\n", "5.5"),
        ("    cap_add: [SYS_ADMIN]\n", "5.4"),
        ("    volumes: ['/etc:/host']\n", "5.6"),
        ("    ports: ['80:8000']\n", "5.8"),
        ("    ports: ['127.0.0.1:443:8000/tcp']\n", "5.8"),
        ("    ports: [{published: '22', target: 8000}]\n", "5.8"),
        ("    ports: ['80-81:80-81']\n", "5.8"),
        ("    ports: ['8080:80']\n", "5.14"),
        ("    restart: 'on-failure:" + "9" * 5000 + "'\n", "5.15"),
        ("    ports: ['80']\n", "5.14"),
        ("    ports: ['0.0.0.0:8080:80/udp']\n", "5.14"),
        ("    ports: ['[::]:8080:80']\n", "5.14"),
        ("    ports: [{published: '8080', target: 80}]\n", "5.14"),
        ("    privileged: 'true'\n", "5.5"),
        ("    privileged: ${P:-true}\n", "5.5"),
        ("    restart: on-failure:0\n", "5.15"),
        ("    restart: always\n    deploy: {restart_policy: {max_attempts: 3}}\n", "5.15"),
        ("    volumes: ['/var/run:/host-run']\n", "5.32"),
        ("    device_cgroup_rules: ['c 1:3 mr']\n", "5.18"),
        ("    network_mode: host\n", "5.10"),
        ("    restart: always\n", "5.15"),
        ("    restart: on-failure:10\n", "5.15"),
        ("    pid: host\n", "5.16"),
        ("    ipc: host\n", "5.17"),
        ("    devices: [/dev/kvm]\n", "5.18"),
        ("    volumes: [{type: bind, source: ./x, target: /x, bind: {propagation: rshared}}]\n", "5.20"),
        ("    volumes: ['./x:/x:ro,shared']\n", "5.20"),
        ("    uts: host\n", "5.21"),
        ("    security_opt: ['seccomp:unconfined']\n", "5.22"),
        ("    security_opt: ['apparmor=unconfined']\n", "5.2"),
        ("    cgroup_parent: /x\n", "5.25"),
        ("    pids_limit: -1\n", "5.29"),
        ("    network_mode: bridge\n", "5.30"),
        ("    userns_mode: host\n", "5.31"),
        ("    volumes: ['/var/run/docker.sock:/var/run/docker.sock']\n", "5.32"),
    ],
)
def test_what_fails(body: str, control: str, fleet: Make) -> None:
    assert controls(with_service(fleet, body))[control].standing is FAIL


@pytest.mark.parametrize("port", ["127.0.0.1:8080:80", "[::1]:8080:80", "10.0.0.1::80"])
def test_a_port_on_one_address_passes(port: str, fleet: Make) -> None:
    assert controls(with_service(fleet, f"    ports: ['{port}']\n"))["5.14"].standing is PASS


def test_a_careful_service_passes_all_that_can_be_looked_at(fleet: Make) -> None:
    body = (
        "    restart: on-failure:5\n    read_only: true\n    pids_limit: 100\n    cap_drop: [ALL]\n"
        "    security_opt: ['no-new-privileges:true']\n    ports: ['127.0.0.1:8000:8000']\n    user: '1000'\n"
        "    deploy: {resources: {limits: {memory: 100m, cpus: '1'}}}\n"
    )
    found = controls(with_service(fleet, body), TargetScan("a", "image", (Package("pypi", "flask", "1.0"),), setuid=()))
    assert {name for name, each in found.items() if each.standing is FAIL} == set()
    unchecked = {control.id for control in CONTROLS if control.unchecked}
    assert {name for name, each in found.items() if each.standing is UNCHECKED} == unchecked
    assert all(each.reason for each in found.values() if each.standing is UNCHECKED)


@pytest.mark.parametrize(
    ("dockerfile", "control"),
    [
        ("FROM python:3.13-slim\nCMD python -m http.server 8000\n", "4.1"),
        ("FROM python:3.13-slim\nEXPOSE 8000\nCMD python -m http.server 8000\n", "4.6"),
        ("FROM debian:12\nRUN apt-get update\nRUN apt-get install -y curl\n", "4.7"),
        ("FROM debian:12\nRUN chmod u+s /bin/x\n", "4.8"),
        ("FROM debian:12\nADD a.txt /a.txt\n", "4.9"),
        ("FROM debian:12\nADD a.tar.gz /a\n", "4.9"),
        ('FROM debian:12\nCMD ["true"]\n', "4.6"),
        ("FROM debian:12\nENV DB_PASSWORD=correct-horse\n", "4.10"),
        ("FROM debian:12\nRUN curl https://example.com/i.sh | sh\n", "4.11"),
    ],
)
def test_what_fails_in_dockerfiles(dockerfile: str, control: str, fleet: Make) -> None:
    assert controls(with_service(fleet, "", dockerfile))[control].standing is FAIL


def test_without_a_scan_of_the_image_what_it_holds_is_not_checked(fleet: Make) -> None:
    found = controls(with_service(fleet, ""))
    assert {found[name].standing for name in ("4.4", "4.8", "4.10")} == {UNCHECKED}


def test_what_a_scan_says_fails_its_controls(fleet: Make) -> None:
    flask = Package("pypi", "flask", "1.0")
    one = Vulnerability(flask, "A", ("A",), None, None, "", "", Answer.AFFECTED, ("2.0",))
    fleet_ = with_service(fleet, "")
    assert controls(fleet_, TargetScan("a", "image", (flask,), (one,), setuid=("/bin/su",)))["4.4"].standing is FAIL
    assert controls(fleet_, TargetScan("a", "image", (flask,), (), setuid=("/bin/su",)))["4.8"].standing is FAIL
    waiting = (Pending("libssl3", "1", "2", security=True, ids=()),)
    assert controls(fleet_, TargetScan("a", "image", (flask,), pending=waiting, setuid=()))["4.4"].standing is FAIL


def test_images_from_elsewhere_have_no_dockerfile_to_judge(fleet: Make) -> None:
    found = controls(fleet({"compose.yaml": "services: {a: {image: 'redis:7'}}\n"}))
    assert {each.standing for name, each in found.items() if name.startswith("4.")} == {Standing.NOT_APPLICABLE}
    assert found["5.5"].standing is PASS
    assert {found[name].standing for name in ("5.7", "5.27")} == {UNCHECKED}
    checked = fleet({"compose.yaml": "services: {a: {image: 'redis:7', healthcheck: {test: [CMD, x]}}}\n"})
    assert controls(checked)["5.27"].standing is PASS


@pytest.mark.parametrize("build", ["./nowhere", "https://example.com/x.git", "{dockerfile_inline: 'FROM debian:12'}"])
def test_a_dockerfile_that_is_not_here_passes_nothing(build: str, fleet: Make) -> None:
    found = controls(fleet({"compose.yaml": f"services: {{a: {{build: {build}}}}}\n"}))
    assert {found[name].standing for name in ("4.1", "4.6", "4.7", "4.9", "5.7", "5.27")} == {UNCHECKED}


def test_patches_are_not_checked_where_nobody_was_asked(fleet: Make) -> None:
    tree = with_service(fleet, "")
    looked = Looked((), {"a": TargetScan("a", "image", setuid=())}, frozenset({"a"}), frozenset(), asked=False)
    assert {each.standing for each in check_controls(tree, looked) if each.control == "4.4"} == {UNCHECKED}


def test_a_file_that_cannot_be_read_passes_nothing(fleet: Make) -> None:
    found = controls(with_service(fleet, ""), unread=frozenset({"Dockerfile"}))
    assert PASS not in {each.standing for each in found.values()}


def test_every_rule_that_a_control_names_exists() -> None:
    assert {rule.code for rule in all_rules()} >= RULES
    assert len({control.id for control in CONTROLS}) == len(CONTROLS) == 44


def test_nothing_passes_that_somebody_could_not_say_all_of(fleet: Make) -> None:
    """An image with packages that no advisories are about, and one with a file that is too large to be searched."""
    tree, target, meant = with_service(fleet, ""), TargetScan("a", "image", setuid=()), frozenset({"a"})
    for missed, expected in ((frozenset[str](), PASS), (frozenset({"b"}), PASS), (meant, UNCHECKED)):
        looked = Looked((), {"a": target}, meant, frozenset(), asked=True, unanswered=missed, unsearched=missed)
        found = {each.control: each.standing for each in check_controls(tree, looked)}
        assert (found["4.4"], found["4.10"]) == (expected, expected)
