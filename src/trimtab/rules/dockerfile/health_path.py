"""DF312."""

import re
from collections.abc import Iterator

from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.healthchecks import Check
from trimtab.fleet.stage import Stage
from trimtab.rules.base import Case, Confidence, Finding, Refusal, Severity
from trimtab.rules.health import HealthRule

_WHICH = "whether the path or the program is to change is not known from here"
_ROUTES = 'from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get("/{path}")\ndef answer(): ...\n'
_CHECK = "HEALTHCHECK CMD curl -f http://localhost:80/{path}\n"


class HealthCheckPathUnknown(HealthRule):
    """Health check that asks for a path of which the program says nothing.

    ## What it does
    Takes the last part of the path that a HEALTHCHECK, or the health check of a compose service, asks this container for, and
    looks for that word in every file that the COPYs bring. It speaks only where Python or JavaScript in the image defines paths
    itself, as with `@app.get("/items")` or `router.get("/items", …)`, nothing is copied from another stage or image, and no
    folder is mounted over it.

    ## Why it matters
    The answer is 404, so the container is `unhealthy` for ever, and whatever waits for it never starts. None of six linters
    compares a check with the program.

    ## Fix safety
    Not fixed: either the check or the program is wrong.
    """

    code = "DF312"
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    clean = [
        Case("FROM python:3.13\nCOPY a.py .\n" + _CHECK.format(path="health"), files={"a.py": _ROUTES.format(path="health")}),
        # A package may bring the path along: its name says so.
        Case("FROM python:3.13\nCOPY a.py b.txt ./\n" + _CHECK.format(path="health"),
             files={"a.py": _ROUTES.format(path="items"), "b.txt": "fastapi-health==0.4\n"}),
        Case("FROM python:3.13\nCOPY a.py .\n" + _CHECK.format(path=""), files={"a.py": _ROUTES.format(path="items")}),
        Case("FROM python:3.13\nCOPY a.py .\n" + _CHECK.format(path="docs"), files={"a.py": _ROUTES.format(path="items")}),
        Case("FROM python:3.13\nCOPY a.py .\n" + _CHECK.format(path="health"), files={"a.py": "print(1)\n"}),
        Case("FROM python:3.13\nCOPY a.py .\n" + _CHECK.format(path="health"),
             files={"a.py": _ROUTES.format(path="items"),
                    "compose.yaml": "services: {a: {build: ., volumes: ['./more:/more']}}\n"}),
    ]  # fmt: skip
    flagged = [
        Case("FROM python:3.13\nCOPY a.py .\n" + _CHECK.format(path="health"), refused=_WHICH,
             files={"a.py": _ROUTES.format(path="items")}),
        Case("FROM node:24\nCOPY a.js .\n", refused=_WHICH,
             files={"a.js": "app.get('/items', answer)\n",
                    "compose.yaml": "services: {a: {build: ., healthcheck: {test: 'wget -q http://127.0.0.1/api/healthz'}}}\n"}),
    ]  # fmt: skip

    def judge(self, facts: Facts, stage: Stage, check: Check) -> Iterator[Finding]:
        words = [word for path in check.local_paths() if (word := _last_part(path)) is not None]
        if not words or not facts.contexts or not _is_all_copied(facts, stage):
            return
        brought = [_texts(CopiedFiles.of(facts.lineage(stage), context)) for context in facts.contexts]
        for word in dict.fromkeys(words):
            if all(any(map(_DEFINES.search, texts)) and not any(word in text for text in texts) for texts in brought):
                message = f"the health check asks for a path with `{word}`, of which no file of the program says anything"
                yield self.at(facts, check, message, Refusal(_WHICH), word)


_OF_FRAMEWORKS = frozenset({"docs", "redoc", "openapi.json"})
"""Paths that FastAPI answers by itself."""
_DEFINES = re.compile(
    r"""@\w+\.(?:get|route|api_route|head)\(\s*["']/|\b(?:app|router|server|fastify)\.(?:get|use|all|route)\(\s*["'`]/"""
    r"""|\badd_(?:get|route|api_route|url_rule)\(\s*["']/"""
)
_CODE = (".py", ".js", ".mjs", ".cjs", ".ts", ".json", ".txt", ".toml", ".yaml", ".yml", ".conf", ".cfg", ".ini", ".lock")
_MOST = 2000
"""Files of an image beyond which nothing is said: to read them all costs more than it tells."""


def _last_part(path: str) -> str | None:
    """The last part of a path, where it is a word that could be looked for."""
    part = path.rstrip("/").rpartition("/")[2]
    return part if re.fullmatch(r"[A-Za-z][\w.-]+", part) and part not in _OF_FRAMEWORKS else None


def _is_all_copied(facts: Facts, stage: Stage) -> bool:
    """Whether what the program says is all in files of the context."""
    copies = [copy for one in facts.lineage(stage) for copy in one.copies]
    mounted = any(service.volumes or service.command or service.entrypoint for service in facts.file.services)
    others = any(copy.from_ is not None or any("$" in source or "://" in source for source in copy.sources) for copy in copies)
    return bool(copies) and not mounted and not others


def _texts(files: CopiedFiles) -> list[str]:
    """What the image's files say; nothing where they are too many, or one cannot be read."""
    paths = [path for path in files.paths if path.endswith(_CODE)]
    texts = [files.read(path) for path in paths] if len(paths) <= _MOST else []
    return [text for text in texts if text is not None] if None not in texts else []
