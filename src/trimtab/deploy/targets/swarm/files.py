"""Secrets and configuration files of a project on a swarm, which changes none of them: a new text is a new one."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from trimtab.deploy.names import PROJECT, ROLE
from trimtab.deploy.targets.swarm.export import Stack
from trimtab.errors import UsageError
from trimtab.fleet.plain import items, mapping, text

FILE = "file"
"""The role of a secret or config that a deployment has made of a file."""
KINDS = ("secrets", "configs")


def files_of(body: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The secrets and configs that a service of a stack has, by kind and by the stack's name for them."""
    for kind in KINDS:
        for each in items(body.get(kind)):
            yield kind, text(mapping(each).get("source")) or str(each)


def with_versions(stack: Stack, swarm: str) -> Stack:
    """The stack with a name for each secret and config that another text would change; names that people gave stay.

    Args:
        stack: The stack.
        swarm: The swarm's id. It goes into the name, so that nobody outside can try what a short secret might be by its name.

    Raises:
        UsageError: a file cannot be read.
    """
    kinds = {
        kind: {key: _named(stack, key, mapping(each), swarm) for key, each in mapping(stack.data.get(kind)).items()}
        for kind in KINDS
    }
    return replace(stack, data={**stack.data, **{kind: found for kind, found in kinds.items() if found}})


def _named(stack: Stack, key: str, each: Mapping[str, object], swarm: str) -> Mapping[str, object]:
    path = text(each.get("file"))
    if not path or each.get("external") or each.get("name"):
        return each
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"`{path}`, which is to be `{key}` on the swarm, cannot be read: {error.strerror or error}."
        ) from error
    tag = hmac.new(swarm.encode(), content, hashlib.sha256).hexdigest()[:8]
    labels = {**mapping(each.get("labels")), PROJECT: stack.project, ROLE: FILE}
    return {**each, "name": f"{stack.project}_{key}.{tag}", "labels": labels}
