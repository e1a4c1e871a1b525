"""DF211 and DF212: permissions that give away too much."""

import re
from collections.abc import Iterator, Sequence

from trimtab.fleet.facts import Facts
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Span

_WRITABLE = "who has to write there is known to the service alone: give those paths to its user"
_SETUID = "whether the program needs it is known to whoever put it there"
_SHARED = re.compile(r"^/(var/)?tmp(/|$)|^/dev/shm")


class _PermissionRule(DockerfileRule):
    """Looks at every mode that chmod, COPY and ADD set."""

    category = Category.SECURITY
    since = "0.2"
    reason = ""

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for command in run.commands("chmod"):
                    words = [
                        word
                        for word in command.words[1:]
                        if not re.match(r"^-[a-zA-Z-]*[a-zA-Z]$", word) or word[1:2] in "rwxst"
                    ]
                    mode, paths = (words[0], words[1:]) if words else ("", [])
                    made_here = any("$" in path for path in paths)
                    if self.too_much(mode, paths) and not made_here:
                        span = run.source_span(command.span)
                        message = self.message(mode, " ".join(paths[:3]))
                        yield self.finding(facts, span, message, Refusal(self.reason), " ".join(paths[:3]))
            for copy in stage.copies:
                flag = copy.instruction.flag("chmod")
                if flag and flag.value and self.too_much(flag.value, [copy.destination]):
                    yield self._of_copy(facts, flag.span, flag.value, copy.destination)

    def _of_copy(self, facts: Facts, span: Span, mode: str, path: str) -> Finding:
        return self.finding(facts, span, self.message(mode, path), Refusal(self.reason), path)

    def too_much(self, mode: str, paths: Sequence[str]) -> bool:
        raise NotImplementedError

    def message(self, mode: str, path: str) -> str:
        raise NotImplementedError


class WorldWritableFiles(_PermissionRule):
    """Files that everybody may change.

    ## What it does
    Finds `chmod 777`, `a+w`, `o+w` and modes alike in RUN, COPY and ADD, but for shared scratch folders and modes with
    the sticky bit.

    ## Why it matters
    Any process in the container, also one that was broken into and runs as nobody, can put its own code where the
    service will run it.

    ## Fix safety
    Not fixed: the folder belongs to the user who writes there, and that user is not known from here.
    """

    code = "DF211"
    severity = Severity.MEDIUM
    reason = _WRITABLE
    clean = ["FROM a:1\nRUN chmod 755 /a && chmod +x /b && chmod 1777 /c && chmod -R g+w /d && chmod 777 /tmp\n"]
    flagged = [
        Case("FROM a:1\nRUN chmod -R 777 /app\n", refused=_WRITABLE),
        Case("FROM a:1\nRUN chmod a+rwX /app\n", refused=_WRITABLE),
        Case("FROM a:1\nCOPY --chmod=0666 a /app/a\n", refused=_WRITABLE, files={"a": ""}),
    ]

    def too_much(self, mode: str, paths: Sequence[str]) -> bool:
        if paths and all(_SHARED.search(path) for path in paths):
            return False
        octal = re.fullmatch(r"0?(?P<special>[0-7])?[0-7][0-7](?P<others>[0-7])", mode)
        if octal:
            sticky = int(octal["special"] or "0") & 1
            return bool(int(octal["others"]) & 2) and not sticky
        return any(
            re.fullmatch(r"(?:[ug]*[oa][ugoa]*|(?=[+]))[+=][rxX]*w[rwxX]*", part) and part[0] != "+" for part in mode.split(",")
        )

    def message(self, mode: str, path: str) -> str:
        return f"mode `{mode}` lets everybody in the container change `{path}`"


class SetuidProgram(_PermissionRule):
    """Program that runs as its owner, whoever starts it.

    ## What it does
    Finds `chmod u+s` and modes with the set-user-ID bit in RUN, COPY and ADD.

    ## Why it matters
    A set-user-ID program of root's is the usual way from an unprivileged user back to root, and makes a USER worth
    little. `no-new-privileges` in the deployment takes the effect away.

    ## Fix safety
    Not fixed: the program may need it.

    ## References
    CIS Docker Benchmark 4.8
    """

    code = "DF212"
    severity = Severity.MEDIUM
    reason = _SETUID
    clean = ["FROM a:1\nRUN chmod g+s /a && chmod 2755 /b && chmod u-s /c && chmod 0755 /d\n"]
    flagged = [
        Case("FROM a:1\nRUN chmod u+s /bin/ping\n", refused=_SETUID),
        Case("FROM a:1\nRUN chmod 4755 /bin/ping\n", refused=_SETUID),
    ]

    def too_much(self, mode: str, paths: Sequence[str]) -> bool:
        octal = re.fullmatch(r"0?([0-7])[0-7]{3}", mode)
        if octal:
            return bool(int(octal[1]) & 4)
        return any(
            re.fullmatch(r"[goa]*u?[ugoa]*[+=][rwxX]*s[rwxXs]*", part) and not part.startswith("g") for part in mode.split(",")
        )

    def message(self, mode: str, path: str) -> str:
        return f"mode `{mode}` lets whoever starts `{path}` run it as its owner"
