"""What is planned for a swarm: first versions, changes, drift, orphans, the way back, and what is refused."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stage import desired
from swarm_samples import seen, service

from trimtab.deploy.project import project_of
from trimtab.deploy.targets.swarm import Stack, SwarmOptions, read_stack, stack_text
from trimtab.deploy.targets.swarm.against import loose_volumes, other_losses, vital_losses
from trimtab.deploy.targets.swarm.applying import Files, part_of, stack_deploy
from trimtab.deploy.targets.swarm.back import plan_back
from trimtab.deploy.targets.swarm.cluster import Seen
from trimtab.deploy.targets.swarm.files import with_versions
from trimtab.deploy.targets.swarm.kept import Kept, name_of
from trimtab.deploy.targets.swarm.pinned import name_of as image_name
from trimtab.deploy.targets.swarm.pinned import pinned_here, registry
from trimtab.deploy.targets.swarm.plan import Asked, SwarmPlan, config_of, next_revision, plan_swarm, read_changes
from trimtab.errors import UsageError
from trimtab.fleet.plain import mapping

BODIES: dict[str, Any] = {
    "db": {"image": "db:1", "restart": "always"},
    "web": {
        "image": "web:1", "restart": "always", "depends_on": {"db": {"condition": "service_healthy"}}, "scale": 3,
        "environment": {"DB_PASSWORD": "sesame-open-91xK"},
    },
}  # fmt: skip
PINNED = {"db": "db:1@sha256:dd", "web": "web:1@sha256:ee"}


def stack_of(bodies: Mapping[str, Any], top: Mapping[str, Any] | None = None) -> Stack:
    return read_stack({**project_of(desired(bodies)), **(top or {})}, SwarmOptions(PINNED))


def there(bodies: Mapping[str, Any] = BODIES, **changed: Any) -> Seen:
    """The project as a deployment of revision 1 has left it."""
    stack = stack_of(bodies)
    found: list[dict[str, Any]] = []
    for name in bodies:
        each = service(revision=1, ID=name)
        each["Spec"]["Name"] = f"shop_{name}"
        each["Spec"]["Labels"]["io.trimtab.config"] = config_of(desired(bodies).services[name], stack)
        each["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = PINNED[name]
        found.append(each)
    for each in found:
        each["Spec"].update(changed.get(each["ID"], {}))
    return seen(found, [])


def plan(bodies: Mapping[str, Any], now: Seen, kept: Any = None, **asked: Any) -> SwarmPlan:
    return plan_swarm(desired(bodies), stack_of(bodies), now, kept or {}, 2, Asked(**asked))


def test_a_first_deployment_waits_for_what_others_need() -> None:
    assert plan(BODIES, seen([], [])).told() == (
        "deploy shop, revision 2, on a swarm of 3 nodes, 1 of them manager: 2 of 2 services\n"
        "     create   db                       it is not there\n"
        "     -- when all of these are good --\n"
        "     create   web                      it is not there\n"
    )


def test_only_what_has_changed_is_updated() -> None:
    assert plan(BODIES, there()).empty
    changed = {**BODIES, "web": {**BODIES["web"], "environment": {"DB_PASSWORD": "another-11aB"}}}
    found = plan(changed, there())
    assert [(each.service, each.kind, each.cause, each.before) for each in found.changes] == [
        ("web", "update", "its configuration is another", 1)
    ]
    assert found.changes[0].how == "start-first, 1 at a time; goes back by itself when a task fails within 5s"
    assert "another-11aB" not in json.dumps(found.data())
    # How tasks are replaced is for people, and not kept.
    assert read_changes(json.loads(json.dumps(found.data()))) == (replace(found.changes[0], how=""),)


def test_what_somebody_else_has_changed_is_put_right() -> None:
    now = there()
    kept = {("web", 1): {**now.services["web"].spec, "EndpointSpec": {"Mode": "vip"}}, ("db", 1): now.services["db"].spec}
    found = plan(BODIES, now, kept)
    assert [(each.service, each.cause, each.before) for each in found.changes] == [
        ("web", "somebody has changed it since", None)
    ]
    assert next_revision(now, kept, 1) == 3
    assert next_revision(now, {("db", 1): now.services["db"].spec}, 1) == 2


def test_orphans_go_when_that_is_asked_for() -> None:
    only = {"db": BODIES["db"]}
    assert plan(only, there()).stays == {
        "db": "nothing of it has changed", "web": "no file names it any more: --remove-orphans removes it",
    }  # fmt: skip
    assert [each.kind for each in plan(only, there(), remove_orphans=True).changes] == ["remove"]


def test_the_command_has_no_credential_and_the_environment_has() -> None:
    files = Files(desired(BODIES), stack_of(BODIES))
    command = stack_deploy(part_of(files, ["web"], 7, "7-ab"), credentials=False)
    text = command.stdin.decode()
    said = "docker stack deploy --compose-file - --detach=true --resolve-image never shop"
    assert " ".join(command.argv) == said
    assert dict(command.env) == {"DB_PASSWORD": "sesame-open-91xK"}
    assert "sesame" not in text + repr(files) + " ".join(command.argv)
    assert ('io.trimtab.revision: "7"' in text and 'io.trimtab.deployment: "7-ab"' in text, "\n  db:" in text) == (True, False)


def test_a_variable_that_the_client_obeys_goes_by_another_name() -> None:
    body = {"image": "web:1", "environment": {"HTTP_PROXY": "http://me:swordfish-77q@proxy:1"}}
    stack = stack_of({"web": body})
    assert list(stack.variables) == ["HTTP_PROXY_CREDENTIAL"]
    whole = stack_of({"web": {"image": "web:1", "environment": {"DOCKER_CONFIG": "ghp_0123456789abcdefghijABCDEFGHIJ012345"}}})
    assert list(whole.variables) == ["WEB_DOCKER_CONFIG"]
    assert "${WEB_DOCKER_CONFIG:?is not set}" in stack_text(whole)


def test_another_text_of_a_file_is_another_config(tmp_path: Path) -> None:
    body = {"web": {**BODIES["web"], "configs": [{"source": "site"}]}}
    top = {"configs": {"site": {"name": "shop_site", "file": str(tmp_path / "site.conf")}}}
    digests: list[str] = []
    names: list[str] = []
    for text in ("a", "b"):
        (tmp_path / "site.conf").write_text(text)
        stack = with_versions(stack_of(body, top), "swarm-id")
        names.append(str(mapping(mapping(stack.data["configs"])["site"])["name"]))
        digests.append(config_of(desired(body).services["web"], stack))
    assert len({*names, *digests}) == 4
    (tmp_path / "site.conf").unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        with_versions(stack_of(body, top), "swarm-id")


def test_the_way_back() -> None:
    now = there()
    kept = [
        Kept("web", number, f"id{number}", {"TaskTemplate": {"ContainerSpec": {"Image": f"web:{number}"}}}) for number in (0, 1)
    ]
    found = plan_back(now, kept, 2)
    assert [(each.service, each.source, each.image) for each in found.changes] == [("web", 0, "web:0")]
    assert found.stays == {"db": "no earlier revision of it is kept"}
    assert plan_back(now, kept, 2, to=1).stays["web"] == "it runs revision 1 already"
    assert plan_back(now, kept, 2, ["db"]).stays["web"] == "not asked for"


def test_names_of_kept_revisions_fit() -> None:
    assert name_of("shop", "web", 7) == "shop_web.r7"
    long = name_of("p" * 40, "s" * 40, 12)
    assert len(long) == 64
    assert long.endswith(".r12")
    assert long != name_of("p" * 40, "s" * 41, 12)


def test_what_would_be_another_service_is_refused() -> None:
    body = {
        "image": "web:1", "privileged": True, "userns_mode": "host", "security_opt": ["no-new-privileges"], "cgroup": "private",
        "device_cgroup_rules": ["c 1:3 mr"], "group_add": ["audio"], "cgroup_parent": "m.slice", "cpuset": "0", "restart": "always",
        "depends_on": {"db": {"condition": "service_healthy"}},
        "ports": [{"target": 80, "published": "80", "host_ip": "127.0.0.1"}],
    }  # fmt: skip
    losses = stack_of({"web": body, "db": {**BODIES["db"], "privileged": True, "cpuset": "0"}}).losses
    assert [each.split(": ")[1] for each in vital_losses(losses, ["web"])] == [
        "`cgroup`", "`device_cgroup_rules`", "`group_add`", "`ports[0].host_ip`", "`privileged`", "`security_opt`",
        "`userns_mode`",
    ]  # fmt: skip
    assert [each.split(": ")[:2] for each in other_losses(losses, ["web"])] == [
        ["`web`", "`cgroup_parent`"],
        ["`web`", "`cpuset`"],
    ]


def test_a_volume_of_every_node_is_refused_where_there_are_several() -> None:
    mount = {"type": "volume", "source": "data", "target": "/data"}
    bodies: dict[str, Any] = {
        "db": {**BODIES["db"], "volumes": [mount]},
        "web": {**BODIES["web"], "volumes": [{**mount, "read_only": True}]},
    }
    top: dict[str, Any] = {"volumes": {"data": {"name": "shop_data"}}}
    now = seen([], [])
    assert [each.split(":")[0] for each in loose_volumes(stack_of(bodies, top), now, list(bodies))] == ["`db`"]
    shared = {"volumes": {"data": {"name": "shop_data", "driver_opts": {"type": "nfs"}}}}
    assert not loose_volumes(stack_of(bodies, shared), now, list(bodies))
    bodies["db"]["deploy"] = {"placement": {"constraints": ["node.labels.disk == here"]}}
    assert not loose_volumes(stack_of(bodies, top), now, list(bodies))


@pytest.mark.parametrize(
    ("reference", "host", "name"),
    [
        ("web:1", "", "web"),
        ("library/web", "", "library/web"),
        ("localhost:5000/web:1", "localhost", "localhost:5000/web"),
        ("reg.example/a/web:1@sha256:aa", "reg.example", "reg.example/a/web"),
        ("localhost/web", "localhost", "localhost/web"),
    ],
)
def test_parts_of_a_reference(reference: str, host: str, name: str) -> None:
    assert (registry(reference), image_name(reference)) == (host, name)


def test_a_node_alone_runs_what_it_has() -> None:
    assert pinned_here("web:1", {"Id": "sha256:11", "RepoDigests": []}) == "sha256:11"
    assert pinned_here("web:1", {"Id": "sha256:11", "RepoDigests": ["other@sha256:22", "web@sha256:33"]}) == "web:1@sha256:33"
