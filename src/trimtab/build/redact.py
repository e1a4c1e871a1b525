"""Keeping credentials out of what is kept: logs, the ledger, reports."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from trimtab.build.target import Target
from trimtab.docker import BuildLog
from trimtab.fleet.plain import mapping
from trimtab.fleet.redact import Redactor, secret_values
from trimtab.syntax.data import read_json


def redacted(log: BuildLog, hidden: Redactor) -> BuildLog:
    """A build's log without credentials. A builder shows build arguments in the names of its steps."""
    steps = tuple(replace(step, name=hidden.text(step.name), error=hidden.text(step.error)) for step in log.steps)
    return replace(log, steps=steps, log=hidden.text(log.log), error=hidden.text(log.error))


def take_facts(path: Path) -> Mapping[str, object]:
    """What buildx says of a build that is done, and the file that says it is taken away: it holds every build argument."""
    try:
        return mapping(read_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
    finally:
        path.unlink(missing_ok=True)


def redactor(root: Path, target: Target) -> Redactor:
    """What is secret of one target: its build secrets, and arguments that look like credentials."""
    found = secret_values(target.build.args)
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
