"""Whatever a service says is in the export, or in the report of what is lost."""

from collections.abc import Callable, Mapping

import pytest
from compose_samples import PASSWORD, SETTINGS, TOKEN, project, with_all, with_setting, without
from hypothesis import given
from hypothesis import strategies as st

from trimtab.deploy.targets.kubernetes import KubernetesOptions, export_kubernetes
from trimtab.deploy.targets.loss import Exported, LossKind
from trimtab.deploy.targets.swarm import SwarmOptions, export_swarm

Exporter = Callable[[Mapping[str, object]], Exported]
EXPORTERS: dict[str, Exporter] = {"kubernetes": export_kubernetes, "swarm": export_swarm}
NOT_OF_A_JOB = {"deploy.mode", "deploy.endpoint_mode"}


@pytest.mark.parametrize("path", SETTINGS)
@pytest.mark.parametrize("target", EXPORTERS)
def test_a_setting_is_used_or_reported(target: str, path: str) -> None:
    export, plain = EXPORTERS[target], without(project(), "app", path)
    before, after = export(plain), export(with_setting(plain, "app", path, SETTINGS[path]))
    new = {loss for loss in after.losses if loss.service == "app"} - set(before.losses)
    reported = any(_speaks_of(loss.key, path) for loss in new)
    assert reported or after.files != before.files, path


def _speaks_of(key: str, path: str) -> bool:
    plain = key.partition("[")[0]
    return plain == path or plain.startswith(f"{path}.") or path.startswith(f"{plain}.")


@pytest.mark.parametrize("target", EXPORTERS)
def test_what_nobody_has_heard_of_is_lost(target: str) -> None:
    data = with_setting(project(), "app", "healthcheck.something_new", "x")
    data = with_setting(data, "app", "deploy.update_config.something_new", "x")
    lost = {loss.key for loss in EXPORTERS[target](data).losses if loss.kind is LossKind.LOST}
    assert {"healthcheck.something_new", "deploy.update_config.something_new"} <= lost


@pytest.mark.parametrize("target", EXPORTERS)
@pytest.mark.parametrize("key", ["networks", "volumes", "secrets", "configs", "models"])
def test_what_services_share_is_used_or_reported_too(target: str, key: str) -> None:
    data = project()
    plain = EXPORTERS[target](data)
    data[key] = {**_mapping(data.get(key)), "other": {"name": "sample_other", "something_new": "x"}}
    found = EXPORTERS[target](data)
    assert any(loss.key.startswith(f"{key}.other") or loss.key == key for loss in set(found.losses) - set(plain.losses))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


SECRET_PLACES: dict[str, object] = {
    "environment": {"DB_PASSWORD": PASSWORD, "URL": f"postgres://app:{PASSWORD}@db:5432/x", "HINT": f"not {PASSWORD}"},
    "command": ["serve", f"--password={PASSWORD}", "--token", TOKEN],
    "entrypoint": ["/bin/sh", "-c", f"run --api-key {TOKEN}"],
    "healthcheck": {"test": ["CMD-SHELL", f"check -u app:{PASSWORD} -p{PASSWORD} --token={TOKEN}"]},
    "labels": {"example.com/password": PASSWORD, "token": TOKEN},
    "annotations": {"example.com/api-key": TOKEN},
    "deploy.labels": {"proxy.auth.password": PASSWORD},
    "logging": {"driver": "splunk", "options": {"splunk-token": TOKEN}},
    "post_start": [{"command": ["warm", PASSWORD]}],
    "pre_stop": [{"command": ["drain", f"--with={PASSWORD}"]}],
}


@given(
    st.sets(st.sampled_from(sorted(SECRET_PLACES)), min_size=1),
    st.sets(st.sampled_from(sorted(SETTINGS))),
    st.sampled_from(sorted(EXPORTERS)),
)
def test_no_credential_is_in_any_output(places: set[str], settings: set[str], target: str) -> None:
    data = with_all(project(), "app", sorted(settings - places))
    for path in sorted(places):
        data = with_setting(data, "app", path, SECRET_PLACES[path])
    data = with_setting(data, "db", "environment", {"POSTGRES_PASSWORD": PASSWORD, "API_TOKEN": TOKEN})
    options = {"driver": "local", "driver_opts": {"type": "cifs", "o": f"username=app,password={PASSWORD}"}}
    data["volumes"] = {"data": {"name": "sample_data", **options}}
    data["configs"] = {"conf": {"name": "sample_conf", "content": f"auth = {PASSWORD}\n"}}
    found = EXPORTERS[target](data)
    said = "".join(found.files.values()) + "".join(f"{loss.key}{loss.reason}{loss.advice}" for loss in found.losses)
    assert PASSWORD not in said
    assert TOKEN not in said


@given(st.sets(st.sampled_from(sorted(SETTINGS))), st.sampled_from(sorted(EXPORTERS)), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_nothing(settings: set[str], target: str, random: object) -> None:
    paths = sorted(settings)
    shuffled = list(paths)
    random.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    first = EXPORTERS[target](with_all(project(), "app", paths))
    again = EXPORTERS[target](with_all(project(), "app", shuffled))
    assert first.files == again.files
    assert list(first.files.items()) == list(again.files.items())
    assert first.losses == again.losses


@pytest.mark.parametrize(
    "data", [{}, {"services": None}, {"services": {"a": None}}, {"services": {"a": {"ports": "80", "deploy": 3}}}]
)
def test_what_is_no_project_is_no_crash(data: dict[str, object]) -> None:
    assert export_kubernetes(data, KubernetesOptions()).files is not None
    assert export_swarm(data, SwarmOptions()).files
