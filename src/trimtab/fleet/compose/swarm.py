"""Whether a compose project is meant for `docker stack deploy`, which knows only some of compose's forms."""

import re
from collections.abc import Iterator, Mapping

from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.compose.mentions import Mention, is_mentioned
from trimtab.fleet.model import ComposeProject, Fleet
from trimtab.fleet.plain import mapping
from trimtab.fleet.tree import Tree, Unreadable
from trimtab.syntax.yaml import YamlProblem

_KEYS = frozenset({"mode", "placement", "update_config", "rollback_config", "endpoint_mode"})
"""Keys of `deploy` that compose itself does nothing with."""
_NAME = re.compile(r"(?:^|[^a-z])swarm(?:[^a-z]|$)|(?:^|/)stacks?/|(?:^|[^a-z/])stack[^a-z/][^/]*$")


def may_be_swarm(fleet: Fleet, project: ComposeProject) -> bool:
    """By its name, by what it says that only swarm knows, or because anything in the fleet speaks of deploying stacks."""
    called = any(call.verb == "stack" for part in fleet.scripts for call in part.calls)
    if called or any(_NAME.search(path.lower()) for path in project.files):
        return True
    if any(_KEYS & set(mapping(service.body.get("deploy"))) for service in project.services):
        return True
    if any(_is_for_swarm(data) for path in project.files for data in _documents(fleet.tree, path)):
        return True
    # Last, because it looks into every text around the fleet: 19,000 files of one repository took more than a second.
    return is_mentioned(fleet.tree, Mention.STACK)


def _is_for_swarm(data: Mapping[str, object]) -> bool:
    """Whether there are overlay networks, or secrets and configs that swarm keeps."""
    overlay = any(mapping(each).get("driver") == "overlay" for each in mapping(data.get("networks")).values())
    kept = [each for key in ("secrets", "configs") for each in mapping(data.get(key)).values()]
    return overlay or any(mapping(each).get("external") for each in kept)


def _documents(tree: Tree, path: str) -> Iterator[Mapping[str, object]]:
    documents = read_documents(tree, path)
    if not isinstance(documents, Unreadable | YamlProblem):
        yield from (mapping(document.data) for document in documents)
