"""What becomes of a compose project in a stack file."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from compose_samples import SETTINGS, project, with_all, with_setting
from hypothesis import given
from hypothesis import strategies as st

from trimtab.deploy.targets.loss import Exported, LossKind
from trimtab.deploy.targets.swarm import STACK, SwarmOptions, export_swarm
from trimtab.fleet.plain import items, mapping

GOLDEN = Path(__file__).parent.parent / "golden" / "export" / "swarm"
Data = dict[str, object]

# What `docker stack deploy` refuses or says that it ignores: `ForbiddenProperties`, `UnsupportedProperties` and
# `DeprecatedProperties` of docker/cli (cli/compose/types), and what its schema 3.13 does not have.
NOT_FOR_A_STACK = {
    "extends", "volume_driver", "volumes_from", "cpu_quota", "cpu_shares", "cpuset", "mem_limit", "memswap_limit", "build",
    "cgroupns_mode", "cgroup_parent", "devices", "domainname", "external_links", "ipc", "links", "mac_address", "network_mode",
    "pid", "privileged", "restart", "security_opt", "shm_size", "userns_mode", "container_name", "expose", "scale", "cpus",
    "profiles", "platform", "gpus", "runtime", "pull_policy", "group_add", "models", "post_start", "pre_stop", "tmpfs",
}  # fmt: skip


def stack(found: Exported) -> Mapping[str, object]:
    return mapping(yaml.safe_load(found.files[STACK]))


def service(found: Exported, name: str = "app") -> Mapping[str, object]:
    return mapping(mapping(stack(found)["services"])[name])


def deploy(found: Exported, name: str = "app") -> Mapping[str, object]:
    return mapping(service(found, name)["deploy"])


def order(found: Exported, name: str = "app") -> object:
    return mapping(deploy(found, name)["update_config"])["order"]


def app(path: str, value: object, data: Data | None = None) -> Data:
    return with_setting(data or project(), "app", path, value)


def keys(found: Exported, kind: LossKind) -> set[str]:
    return {loss.key for loss in found.losses if loss.kind is kind and loss.service == "app"}


def test_a_whole_stack_is_what_it_was() -> None:
    """Change the expected file with care: users keep what they were given under version control."""
    data: Data = {
        "name": "shop",
        "services": {
            "web": {
                "build": {"context": "/src/web"},
                "container_name": "web",
                "command": ["serve", "--root", "$$HOME"],
                "environment": {"DATABASE_URL": "postgres://app:s3cr3t-93712@store:5432/shop", "PRICE": "$$5", "FROM_SHELL": None},
                "depends_on": {"store": {"condition": "service_healthy", "required": True}},
                "ports": [{"mode": "ingress", "target": 8080, "published": "80", "protocol": "tcp", "host_ip": "127.0.0.1"}],
                "deploy": {"replicas": 2, "resources": {"limits": {"cpus": 0.5, "memory": "268435456"}}},
                "healthcheck": {"test": ["CMD", "check"], "interval": "10s", "timeout": "2s", "retries": 3, "start_period": "30s"},
                "extra_hosts": ["printer=192.0.2.7"],
                "restart": "unless-stopped",
                "secrets": [{"source": "token", "target": "/run/secrets/token", "mode": "0400"}],
                "networks": {"front": None, "back": {"aliases": ["www"]}},
            },
            "store": {
                "image": "postgres:17",
                "environment": {"POSTGRES_PASSWORD": "s3cr3t-93712"},
                "volumes": [{"type": "volume", "source": "store", "target": "/var/lib/postgresql/data", "volume": {}}],
                "shm_size": "134217728",
                "tmpfs": ["/run:size=16m"],
                "restart": "on-failure:3",
                "networks": {"back": None},
            },
        },
        "networks": {"front": {"name": "shop_front"}, "back": {"name": "shop_back", "internal": True, "driver": "bridge"}},
        "volumes": {"store": {"name": "shop_store"}},
        "secrets": {"token": {"name": "shop_token", "file": "/src/token"}},
    }  # fmt: skip
    found = export_swarm(data, SwarmOptions(images={"web": "registry.example/web@sha256:" + "a" * 64}))
    assert found.files == {STACK: (GOLDEN / STACK).read_text(encoding="utf-8")}


@given(st.sets(st.sampled_from(sorted(SETTINGS))), st.sampled_from([None, "vip", "dnsrr"]))
def test_nothing_is_said_that_a_swarm_refuses(settings: set[str], endpoint_mode: str | None) -> None:
    options = SwarmOptions(endpoint_mode=endpoint_mode)  # pyright: ignore[reportArgumentType]
    found = export_swarm(with_all(project(), "app", sorted(settings)), options)
    body = service(found)
    assert not NOT_FOR_A_STACK & set(body)
    assert set(stack(found)) <= {"services", "networks", "volumes", "secrets", "configs"}
    rollout = deploy(found)
    mode = str(rollout.get("mode", "replicated"))
    assert ("replicas" in rollout) == (not mode.startswith("global"))
    if mode.endswith("-job"):
        assert "update_config" not in rollout
        assert mapping(rollout["restart_policy"])["condition"] in {"none", "on-failure"}
        return
    if any(mapping(port).get("mode") == "host" and mapping(port).get("published") for port in items(body.get("ports"))):
        assert order(found) == "stop-first"
    if rollout.get("endpoint_mode") == "dnsrr":
        assert all(mapping(port)["mode"] == "host" for port in items(body.get("ports")))
    declared = set(mapping(stack(found).get("networks"))) | {"default"}
    assert set(mapping(body.get("networks"))) <= declared


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("restart", "always", "start-first"),
        ("volumes", [{"type": "volume", "source": "data", "target": "/d"}], "stop-first"),
        ("volumes", [{"type": "volume", "source": "data", "target": "/d", "read_only": True}], "start-first"),
        ("volumes", [{"type": "bind", "source": "/srv/data", "target": "/d"}], "stop-first"),
        ("volumes", [{"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}], "start-first"),
        ("ports", [{"mode": "host", "target": 80, "published": "80"}], "stop-first"),
        ("ports", [{"mode": "host", "target": 80}], "start-first"),
        ("ports", [{"mode": "ingress", "target": 80, "published": "80"}], "start-first"),
        ("deploy.mode", "global", "stop-first"),
        ("deploy.update_config.order", "stop-first", "stop-first"),
    ],
)
def test_a_new_task_comes_first_unless_it_must_not(path: str, value: object, expected: str) -> None:
    found = export_swarm(app(path, value))
    assert order(found) == expected
    assert mapping(deploy(found)["rollback_config"])["order"] == expected
    assert mapping(deploy(found)["update_config"])["failure_action"] == "rollback"


def test_an_order_that_would_hang_is_changed_and_reported() -> None:
    data = app("deploy.update_config.order", "start-first", app("ports", [{"mode": "host", "target": 80, "published": "80"}]))
    found = export_swarm(data)
    assert order(found) == "stop-first"
    assert "deploy.update_config.order" in keys(found, LossKind.APPROXIMATED)


def test_without_a_virtual_address_ports_are_the_nodes_own() -> None:
    ports = [{"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"}]
    found = export_swarm(app("ports", ports), SwarmOptions(endpoint_mode="dnsrr"))
    assert service(found)["ports"] == [{"target": 80, "published": 8080, "protocol": "tcp", "mode": "host"}]
    assert deploy(found)["endpoint_mode"] == "dnsrr"
    assert order(found) == "stop-first"
    assert "ports[0].mode" in keys(found, LossKind.APPROXIMATED)
    said = export_swarm(app("deploy.endpoint_mode", "vip", app("ports", ports)), SwarmOptions(endpoint_mode="dnsrr"))
    assert deploy(said)["endpoint_mode"] == "vip"


@pytest.mark.parametrize(
    ("check", "seconds"),
    [
        (None, "5s"),
        ({"disable": True}, "5s"),
        ({"test": ["CMD", "x"], "interval": "10s", "timeout": "2s", "retries": 2}, "22s"),
        ({"test": ["CMD", "x"]}, "120s"),
        ({"test": ["CMD", "x"], "interval": "500ms", "timeout": "1s", "retries": 1}, "5s"),
    ],
)
def test_a_task_is_watched_for_as_long_as_its_check_takes_to_fail(check: object, seconds: str) -> None:
    data = app("healthcheck", check) if check else project()
    assert mapping(deploy(export_swarm(data))["update_config"])["monitor"] == seconds
    given = export_swarm(data, SwarmOptions(monitor=9))
    assert mapping(deploy(given)["update_config"])["monitor"] == "9s"
    own = export_swarm(with_setting(data, "app", "deploy.update_config.monitor", "1m0s"), SwarmOptions(monitor=9))
    assert mapping(deploy(own)["update_config"])["monitor"] == "1m0s"


def variables(found: Exported) -> set[str]:
    return set(re.findall(r"(?<!\$)\$\{(\w+):\?", found.files[STACK]))


def test_credentials_become_variables_of_the_shell_that_deploys() -> None:
    data = app("environment", {"URL": "amqp://u:s3cr3t-93712@mq", "API_TOKEN": "aaaa1111", "PRICE": "$$5"})
    data = with_setting(data, "db", "environment", {"MQ_PASSWORD": "s3cr3t-93712", "API_TOKEN": "bbbb2222"})
    found = export_swarm(data)
    mine, other = (mapping(service(found, name)["environment"]) for name in ("app", "db"))
    assert mine["URL"] == "amqp://u:${MQ_PASSWORD:?is not set}@mq"
    assert other["MQ_PASSWORD"] == "${MQ_PASSWORD:?is not set}"
    assert mine["PRICE"] == "$$5"
    # One name in two services for two values is two variables.
    assert mine["API_TOKEN"] == "${API_TOKEN:?is not set}"
    assert other["API_TOKEN"] == "${DB_API_TOKEN:?is not set}"
    assert variables(found) == {"MQ_PASSWORD", "API_TOKEN", "DB_API_TOKEN"}
    assert "# The shell has to have: API_TOKEN, DB_API_TOKEN, MQ_PASSWORD\n" in found.files[STACK]


def test_a_password_that_is_also_a_name_is_not_taken_out_of_an_address_by_guess() -> None:
    url = "postgres://db:db@db:5432/db"
    data = with_setting(app("environment", {"DATABASE_URL": url}), "db", "environment", {"POSTGRES_PASSWORD": "db"})
    found = export_swarm(data)
    assert mapping(service(found)["environment"])["DATABASE_URL"] == "${DATABASE_URL:?is not set}"
    assert service(found, "db")["image"] == "registry.example/db:1"


def test_restarts_are_said_in_a_swarms_words() -> None:
    policies = {
        "always": {"condition": "any"},
        "unless-stopped": {"condition": "any"},
        "on-failure:4": {"condition": "on-failure", "max_attempts": 4},
    }
    for said, expected in policies.items():
        assert deploy(export_swarm(app("restart", said)))["restart_policy"] == expected
    silent = project()
    silent["services"] = {"app": {"image": "x", "expose": ["80"]}}
    found = export_swarm(silent)
    assert deploy(found)["restart_policy"] == {"condition": "any"}
    assert "restart" in keys(found, LossKind.APPROXIMATED)


def test_what_is_meant_to_end_is_a_job_without_updates() -> None:
    data = with_setting(project(), "app", "depends_on", {"db": {"condition": "service_completed_successfully"}})
    found = export_swarm(data)
    assert deploy(found, "db")["mode"] == "replicated-job"
    assert "update_config" not in deploy(found, "db")


def test_the_two_forms_of_limits_are_one() -> None:
    data = app("mem_limit", "104857600", app("cpus", 1.5, app("pids_limit", 10)))
    limits = mapping(mapping(deploy(export_swarm(data))["resources"])["limits"])
    assert limits == {"cpus": "1.5", "memory": "104857600", "pids": 10}
    quota = export_swarm(app("cpu_quota", 25000, app("cpu_period", 50000)))
    assert mapping(mapping(deploy(quota)["resources"])["limits"]) == {"cpus": "0.5"}
    assert not {"cpu_quota", "cpu_period"} & (keys(quota, LossKind.LOST) | keys(quota, LossKind.APPROXIMATED))


def test_what_a_stack_cannot_make_is_to_be_made_before() -> None:
    found = export_swarm(project())
    assert mapping(stack(found)["configs"])["conf"] == {"external": True, "name": "conf"}
    assert any("docker config create conf -" in loss.advice for loss in found.losses)
    assert mapping(stack(found)["secrets"])["token"] == {"file": "/src/token"}
