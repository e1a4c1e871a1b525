"""DF136."""

from collections.abc import Iterator

from trimtab.fleet import Policy
from trimtab.fleet.caches import UnknownPlace, cache_place
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.managers import MANAGERS
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    Confidence,
    DockerfileRule,
    Effects,
    Finding,
    Fix,
    Refusal,
    Severity,
)
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit, Span

_SITE = ("/**/site-packages/**", "/**/bin/**", "/root/.cache/**", "/root/.cache")
_EFFECTS = Effects(removes=_SITE, changes=_SITE, installs=True)
_SHARED_OPTIONS = frozenset(["-r", "--requirement", "-c", "--constraint", "-e", "--upgrade", "-U", "--no-deps", "--prefix",
                             "--index-url", "-i", "--extra-index-url", "--require-hashes"])  # fmt: skip
"""Options that mean the same to both, or to which uv has an equal under another name."""
_PROGRAM = "--mount=type=bind,from={image},source=/uv,target=/usr/local/bin/uv"


class PipInsteadOfUv(DockerfileRule):
    """`pip install` where `uv pip install` could do the same.

    ## What it does
    Finds `pip install` by root into the base's own Python, with options that uv knows too. Off by default, and only with the
    configuration's `uv`, which names the image that the program is taken from.

    ## Why it matters
    uv resolves, downloads and unpacks in parallel and keeps unpacked wheels in its cache. How much of an installation that is
    depends on the index, the disk and the packages.

    ## Fix safety
    Kept by `trimtab optimize` alone, when the image has the same packages in the same versions, behaves the same, and a rebuild
    is measured to be faster and none slower. uv is mounted for the one instruction and does not get into the image; modules are
    compiled as pip compiles them.

    ## References
    https://docs.astral.sh/uv/guides/integration/docker/
    """

    code = "DF136"
    category = Category.CACHING
    severity = Severity.INFO
    confidence = Confidence.LOW
    since = "0.2"
    default = False
    clean = [
        "FROM python:3.13\nRUN uv pip install --system six\n",
        "FROM python:3.13\nRUN pip install six\n",
        "FROM python:3.13\nUSER 1000\nRUN pip install six\n",
        "FROM python:3.13\nRUN pip install --user six\n",
        "FROM python:3.13\nRUN pip install --no-cache-dir six\n",
    ]
    flagged = [
        Case(
            "FROM python:3.13\nRUN --mount=type=cache,target=/root/.cache/pip pip install -r r.txt && ls\n",
            after="FROM python:3.13\nRUN --mount=type=cache,id=uv-glibc-dockerfile-0,target=/root/.cache/uv \\\n"
            "    --mount=type=bind,from=example.com/uv:1,source=/uv,target=/usr/local/bin/uv \\\n"
            "    --mount=type=cache,target=/root/.cache/pip uv pip install --system --compile-bytecode -r r.txt && ls\n",
            files={"r.txt": "six\n"},
            policy=Policy(uv="example.com/uv:1"),
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for install in run.installs:
                    if _is_alike(facts, stage, run, install):
                        span = run.source_span(install.command.span)
                        message = "pip installs one package after the other; uv installs in parallel"
                        yield self.finding(facts, span, message, _outcome(facts, stage, run, install))


def _is_alike(facts: Facts, stage: Stage, run: Run, install: Install) -> bool:
    words = install.command.words
    user = facts.runs_as(stage, run.state)
    options = {word.partition("=")[0] for word in install.arguments if word.startswith("-")}
    return (
        facts.fleet.policy.uv is not None
        and install.manager.name == "pip"
        and words[:2] in (("pip", "install"), ("pip3", "install"))
        and (user is not None and user.uid == 0)
        and options <= _SHARED_OPTIONS
        and "VIRTUAL_ENV" not in run.state.env
    )


def _outcome(facts: Facts, stage: Stage, run: Run, install: Install) -> Fix | Refusal:
    place = cache_place(facts, stage, run, MANAGERS["uv"])
    if isinstance(place, UnknownPlace):
        return Refusal(place.reason)
    if not run.editable or not install.command.literal or len(run.installs) > 1:
        return Refusal("the command does not stand alone in a plain chain of commands")
    first, verb = install.command.word_spans[:2]
    words = Edit(run.source_span(Span(first.start, verb.end)), "uv pip install --system --compile-bytecode")
    wanted = [*place.flags(per_platform=facts.built_per_platform(stage)), _PROGRAM.format(image=facts.fleet.policy.uv)]
    separator = f" {facts.dockerfile.escape}{facts.dockerfile.source.newline}    "
    mounts = Edit.insert(run.instruction.keyword_span.end + 1, "".join(flag + separator for flag in wanted))
    return Fix("install with uv", (mounts, words), Applicability.GAIN, _EFFECTS)
