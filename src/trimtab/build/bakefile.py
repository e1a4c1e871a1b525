"""The graph as a bake file that `docker buildx bake` takes without trimtab."""

import json
import posixpath
from pathlib import PurePosixPath

from trimtab.build.graph import Graph
from trimtab.build.target import Target
from trimtab.fleet.secrets import secret_kind


def bake_file(graph: Graph) -> str:
    """The bake file as JSON: one target for each image, linked where one is built from another.

    Paths count from the fleet's root, where bake has to be run. An argument that looks like a credential is no literal: it
    becomes a variable without a default, which bake takes from the environment.
    """
    variables: dict[str, object] = {}
    targets = {name: _target(graph, target, variables) for name, target in graph.targets.items() if name not in graph.circular}
    found: dict[str, object] = {"group": {"default": {"targets": list(targets)}}}
    if variables:
        found["variable"] = variables
    found["target"] = targets
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _target(graph: Graph, target: Target, variables: dict[str, object]) -> dict[str, object]:
    build, options = target.build, target.options
    links = {link.context: f"target:{link.provider}" for link in graph.links_of(target.name)}
    context = build.context if build.context is not None else str(build.options.get("context") or ".")
    found: dict[str, object] = {
        "context": context or ".",
        "dockerfile": _dockerfile(target, context),
        "dockerfile-inline": options.inline,
        "target": build.target,
        "contexts": {**build.additional_contexts, **links},
        "args": {name: _argument(name, value, variables) for name, value in build.args.items()},
        "labels": dict(options.labels),
        "tags": list(target.tags),
        "platforms": list(build.platforms),
        "secret": list(options.secrets),
        "ssh": list(options.ssh),
        "network": options.network,
        "extra-hosts": dict(host.split(":", 1) for host in options.hosts),
        "shm-size": options.shm_size,
        "ulimits": list(options.ulimits),
        "cache-from": list(options.cache_from),
        "cache-to": list(options.cache_to),
        "entitlements": list(options.entitlements),
        "no-cache": options.no_cache,
        "pull": options.pull,
    }
    return {key: value for key, value in found.items() if value not in (None, [], {}, False)}


def _dockerfile(target: Target, context: str) -> str | None:
    """The Dockerfile as bake counts it: from the context."""
    if target.options.inline is not None:
        return None
    if target.build.dockerfile is None:
        return str(target.build.options.get("dockerfile") or "") or None
    return str(PurePosixPath(posixpath.relpath(target.build.dockerfile, context or ".")))


def _argument(name: str, value: str, variables: dict[str, object]) -> str:
    if secret_kind(name, value) is None:
        # Bake's own marks for variables.
        return value.replace("${", "$${").replace("%{", "%%{")
    variables[name] = {"default": ""}
    return f"${{{name}}}"
