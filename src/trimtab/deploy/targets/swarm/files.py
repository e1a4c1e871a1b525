"""Secrets and configuration files of a project on a swarm, which changes none of them: a new text is a new one."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from trimtab.deploy.names import CONTENT, PROJECT, ROLE
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
    """The stack with a name for each secret and config that another text would change.

    Names that people gave stay, with a label that another text would change.

    Args:
        stack: The stack.
        swarm: The swarm's id.

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
    if not path or each.get("external"):
        return each
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"`{path}`, which is to be `{key}` on the swarm, cannot be read: {error.strerror or error}."
        ) from error
    tag, labels = tag_of(swarm, content), mapping(each.get("labels"))
    if each.get("name"):
        return {**each, "labels": {**labels, CONTENT: tag}}
    labels = {**labels, PROJECT: stack.project, ROLE: FILE}
    return {**each, "name": f"{stack.project}_{key}.{tag}", "labels": labels}


def tag_of(swarm: str, content: bytes) -> str:
    """What tells one text from another; the swarm's id goes into it, so that nobody outside can try what a short secret is."""
    return hmac.new(swarm.encode(), content, hashlib.sha256).hexdigest()[:8]


def changed_texts(
    kind: str, wanted: Mapping[str, object], there: Iterable[Mapping[str, object]], swarm: str
) -> Iterator[str]:  # fmt: skip
    """The names that people gave, of secrets or configs which the swarm has with another text.

    Of a secret the managers tell no text, so that one which trimtab has not labelled is not known to differ.
    """
    specs = {text(mapping(each.get("Spec")).get("Name")): mapping(each.get("Spec")) for each in there}
    for each in map(mapping, wanted.values()):
        name, tag = text(each.get("name")), mapping(each.get("labels")).get(CONTENT)
        spec = specs.get(name, {})
        data = text(spec.get("Data")) if kind == "configs" else None
        now = mapping(spec.get("Labels")).get(CONTENT) if data is None else tag_of(swarm, base64.b64decode(data))
        if name and tag and now and now != tag:
            yield name
