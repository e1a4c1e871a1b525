"""Services that wait for others by themselves, so that compose need not let them."""

import re
from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.model import Service

_WAITS = re.compile(
    r"\bwait-for(?:-it)?(?:\.sh)?\b|\bwait4x\b|\bdockerize\b[^\n]*\s-wait\b|\bwait-on\b"
    r"|\b(?:until|while\s+!)\s[^\n]*(?:\bnc\b|\bcurl\b|\bwget\b|pg_isready|mysqladmin|redis-cli|/dev/tcp)"
)
_RETRIES = re.compile(
    r"(?m)^\s*(?:from|import)\s+(?:tenacity|backoff|stamina|retrying|retry|aiohttp_retry)\b"
    r"|require\(['\"](?:async-retry|p-retry|promise-retry|axios-retry|retry)['\"]\)"
    r"|\bfrom\s+['\"](?:async-retry|p-retry|promise-retry|axios-retry|retry)['\"]"
)
_READ = (".py", ".js", ".ts", ".mjs", ".cjs", ".sh")
_LARGEST = 200_000


def waits_itself(facts: ComposeFacts, service: Service, other: str) -> str | None:
    """What says that a service tries again, or waits, by itself until another one answers; None where nothing does.

    Read are its command, and of its own files those that speak of the other one, by its name or by a variable that holds it.
    Whether it tries for long enough only a start shows.
    """
    for text in service.started_with.values():
        if _WAITS.search(text) and re.search(rf"(?<![\w-]){re.escape(other)}(?![\w-])", text):
            return "its command waits for it"
    named = "|".join(re.escape(each) for each in (other, *_variables(service, other)))
    about = re.compile(rf"(?<![\w-])(?:{named})(?![\w-])")
    for path, text in _texts(facts, service):
        if about.search(text) and (_RETRIES.search(text) or (path.endswith(".sh") and _WAITS.search(text))):
            return f"`{path}` tries again"
    return None


def _variables(service: Service, other: str) -> Iterator[str]:
    """The variables of its environment that hold the other one's name."""
    about = re.compile(rf"(?<![\w-]){re.escape(other)}(?![\w-])")
    yield from (name for name, value in service.environment.items() if value and about.search(value))


def _texts(facts: ComposeFacts, service: Service) -> Iterator[tuple[str, str]]:
    image = facts.image(service)
    if image is None or not image[0].contexts:
        return
    context = image[0].contexts[0]
    for path in sorted(set(CopiedFiles.of(image[0].lineage(image[1]), context).paths.values())):
        entry = context.visible.get(path)
        if entry is not None and entry.size <= _LARGEST and path.endswith(_READ) and "node_modules/" not in path:
            yield context.tree_path(path), context.read(path) or ""
