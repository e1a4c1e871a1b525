"""Exports against the real schemas, where they are to be had.

`TRIMTAB_KUBERNETES_SCHEMAS` names a folder of schemas by kind, made of Kubernetes' own OpenAPI description, in which unknown
fields are refused (`deployment-apps-v1.json`, as in the package kubernetes-validate below `kubernetes-json-schema/*-local-strict`).
`TRIMTAB_STACK_SCHEMA` names docker/cli's `config_schema_v3.13.json`.
"""

import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from compose_samples import SETTINGS, project, with_all
from hypothesis import given
from hypothesis import strategies as st
from test_manifest_laws import OPTIONS, documents, projects

from trimtab.deploy.targets.kubernetes import KubernetesOptions, export_kubernetes
from trimtab.deploy.targets.swarm import STACK, SwarmOptions, export_swarm
from trimtab.fleet.plain import mapping

jsonschema = pytest.importorskip("jsonschema")
referencing = pytest.importorskip("referencing")
KUBERNETES, SWARM = os.environ.get("TRIMTAB_KUBERNETES_SCHEMAS", ""), os.environ.get("TRIMTAB_STACK_SCHEMA", "")
kubernetes = pytest.mark.skipif(not KUBERNETES, reason="TRIMTAB_KUBERNETES_SCHEMAS names no folder")
swarm = pytest.mark.skipif(not SWARM, reason="TRIMTAB_STACK_SCHEMA names no file")


@functools.cache
def _retrieve(address: str) -> object:
    text = (Path(KUBERNETES) / address.rpartition("/")[2]).read_text(encoding="utf-8")
    return referencing.Resource.from_contents(json.loads(text), default_specification=referencing.jsonschema.DRAFT7)


@functools.cache
def _validator(name: str) -> object:
    schema = json.loads((Path(KUBERNETES) / name).read_text(encoding="utf-8"))
    return jsonschema.Draft7Validator(schema, registry=referencing.Registry(retrieve=_retrieve))


def errors_of(manifest: Mapping[str, object]) -> list[str]:
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    name = "-".join([str(manifest["kind"]).lower(), *([group.partition(".")[0]] if group else []), version])
    found = _validator(f"{name}.json").iter_errors(manifest)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    return [f"{manifest['kind']} {list(error.path)}: {error.message[:200]}" for error in found]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType]


@kubernetes
@pytest.mark.parametrize("path", SETTINGS)
def test_manifests_with_each_setting_are_valid(path: str) -> None:
    found = export_kubernetes(with_all(project(), "app", [path]), KubernetesOptions(liveness=True, wait_image="busybox:1"))
    assert [error for each in documents(found) for error in errors_of(each)] == []


@kubernetes
@given(projects(), OPTIONS)
def test_manifests_of_every_project_are_valid(data: dict[str, object], options: KubernetesOptions) -> None:
    assert [error for each in documents(export_kubernetes(data, options)) for error in errors_of(each)] == []


@kubernetes
def test_the_schemas_do_refuse() -> None:
    manifest = dict(documents(export_kubernetes(project()))[0])
    assert errors_of({**manifest, "speck": {}})
    assert errors_of({**manifest, "metadata": {"name": 3}})


@functools.cache
def _stack_validator() -> object:
    return jsonschema.Draft7Validator(json.loads(Path(SWARM).read_text(encoding="utf-8")))


def stack_errors(text: str) -> list[str]:
    found = _stack_validator().iter_errors(mapping(yaml.safe_load(text)))  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    return [f"{list(error.path)}: {error.message[:200]}" for error in found]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType]


@swarm
@pytest.mark.parametrize("path", SETTINGS)
def test_stacks_with_each_setting_are_valid(path: str) -> None:
    assert stack_errors(export_swarm(with_all(project(), "app", [path])).files[STACK]) == []


@swarm
@given(projects(), st.sampled_from([None, "dnsrr"]))
def test_stacks_of_every_project_are_valid(data: dict[str, object], endpoint_mode: str | None) -> None:
    options = SwarmOptions(endpoint_mode=endpoint_mode)  # pyright: ignore[reportArgumentType]
    assert stack_errors(export_swarm(data, options).files[STACK]) == []


@swarm
def test_the_stack_schema_does_refuse() -> None:
    assert stack_errors("name: x\nservices: {}\n")
    assert stack_errors("services: {a: {image: x, cpus: 1}}\n")
