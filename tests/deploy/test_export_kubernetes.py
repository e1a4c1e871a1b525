"""What becomes of a compose service in Kubernetes."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from compose_samples import project, with_setting

from trimtab.deploy.targets.kubernetes import KubernetesOptions, export_kubernetes
from trimtab.deploy.targets.kubernetes.probes import http_get, probes, start_failures
from trimtab.deploy.targets.loss import Exported, LossKind
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.plain import items, mapping

GOLDEN = Path(__file__).parent.parent / "golden" / "export" / "kubernetes"
Data = dict[str, object]


def of(found: Exported, kind: str, name: str = "app") -> Mapping[str, object]:
    every = [mapping(each) for text in found.files.values() for each in yaml.safe_load_all(text)]
    return next(each for each in every if each["kind"] == kind and mapping(each["metadata"])["name"] == name)


def kinds(found: Exported, name: str = "app") -> set[str]:
    every = [mapping(each) for text in found.files.values() for each in yaml.safe_load_all(text)]
    return {str(each["kind"]) for each in every if mapping(each["metadata"])["name"] == name}


def pod(found: Exported, kind: str = "Deployment", name: str = "app") -> Mapping[str, object]:
    return mapping(mapping(mapping(of(found, kind, name)["spec"])["template"])["spec"])


def container(found: Exported, kind: str = "Deployment", name: str = "app") -> Mapping[str, object]:
    return mapping(items(pod(found, kind, name)["containers"])[0])


def app(path: str, value: object, data: Data | None = None) -> Data:
    return with_setting(data or project(), "app", path, value)


def keys(found: Exported, kind: LossKind) -> set[str]:
    return {loss.key for loss in found.losses if loss.kind is kind and loss.service == "app"}


def test_a_whole_shop_is_what_it_was() -> None:
    """Change the expected files with care: users keep what they were given under version control."""
    data: Data = {
        "name": "shop",
        "services": {
            "web": {
                "build": {"context": "/src/web"},
                "command": ["serve", "--root", "$$HOME", "$$(pwd)"],
                "environment": {"ORDERS": "http://orders:8002", "SESSION_SECRET": "a-real-one-93712"},
                "depends_on": {"orders": {"condition": "service_healthy", "required": True}},
                "ports": [{"mode": "ingress", "target": 8080, "published": "80", "protocol": "tcp"}],
                "deploy": {
                    "replicas": 2,
                    "resources": {"limits": {"cpus": 0.5, "memory": "268435456"}, "reservations": {"memory": "134217728"}},
                },
                "healthcheck": {
                    "test": ["CMD-SHELL", "curl -fsS http://localhost:8080/health || exit 1"],
                    "interval": "10s", "timeout": "2s", "retries": 3, "start_period": "30s", "start_interval": "1s",
                },
                "read_only": True, "user": "1000:1000", "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"],
                "tmpfs": ["/tmp:size=16m"], "stop_grace_period": "20s", "restart": "unless-stopped",
                "networks": {"front": None, "back": None},
            },
            "orders": {
                "image": "registry.example/orders:3",
                "environment": {"STORE": "store:6379"},
                "depends_on": {"migrate": {"condition": "service_completed_successfully", "required": True}},
                "healthcheck": {"test": ["CMD", "wget", "-q", "--spider", "http://127.0.0.1:8002/"], "interval": "30s"},
                "restart": "always",
                "networks": {"back": None},
            },
            "migrate": {"image": "registry.example/orders:3", "command": ["migrate"], "networks": {"back": None}},
            "store": {
                "image": "redis:7",
                "volumes": [{"type": "volume", "source": "store", "target": "/data", "volume": {}}],
                "restart": "always",
                "networks": {"back": None},
            },
        },
        "networks": {"front": {"name": "shop_front"}, "back": {"name": "shop_back", "internal": True}},
        "volumes": {"store": {"name": "shop_store"}},
    }  # fmt: skip
    options = KubernetesOptions(images={"web": "registry.example/web@sha256:" + "a" * 64}, wait_image="busybox:1.37")
    found = export_kubernetes(data, options)
    expected = {path.name: path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.yaml")}
    assert found.files == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("curl -f http://localhost:8080/health || exit 1", {"path": "/health", "port": 8080}),
        ("curl -fsSL -o /dev/null 'http://127.0.0.1/x?a=1' >/dev/null 2>&1", {"path": "/x?a=1", "port": 80}),
        ("/usr/bin/wget --spider -q http://[::1]:9/", {"path": "/", "port": 9}),
        ("wget --no-check-certificate --tries=1 https://localhost/", {"path": "/", "port": 443, "scheme": "HTTPS"}),
        ("curl http://localhost:8080/health", None),  # content with an answer of 500
        ("curl -f https://localhost/", None),  # a probe verifies no certificate, and this does
        ("curl -f http://other:8080/", None),
        ("curl -f http://u:p@localhost:8080/", None),
        ("curl -f -H 'Host: x' http://localhost:8080/", None),
        ("curl -f -X POST http://localhost:8080/", None),
        ("curl -f http://localhost:1/ && curl -f http://localhost:2/", None),
        ("curl -f http://localhost:$PORT/", None),
        ("curl -f http://localhost:1/ http://localhost:2/", None),
        ("curl -f", None),
        ("curl -f 'http://localhost:8080", None),
        ("python check.py", None),
    ],
)
def test_only_a_plain_request_becomes_one_of_the_kubelet(command: str, expected: object) -> None:
    assert http_get(command, shell=True) == expected


def test_a_startup_probe_gives_a_container_no_less_time_than_the_engine_does() -> None:
    check = {
        "test": ["CMD", "x"],
        "interval": "10s",
        "timeout": "1.2s",
        "retries": 4,
        "start_period": "1m5s",
        "start_interval": "2s",
    }
    found = probes(Reading("a", check), set(), liveness=True)
    start = mapping(found["startupProbe"])
    assert start == {"exec": {"command": ["x"]}, "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 54}
    # The last of 54 failures comes 53 * 2 s after the first probe: no sooner than 65 s + 4 * 10 s.
    assert (54 - 1) * 2 >= 65 + 40 > (54 - 2) * 2 - 2
    assert found["readinessProbe"] == {
        "exec": {"command": ["x"]},
        "periodSeconds": 10,
        "timeoutSeconds": 2,
        "failureThreshold": 4,
    }
    assert found["livenessProbe"] == found["readinessProbe"]


@pytest.mark.parametrize(("period", "interval", "retries", "pace"), [(1.0, 30.0, 3, 5), (300.0, 10.0, 1, 7), (0.5, 0.5, 1, 1)])
def test_start_failures_cover_the_whole_budget(period: float, interval: float, retries: int, pace: int) -> None:
    failures = start_failures(period, interval, retries, pace)
    assert (failures - 1) * pace >= period + retries * interval
    assert (failures - 2) * pace < period + retries * interval


def test_what_the_engine_has_counts_where_a_check_says_nothing() -> None:
    found = probes(Reading("a", {"test": ["CMD-SHELL", "true"]}), set(), liveness=False)
    assert found == {
        "readinessProbe": {
            "exec": {"command": ["/bin/sh", "-c", "true"]}, "periodSeconds": 30, "timeoutSeconds": 30, "failureThreshold": 3,
        }
    }  # fmt: skip
    assert probes(Reading("a", {"disable": True}), set(), liveness=True) == {}
    assert probes(Reading("a", {"test": ["NONE"]}), set(), liveness=True) == {}


def test_a_request_to_a_port_that_nothing_opens_stays_a_command() -> None:
    check = {"test": ["CMD", "curl", "-f", "http://localhost:7777/"]}
    found = export_kubernetes(app("healthcheck", check))
    assert mapping(container(found)["readinessProbe"])["exec"] == {"command": ["curl", "-f", "http://localhost:7777/"]}
    assert "healthcheck.test" in keys(found, LossKind.APPROXIMATED)


def test_who_writes_to_a_volume_runs_once() -> None:
    mount = {"type": "volume", "source": "data", "target": "/data"}
    found = export_kubernetes(app("deploy.replicas", 3, app("volumes", [mount])))
    assert mapping(of(found, "StatefulSet")["spec"])["replicas"] == 1
    assert "deploy.replicas" in keys(found, LossKind.LOST)
    assert "PodDisruptionBudget" not in kinds(found)
    shared = with_setting(app("volumes", [mount]), "db", "volumes", [{**mount, "read_only": True}])
    found = export_kubernetes(shared)
    assert mapping(of(found, "Deployment")["spec"])["strategy"] == {"type": "Recreate"}
    assert mapping(of(found, "PersistentVolumeClaim", "data")["spec"])["accessModes"] == ["ReadWriteMany"]
    reader = export_kubernetes(app("deploy.replicas", 3, app("volumes", [{**mount, "read_only": True}])))
    assert mapping(of(reader, "Deployment")["spec"])["replicas"] == 3
    assert "PodDisruptionBudget" in kinds(reader)


def test_a_volume_on_each_node_is_lost() -> None:
    mount = {"type": "volume", "source": "data", "target": "/data"}
    found = export_kubernetes(app("deploy.mode", "global", app("volumes", [mount])))
    assert "DaemonSet" in kinds(found)
    assert "deploy.mode" in keys(found, LossKind.LOST)
    assert "deploy.mode" not in keys(export_kubernetes(app("deploy.mode", "global")), LossKind.LOST)


def test_what_is_meant_to_end_is_a_job() -> None:
    data = with_setting(project(), "app", "depends_on", {"db": {"condition": "service_completed_successfully"}})
    found = export_kubernetes(data)
    assert "Job" in kinds(found, "db")
    assert "depends_on.db.condition" in keys(found, LossKind.LOST)
    data["services"] = {"once": {"image": "x", "restart": "on-failure:4"}}
    spec = mapping(of(export_kubernetes(data), "Job", "once")["spec"])
    assert spec["backoffLimit"] == 4
    assert mapping(mapping(spec["template"])["spec"])["restartPolicy"] == "OnFailure"


def test_restarts_alone_make_a_job_only_of_what_nobody_calls_and_are_reported() -> None:
    data: Data = {"services": {"worker": {"image": "x", "restart": "on-failure"}}}
    found = export_kubernetes(data)
    assert "Job" in kinds(found, "worker")
    assert [loss.key for loss in found.losses if "Job" in loss.reason] == ["restart", "restart"]
    data["services"] = {
        "worker": {"image": "x", "restart": "on-failure"},
        "web": {"image": "y", "environment": {"QUEUE": "worker:5672"}},
    }
    assert "Deployment" in kinds(export_kubernetes(data), "worker")


def test_credentials_go_to_a_secret_without_their_values_and_commands_refer_to_it() -> None:
    data = app(
        "command", ["serve", "--password=tr0ub4dor-x", "$$(date)"], app("environment", {"DB_PASSWORD": "tr0ub4dor-x", "A": "1"})
    )
    found = export_kubernetes(data)
    assert of(found, "Secret", "app-env")["stringData"] == {"DB_PASSWORD": "REPLACE_ME"}
    assert of(found, "ConfigMap", "app-env")["data"] == {"A": "1"}
    assert container(found)["args"] == ["serve", "--password=$(DB_PASSWORD)", "$$(date)"]
    assert "tr0ub4dor-x" not in "".join(found.files.values())


@pytest.mark.parametrize(
    ("test", "expected", "kind"),
    [
        (
            ["CMD", "mysqladmin", "ping", "-h", "a b", "-ptr0ub4"],
            "mysqladmin ping -h 'a b' -p\"${DB_PASSWORD}\"",
            LossKind.APPROXIMATED,
        ),
        (["CMD-SHELL", "redis-cli -a tr0ub4 ping | grep PONG"], "redis-cli -a ${DB_PASSWORD} ping | grep PONG", None),
        (["CMD-SHELL", "check 'tr0ub4'"], "check 'REPLACE_ME'", LossKind.LOST),
        (["CMD-SHELL", "check --key=0ther93712"], "check --key=0ther93712", None),
        (["CMD-SHELL", "check --password=0ther93712"], "check --password=REPLACE_ME", LossKind.LOST),
    ],
)
def test_a_probe_reads_a_credential_from_its_variable(test: list[str], expected: str, kind: LossKind | None) -> None:
    found = export_kubernetes(app("healthcheck", {"test": test}, app("environment", {"DB_PASSWORD": "tr0ub4"})))
    assert mapping(mapping(container(found)["readinessProbe"])["exec"])["command"] == ["/bin/sh", "-c", expected]
    assert [loss.kind for loss in found.losses if loss.key == "healthcheck.test"] == ([kind] if kind else [])


def test_a_node_has_a_port_once() -> None:
    found = export_kubernetes(app("network_mode", "host", app("deploy.update_config.order", "start-first")))
    assert pod(found)["dnsPolicy"] == "ClusterFirstWithHostNet"
    rolling = mapping(mapping(of(found, "Deployment")["spec"])["strategy"])["rollingUpdate"]
    assert rolling == {"maxSurge": 0, "maxUnavailable": 1}
    assert "deploy.update_config.order" in keys(found, LossKind.APPROXIMATED)


@pytest.mark.parametrize(("driver", "kind"), [("json-file", LossKind.APPROXIMATED), ("fluentd", LossKind.LOST)])
def test_a_log_is_lost_where_it_went_somewhere_else(driver: str, kind: LossKind) -> None:
    assert "logging" in keys(export_kubernetes(app("logging", {"driver": driver, "options": {"max-size": "1m"}})), kind)


def test_rights_are_said_in_numbers() -> None:
    found = export_kubernetes(app("user", "1000:100", app("group_add", ["44", "video"])))
    context = mapping(container(found)["securityContext"])
    assert (context["runAsUser"], context["runAsGroup"], context["runAsNonRoot"]) == (1000, 100, True)
    assert mapping(pod(found)["securityContext"])["supplementalGroups"] == [44]
    assert keys(found, LossKind.LOST) == {"group_add"}
    assert "user" in keys(export_kubernetes(app("user", "app")), LossKind.LOST)


def test_what_kubernetes_refuses_together_is_not_said_together() -> None:
    data = app("privileged", value=True, data=app("security_opt", ["no-new-privileges:true"]))
    found = export_kubernetes(data)
    context = mapping(container(found)["securityContext"])
    assert context["privileged"] is True
    assert "allowPrivilegeEscalation" not in context
    assert "security_opt" in keys(found, LossKind.LOST)


def test_an_internal_network_has_no_way_out() -> None:
    data = app("networks", {"back": None})
    data["networks"] = {"back": {"name": "sample_back", "internal": True}}
    policy = mapping(of(export_kubernetes(data), "NetworkPolicy", "internal-app")["spec"])
    assert policy["policyTypes"] == ["Egress"]
    ports = [mapping(port)["port"] for rule in items(policy["egress"]) for port in items(mapping(rule).get("ports"))]
    assert ports == [53, 53]
    data["networks"] = {"back": {"name": "sample_back"}}
    assert "NetworkPolicy" not in kinds(export_kubernetes(data), "internal-app")


def test_configuration_files_are_read_where_they_are_to_be_had() -> None:
    data = project()
    data["configs"] = {"conf": {"name": "sample_conf", "file": "/src/app.conf"}}
    found = export_kubernetes(data, KubernetesOptions(texts={"/src/app.conf": "price = $5\n"}))
    assert of(found, "ConfigMap", "conf")["data"] == {"content": "price = $5\n"}
    missing = export_kubernetes(data)
    assert ("configs.conf.file", LossKind.LOST) in {(loss.key, loss.kind) for loss in missing.losses}


def test_names_that_become_one_stay_two() -> None:
    data: Data = {"services": {"Data_API": {"image": "a"}, "data-api": {"image": "b"}, "secrets": {"image": "c"}}}
    found = export_kubernetes(data)
    assert container(found, name="data-api")["image"] == "b"
    assert {"image": "a"}.items() <= next(
        mapping(items(mapping(mapping(mapping(each["spec"])["template"])["spec"])["containers"])[0]).items()
        for each in (mapping(one) for text in found.files.values() for one in yaml.safe_load_all(text))
        if str(mapping(each["metadata"])["name"]).startswith("data-api-")
    )
    assert len([name for name in found.files if name not in {"network-policies.yaml"}]) == 3
