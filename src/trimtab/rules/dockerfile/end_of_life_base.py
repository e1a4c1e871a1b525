"""DF003."""

from collections.abc import Iterator
from datetime import date

from trimtab.fleet import Outside
from trimtab.fleet.bases import read_reference
from trimtab.fleet.facts import Facts
from trimtab.fleet.lifetimes import as_of, lifetimes
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

_TODAY = Outside(today=date(2026, 11, 1))
_REFUSAL = "which newer one the service works on is for its tests to say; `standard` in the configuration tries one with proof"


class EndOfLifeBase(DockerfileRule):
    """Base whose release no longer gets security fixes.

    ## What it does
    Looks up the version and the distribution in the tag of official images in a dated table that ships with trimtab
    (`trimtab/fleet/end_of_life.toml`, from endoflife.date). Debian counts as supported until its long-term support ends.

    ## Why it matters
    Every flaw found from then on stays in the image. Of six linters tried on `python:3.7-slim-buster`, none said so.

    ## Fix safety
    Not fixed here: another version is another runtime.

    ## References
    https://endoflife.date
    """

    code = "DF003"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        Case("FROM python:3.13-slim-trixie\nFROM python:3\nFROM acme/python:2.7\nFROM debian:bookworm\n", outside=_TODAY),
        Case("FROM python:3.9\n", outside=Outside(today=date(2024, 1, 1))),
    ]
    flagged = [
        Case("FROM python:3.7\n", refused=_REFUSAL, outside=_TODAY),
        Case("FROM python:3.13-slim-buster\n", refused=_REFUSAL, outside=_TODAY),
        Case("FROM node:16-alpine\n", refused=_REFUSAL, outside=_TODAY),
        Case("FROM debian:stretch-slim\n", refused=_REFUSAL, outside=_TODAY),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        today = facts.fleet.outside.today
        for stage in facts.stages:
            if stage.parent is not None or not stage.instructions[0].words:
                continue
            for life in lifetimes(read_reference(stage.base)):
                if life.end < today:
                    span = stage.instructions[0].words[0].span
                    message = f"{life.product} {life.cycle} has had no security fixes since {life.end} (as known on {as_of()})"
                    yield self.finding(facts, span, message, Refusal(_REFUSAL), life.product)
