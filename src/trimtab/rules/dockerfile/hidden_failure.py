"""DF306."""

import itertools
from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import program_words, read_install
from trimtab.rules.base import Case, Category, Confidence, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command

_REFUSAL = "whether the image is any good without that step is known to whoever wrote it"
_WORK = frozenset(
    ["npm", "yarn", "pnpm", "npx", "make", "cmake", "go", "cargo", "mvn", "gradle", "python", "python3", "node", "tar", "unzip"]
    + ["git", "curl", "wget", "cp", "mv", "pip", "pip3", "poetry", "uv", "bundle", "composer", "dotnet", "tsc", "alembic"]
)
"""Programs whose work is part of the image; a `rm`, a `userdel` or a `test` may well fail."""


class HiddenFailure(DockerfileRule):
    """Build step whose failure is hidden.

    ## What it does
    Finds `|| true`, `|| :`, `|| echo …` and `|| exit 0` behind commands that install, download, copy or build something.

    ## Why it matters
    The build succeeds, and the image lacks what the step was for. That shows when the service starts, or later. None of
    six linters reports it.

    ## Fix safety
    Not fixed: without the fallback the build may stop at a step that has been failing all along.
    """

    code = "DF306"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        "FROM a:1\nRUN rm /a || true; id app || useradd app; test -f a || echo none\n",
        "FROM a:1\nRUN curl -f https://example.com/a || curl -f https://example.org/a\nRUN python --version || true\n",
        "FROM a:1\nRUN npm run build || { echo failed; exit 1; }\nRUN npm audit || true\n",
    ]
    flagged = [
        Case("FROM a:1\nRUN pip install six || true\n", refused=_REFUSAL),
        Case("FROM a:1\nRUN cd /a && npm run build 2>/dev/null || echo skipped\n", refused=_REFUSAL),
        Case("FROM a:1\nRUN cp a b || exit 0\n", refused=_REFUSAL),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                commands = run.script.commands
                for before, fallback in itertools.pairwise(commands):
                    nested = any(c.span.start < fallback.span.start and fallback.span.end < c.span.end for c in commands)
                    if not nested and fallback.operator == "||" and _hides(fallback, commands) and _is_work(before):
                        message = f"when `{' '.join(before.words)[:60]}` fails, the build goes on as if it had not"
                        subject = " ".join(before.words[:2])
                        yield self.finding(facts, run.source_span(before.span), message, Refusal(_REFUSAL), subject)


def _hides(fallback: Command, commands: tuple[Command, ...]) -> bool:
    """Whether a fallback ends well without doing anything; `echo … && exit 1` does not."""
    words = fallback.words
    if words in {("true",), (":",), ("exit", "0")}:
        return True
    following = commands[commands.index(fallback) + 1 :]
    fails = (
        bool(following)
        and following[0].operator in {";", "&&", "\n"}
        and following[0].words[:1] in {("exit",), ("false",), ("return",)}
    )
    return words[:1] == ("echo",) and not fails


def _is_work(command: Command) -> bool:
    if read_install(command) is not None:
        return True
    words = program_words(command)
    looks_only = {"--version", "-V", "audit", "config", "list", "check", "outdated", "fund"} & set(words[1:3])
    return bool(words) and words[0] in _WORK and not looks_only
