"""DF001."""

from collections.abc import Iterator

from trimtab.fleet.bases import Reference, base_uses, read_reference
from trimtab.fleet.facts import Facts
from trimtab.rules.base import ANOTHER_BASE, Applicability, Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit


class UntaggedBaseImage(DockerfileRule):
    """Base image without a tag, or with `latest`.

    ## What it does
    Finds FROMs that name an image without a tag or with `latest`, and no digest either.

    ## Why it matters
    Every pull may bring another major version. The same file then builds two different images on two machines, and
    nobody can tell which one runs.

    ## Fix safety
    Only with proof: the image becomes another one. Where every other file of the fleet that uses the image uses one tag, that
    tag is put in. Refused where the fleet has no tag for it, or several.

    ## References
    https://docs.docker.com/build/building/best-practices/#pin-base-image-versions
    """

    code = "DF001"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    aliases = ("DL3006", "DL3007", "DS-0001", "CKV_DOCKER_7")
    clean = ["FROM python:3.13-slim\n", "FROM scratch\n", f"FROM python@sha256:{'0' * 64}\n", "FROM a:1 AS b\nFROM b\n",
             "ARG I\nFROM ${I}\n"]  # fmt: skip
    flagged = [
        Case(
            "FROM --platform=linux/amd64 python AS a\n",
            after="FROM --platform=linux/amd64 python:3.13-slim AS a\n",
            files={"b/Dockerfile": "FROM python:3.13-slim\n"},
        ),
        Case("FROM python:latest\n", after="FROM python:3.13\n", files={"b/Dockerfile": "FROM python:3.13\n"}),
        Case("FROM python\n", refused="no other file of the fleet gives it a tag"),
        Case(
            "FROM python\n",
            refused="the fleet uses several tags of it: `3.12`, `3.13`",
            files={"b/Dockerfile": "FROM python:3.13\n", "c/Dockerfile": "FROM python:3.12\n"},
        ),
        Case("ARG I=python\nFROM ${I}\n", refused="the name comes from a build argument"),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            reference = read_reference(stage.base)
            if stage.parent is not None or not stage.base or "$" in stage.base or stage.base == "scratch":
                continue
            if reference.tag in {None, "latest"} and reference.digest is None:
                word = stage.instructions[0].words[0]
                named = "has no tag" if reference.tag is None else "is `latest`"
                outcome: Fix | Refusal = Refusal("the name comes from a build argument")
                if word.raw == stage.base:
                    outcome = _outcome(facts, reference, Edit(word.span, ""))
                yield self.finding(
                    facts, word.span, f"`{stage.base}` {named}, so every pull may bring another version", outcome
                )


def _outcome(facts: Facts, reference: Reference, edit: Edit) -> Fix | Refusal:
    others = {use.reference.tag for use in base_uses(facts.fleet) if use.reference.path == reference.path}
    tags = sorted(tag for tag in others if tag is not None and tag != "latest")
    if len(tags) != 1:
        several = ", ".join(f"`{tag}`" for tag in tags)
        return Refusal(f"the fleet uses several tags of it: {several}" if tags else "no other file of the fleet gives it a tag")
    edits = (Edit(edit.span, f"{reference.path}:{tags[0]}"),)
    return Fix(f"use the fleet's `{tags[0]}`", edits, Applicability.PROOF, ANOTHER_BASE)
