"""Keeping credentials out of what is kept: logs, the ledger, reports."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from trimtab.build.graph import Target
from trimtab.docker import BuildLog
from trimtab.fleet.plain import mapping
from trimtab.fleet.secrets import secret_kind

_LEAST = 6
"""Characters. Shorter values stand in too many other words."""
_MASK = "***"


class Redactor:
    """Replaces values that are known to be secret. A builder shows build arguments in the names of its steps."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = sorted({value for value in values if len(value) >= _LEAST}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text without them."""
        for value in self._values:
            text = text.replace(value, _MASK)
        return text

    def log(self, log: BuildLog) -> BuildLog:
        """A build's log without them."""
        steps = tuple(replace(step, name=self.text(step.name), error=self.text(step.error)) for step in log.steps)
        return replace(log, steps=steps, log=self.text(log.log), error=self.text(log.error))


def take_facts(path: Path) -> Mapping[str, object]:
    """What buildx says of a build that is done, and the file that says it is taken away: it holds every build argument."""
    try:
        return mapping(cast("object", json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return {}
    finally:
        path.unlink(missing_ok=True)


def redactor(root: Path, target: Target) -> Redactor:
    """What is secret of one target: its build secrets, and arguments that look like credentials."""
    found = [value for name, value in target.build.args.items() if secret_kind(name, value)]
    for spec in target.options.secrets:
        parts = {key: value for key, _, value in (part.partition("=") for part in spec.split(","))}
        if "env" in parts:
            found.append(os.environ.get(parts["env"], ""))
        elif "src" in parts:
            found += _lines(root / parts["src"])
    return Redactor(found)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        # It is missing, which the build itself will say.
        return []
