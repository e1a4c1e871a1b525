"""DF105."""

import re
from collections.abc import Iterator

from trimtab.fleet.bases import read_reference
from trimtab.fleet.chain import chain, holds_comment
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.stage import Run
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, LineKind
from trimtab.text import Edit

_EFFECTS = Effects(
    removes=("/**/site-packages/pip/**", "/**/site-packages/pip-*.dist-info/**", "/**/bin/pip*"),
    changes=("/**/site-packages/pip/**", "/**/site-packages/pip-*.dist-info/**", "/**/bin/pip*", "/root/.cache/**"),
    installs=True,
)

_MORE = "`setuptools` and `wheel` may not be in the base at all"
_NEWER = re.compile(
    r"\bpip\b[^;&|]*\s(--group|--dependency-groups|--use-feature|--break-system-packages|--config-settings?|--report|lock)\b"
)


class PackageManagerUpgrade(DockerfileRule):
    """Package manager that is upgraded before it is used.

    ## What it does
    Finds `pip install --upgrade pip` and `npm install -g npm` as an instruction of its own.

    ## Why it matters
    The base was made with a version that its makers had tried. The upgrade is a download and a layer of its own in every
    image, and which version comes depends on the day. In the fleet this project began with it stood 28 times.

    ## Fix safety
    Unsafe: the instruction goes where it upgrades pip alone, and building without it proves that nothing needed the newer
    one. Refused where it upgrades other packages as well, names a version, or does more, and in images whose pip is so old
    that it may not know today's wheels.
    """

    code = "DF105"
    category = Category.CACHING
    severity = Severity.LOW
    since = "0.2"
    aliases = ("DL3013",)
    clean = [
        "FROM python:3.13\nRUN pip install six\nRUN pip install --upgrade pip six\n",
        "FROM python:3.13\nRUN pip install --upgrade pip && pip install six\n",
    ]
    flagged = [
        Case("FROM python:3.13\nRUN pip install --upgrade pip\nCMD [\"a\"]\n", after='FROM python:3.13\nCMD ["a"]\n'),
        Case("FROM python:3.13\nRUN python -m pip install -U pip==25.2\n", refused="a version is asked for on purpose"),
        Case("FROM python:3.13\nRUN pip install -U pip setuptools wheel\n", refused=_MORE),
        Case("FROM node:24\nRUN npm install -g npm@11\n", refused="a version is asked for on purpose"),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                if len(run.installs) != 1 or len(chain(run)) != 1 or len(run.script.commands) != 1:
                    continue
                install = run.installs[0]
                if _upgrades_itself(install):
                    message = f"`{install.manager.name}` replaces itself, in a layer of its own"
                    outcome = _outcome(file, run, install, facts.outside_base(stage))
                    if any(
                        _NEWER.search(each.instruction.logical.text) for one in facts.descendants(stage) for each in one.runs
                    ):
                        outcome = Refusal("a command uses an option that older versions of pip do not have")
                    yield self.finding(facts, run.source_span(install.command.span), message, outcome)


def _plain(package: str) -> str:
    return re.split(r"[=<>~!@\[]", package)[0]


def _upgrades_itself(install: Install) -> bool:
    names = {_plain(package) for package in install.packages}
    if install.manager.name == "pip":
        return install.has_flag("--upgrade", "-U") and "pip" in names and names <= {"pip", "setuptools", "wheel"}
    return install.manager.name == "npm" and names == {"npm"} and install.has_flag("-g", "--global")


def _is_old(version: tuple[int, ...]) -> bool:
    """Whether an image of a Python version may hold a pip before 20.3: one that is no longer built, or a fixed old release."""
    return version[:1] == (2,) or ((3,) < version < (3, 6)) or (len(version) > 2 and version < (3, 9, 2))


def _comment_above(file: Dockerfile, run: Run) -> str:
    number = run.instruction.start_line - 2
    line = file.lines[number] if number >= 0 else None
    return line.text.lower() if line is not None and line.kind == LineKind.COMMENT else ""


def _outcome(file: Dockerfile, run: Run, install: Install, base: str) -> Fix | Refusal:
    if any(_plain(package) != package for package in install.packages):
        return Refusal("a version is asked for on purpose")
    if install.packages != ("pip",):
        return Refusal(_MORE)
    if read_reference(base).runtime != "python" or install.command.words[0] not in {"pip", "pip3"}:
        return Refusal("only in the official Python images the same pip is there without it")
    if _is_old(read_reference(base).version):
        return Refusal(f"the pip of `{base}` may be too old for today's wheels")
    if run.script.text.strip() != run.script.text[install.command.span.start : install.command.span.end]:
        return Refusal("the instruction does more")
    if "pip" in _comment_above(file, run):
        return Refusal("a comment above says why")
    if not run.editable or holds_comment(file, run.instruction.span):
        return Refusal("taking it out would take a comment along")
    return Fix("use the base's pip", (Edit.delete(run.instruction.span),), Applicability.UNSAFE, _EFFECTS)
