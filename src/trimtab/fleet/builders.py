"""Whether a Dockerfile is built by something that knows what only BuildKit knows."""

import posixpath
import re

from trimtab.fleet.compose.mentions import Mention, is_mentioned, mentioned_in, old_compose
from trimtab.fleet.facts import Facts
from trimtab.fleet.paths import is_within

_WITH_CLI = 28
"""The docker-compose 1 that began to build with docker's own command line (its release notes)."""
_FRONTEND = re.compile(r"(?:docker\.io/)?docker/dockerfile:1\.([01])(?:\.\d+)?")
"""Stable frontends before 1.2, which has `RUN --mount` and `COPY --chmod` (BuildKit's release notes)."""
_FLAGS = frozenset({"mount", "chmod", "link", "network", "security"})


def without_buildkit(facts: Facts) -> str | None:
    """Why a flag that only BuildKit knows would fail a build; None where nothing says so, or the file has such already."""
    file = facts.dockerfile
    if any(each.heredocs or any(flag.name in _FLAGS for flag in each.flags) for each in file.instructions):
        return None
    syntax = (file.directives.get("syntax") or "").strip()
    if _FRONTEND.fullmatch(syntax):
        return f"`# syntax={syntax}` names a frontend that is too old for it"
    if any(_is_about(path, facts.file.path) for path in mentioned_in(facts.fleet.tree, Mention.NO_BUILDKIT)):
        return "a file of the fleet says that images are built without BuildKit, which alone knows such a flag"
    minor = old_compose(facts.fleet.tree) if any(service.build for service in facts.file.services) else None
    if minor is not None and minor < _WITH_CLI and not is_mentioned(facts.fleet.tree, Mention.CLI_BUILD):
        return f"docker-compose 1.{minor}, which the fleet asks for, builds without BuildKit, which alone knows such a flag"
    return None


def _is_about(path: str, dockerfile: str) -> bool:
    """Whether a file may speak of a Dockerfile: scripts and pipelines of any, a text of those beside it or below."""
    folder = posixpath.dirname(path)
    return not path.lower().endswith((".md", ".rst")) or not folder or is_within(dockerfile, folder)
