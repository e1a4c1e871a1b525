"""DF208."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Run
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command

_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "python", "python3", "perl", "ruby", "node"})
_REFUSAL = "which checksum the script is to have is known to whoever has read it"


class PipedInstaller(DockerfileRule):
    """Script from the network that is run as it comes.

    ## What it does
    Finds `curl … | sh` and its relatives: `bash <(curl …)`, `sh -c "$(wget …)"`.

    ## Why it matters
    Whatever the server sends at that moment runs as the build's user, and the next build may get something else. Where
    the pipe breaks halfway, half the script has run; without `pipefail` the build goes on.

    ## Fix safety
    Not fixed: download to a file, check its checksum, then run it. Which checksum is right has to be said by somebody.
    """

    code = "DF208"
    category = Category.SECURITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        "FROM debian:13\nRUN curl -fsSLo i.sh https://example.com/i && echo 'abc  i.sh' | sha256sum -c && sh i.sh\n",
        "FROM debian:13\nRUN curl -fsSL https://example.com/k | gpg --dearmor -o /k && cat a | sh\n",
    ]
    flagged = [
        Case("FROM debian:13\nRUN curl -fsSL https://example.com/i | sudo -E bash -\n", refused=_REFUSAL),
        Case('FROM debian:13\nRUN sh -c "$(wget -qO- https://example.com/i)"\n', refused=_REFUSAL),
        Case("FROM debian:13\nSHELL [\"/bin/bash\", \"-c\"]\nRUN bash <(curl -s https://example.com/i)\n", refused=_REFUSAL),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for command in run.script.commands:
                    if _downloads(command) and _is_run(run, command):
                        message = f"what `{_address(command)}` sends is run without a look at it"
                        yield self.finding(facts, run.source_span(command.span), message, Refusal(_REFUSAL), _address(command))


def _downloads(command: Command) -> bool:
    return command.name in {"curl", "wget"}


def _address(command: Command) -> str:
    found = next((word for word in command.words[1:] if "://" in word), command.name)
    return re.sub(r"//[^/@]*@", "//", found).partition("?")[0]


def _is_run(run: Run, download: Command) -> bool:
    """Whether a download goes to a shell: through a pipe, or as the substitution of a shell's argument."""
    commands = run.script.commands
    after = commands[commands.index(download) + 1 :]
    if after and after[0].operator == "|":
        return _shell_of(after[0]) and not _only_a_script_of_its_own(after[0])
    around = [each for each in commands if each.span.start < download.span.start and download.span.end <= each.span.end]
    return any(_shell_of(each) for each in around)


def _shell_of(command: Command) -> bool:
    words = list(command.words)
    while words and (words[0] in {"sudo", "env", "exec"} or words[0].startswith("-") or "=" in words[0]):
        words.pop(0)
    return bool(words) and posixpath.basename(words[0]) in _SHELLS


def _only_a_script_of_its_own(command: Command) -> bool:
    """`| python3 -c '…'` and the like read the download as data."""
    return any(word in {"-c", "-m", "-e", "-ne", "-pe"} for word in command.words[1:])
