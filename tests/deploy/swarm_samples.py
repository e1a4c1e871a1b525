"""What a manager answers about a small project, to be changed by tests."""

import copy
from collections.abc import Mapping
from typing import Any

from trimtab.deploy.targets.swarm.cluster import Seen, read_seen

NODES: list[dict[str, Any]] = [
    {
        "ID": f"node{number}", "Spec": {"Availability": "active", "Role": "manager" if number == 1 else "worker"},
        "Description": {"Hostname": f"swm-{number}"}, "Status": {"State": "ready"},
    }
    for number in (1, 2, 3)
]  # fmt: skip


def container(version: str, **more: Any) -> dict[str, Any]:
    return {"ContainerSpec": {"Image": "reg.example/web:1@sha256:aa", "Env": [f"VERSION={version}"]}, "ForceUpdate": 0, **more}


def service(version: str = "2", revision: int | None = 2, status: str = "", wanted: int = 3, **more: Any) -> dict[str, Any]:
    labels = (
        {}
        if revision is None
        else {"io.trimtab.revision": str(revision), "io.trimtab.source": str(revision), "io.trimtab.config": "c"}
    )
    spec: dict[str, Any] = {
        "Name": "shop_web",
        "Labels": labels,
        "TaskTemplate": container(version, Runtime="container"),
        "Mode": {"Replicated": {}},
    }
    update = {"State": status, "StartedAt": "2026-01-01T00:00:10.5Z", "Message": f"{status} it is"}
    return {
        "ID": "web", "Version": {"Index": 40}, "UpdatedAt": "2026-01-01T00:00:10Z", "Spec": spec,
        **({"UpdateStatus": update} if status else {}), "ServiceStatus": {"DesiredTasks": wanted}, **more,
    }  # fmt: skip


def task(number: int, version: str = "2", state: str = "running", desired: str = "running", **more: Any) -> dict[str, Any]:
    status = {"State": state, **more.pop("status", {})}
    return {
        "ID": f"task{number}{version}{state}", "ServiceID": "web", "Slot": number, "NodeID": f"node{number}", "Status": status,
        "DesiredState": desired, "CreatedAt": f"2026-01-01T00:00:1{number}Z", "Spec": container(version), **more,
    }  # fmt: skip


def seen(services: list[dict[str, Any]], tasks: list[dict[str, Any]], lost: Mapping[str, str] | None = None) -> Seen:
    nodes = copy.deepcopy(NODES)
    for node in nodes:
        node["Status"]["State"] = (lost or {}).get(node["Description"]["Hostname"], "ready")
    return read_seen("shop", nodes, services, tasks)
