"""DF125, DF129: installs that bring more than was asked for."""

import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from trimtab.fleet.chain import word_removal
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.requirements import python_installs
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_TWICE = "which of the two installs is meant is not known from here"
_HEREDOC = "the command stands in a heredoc, whose body is never rewritten"


class InstalledTwice(DockerfileRule):
    """Package that one image installs twice.

    ## What it does
    Finds system packages named twice in one stage and its parents, and Python projects that two installs of one stage
    name.

    ## Why it matters
    The second install of a Python project replaces the first, whose files stay in the layer below; a second apt install
    does nothing but make the next reader wonder which one counts.

    ## Fix safety
    Safe for a system package that stands twice in one command: the second word goes. Refused otherwise.
    """

    code = "DF125"
    category = Category.SIZE
    severity = Severity.LOW
    since = "0.2"
    clean = [
        "FROM debian:13\nRUN apt-get update && apt-get install -y a b && apt-get install -y c\n",
        "FROM debian:13 AS x\nRUN apt-get install -y a\nFROM debian:13\nRUN apt-get install -y a\n",
        "FROM python:3.13\nRUN pip install a\nRUN pip install --upgrade b\n",
    ]
    flagged = [
        Case("FROM debian:13\nRUN apt-get install -y a b a\n", after="FROM debian:13\nRUN apt-get install -y a b\n"),
        Case("FROM debian:13\nRUN apt-get install -y a\nRUN apt-get install -y b a\n", refused=_TWICE),
        Case(
            "FROM python:3.13\nCOPY r.txt .\nRUN pip install -r r.txt\nRUN pip install Flask==3.0\n",
            refused=_TWICE,
            files={"r.txt": "flask\n"},
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            yield from self._system(file, facts, stage)
            yield from self._python(facts, stage)

    def _system(self, file: Dockerfile, facts: Facts, stage: Stage) -> Iterator[Finding]:
        first: dict[str, Install] = {}
        for one in facts.lineage(stage):
            for run in one.runs:
                for install in run.installs:
                    if not install.manager.system or not install.command.literal or _conditional(run, install):
                        continue
                    seen: set[str] = set()
                    for package in install.packages:
                        if one is stage and (package in first or package in seen):
                            within = package in seen
                            yield self._twice(file, facts, run, install, package, within)
                        seen.add(package)
                    first.update(dict.fromkeys(install.packages, install))

    def _twice(self, file: Dockerfile, facts: Facts, run: Run, install: Install, package: str, within: bool) -> Finding:
        words = install.command.words
        index = len(words) - 1 - words[::-1].index(package)
        span = install.command.word_spans[index]
        edit = word_removal(file, run, span) if within and run.editable and words.count(package) == 2 else None
        outcome = Fix("name the package once", (edit,), effects=Effects(installs=True)) if edit else Refusal(_TWICE)
        return self.finding(facts, run.source_span(span), f"`{package}` is installed twice", outcome, package)

    def _python(self, facts: Facts, stage: Stage) -> Iterator[Finding]:
        first: dict[str, Install] = {}
        for each in python_installs(facts.file):
            if each.stage is not stage or each.context is not facts.contexts[0] or _conditional(each.run, each.install):
                continue
            names = {canonicalize_name(requirement.name) for requirement in each.requirements}
            again = sorted(name for name in names if name in first and first[name] is not each.install)
            if again and not each.install.has_flag("--target", "-t", "--prefix"):
                listed = ", ".join(f"`{name}`" for name in again[:4])
                message = f"{listed} {'is' if len(again) == 1 else 'are'} installed by an earlier command as well"
                span = each.run.source_span(each.install.command.span)
                yield self.finding(facts, span, message, Refusal(_TWICE), again[0])
            first.update({name: each.install for name in names if name not in first})


def _conditional(run: Run, install: Install) -> bool:
    """Whether a command may not run, or runs when another one failed."""
    return not install.command.top_level or install.command.operator == "||"


class RecommendedPackages(DockerfileRule):
    """apt install that brings recommended packages along.

    ## What it does
    Finds `apt-get install` without `--no-install-recommends`, unless apt is configured so.

    ## Why it matters
    What a package recommends is for people who sit in front of it: documentation, mail servers, fonts.

    ## Fix safety
    Only with proof: a service may use what came along. The option is put in, and building and running the image shows whether
    anything is missing.

    ## References
    https://docs.docker.com/build/building/best-practices/#apt-get
    """

    code = "DF129"
    category = Category.SIZE
    severity = Severity.LOW
    since = "0.2"
    aliases = ("DL3015", "DS-0029")
    clean = [
        "FROM debian:13\nRUN apt-get update && apt-get install -y --no-install-recommends git\n",
        "FROM debian:13\nRUN apt-get -o APT::Install-Recommends=false install -y git\nRUN apk add git\n",
        "FROM debian:13\nRUN echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/a && apt-get install -y git\n",
        "FROM debian:13 AS b\nRUN apt-get install -y gcc\nFROM debian:13\nCOPY --from=b /a /a\n",
    ]
    flagged = [
        Case(
            "FROM debian:13\nRUN apt-get update && \\\n    apt-get install -y \\\n    git\n",
            after="FROM debian:13\nRUN apt-get update && \\\n    apt-get install --no-install-recommends -y \\\n    git\n",
        ),
        Case("FROM debian:13\nRUN <<EOF\napt-get install -y git\nEOF\n", refused=_HEREDOC),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        configured = re.search(r"Install-Recommends", file.source.text) is not None
        for stage in facts.stages:
            if configured or not facts.in_final_image(stage):
                continue
            for run in stage.runs:
                for install in run.installs:
                    if install.manager.name != "apt" or not install.packages or "install" not in install.arguments:
                        continue
                    if not install.has_flag("--no-install-recommends", "--install-recommends", "--fix-broken", "-f"):
                        message = "recommended packages come along; `--no-install-recommends` leaves them out"
                        yield self.finding(facts, run.source_span(install.command.span), message, _without(run, install))


def _without(run: Run, install: Install) -> Fix | Refusal:
    if run.instruction.heredocs:
        return Refusal(_HEREDOC)
    if not run.editable:
        return Refusal("the command cannot be read in full")
    verb = install.command.words.index("install")
    edit = Edit.insert(run.behind(install.command.word_spans[verb].end), " --no-install-recommends")
    return Fix("leave recommended packages out", (edit,), Applicability.PROOF, Effects(packages_removed=True))
