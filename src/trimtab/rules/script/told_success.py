"""SC126."""

import re
from collections.abc import Iterator, Sequence

from trimtab.fleet import Fleet
from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.rules.base import Category, Confidence, Finding, Refusal, ScriptRule, Severity, script_case

_UNKNOWN = "what has to be done when it fails is known to whoever wrote it"
_UP = "docker compose up -d"


class SuccessToldAfterFailure(ScriptRule):
    """Success printed although the engine's call has failed.

    ## What it does
    Looks at what a script does when `build`, `push`, `pull`, `up`, `restart` or `deploy` fails: the branch of an `if` around
    the call, or of one that looks at `$?` or `$LASTEXITCODE` behind it. Where that branch only prints, and a later line says
    that all is well, the script says so in both cases.

    ## Why it matters
    Whoever reads the last line, and every program that looks at the exit code, takes the deployment for good.

    ## Fix safety
    Not fixed: what has to be done then is not known.
    """

    code = "SC126"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        script_case(f"#!/bin/bash\nset -e\nif ! {_UP}; then\n  echo 'it failed'\n  exit 1\nfi\necho 'Deployment complete'\n"),
        script_case(f"#!/bin/bash\nset -e\nif ! {_UP}; then echo 'it failed'; exit 1; fi\necho 'Deployment complete'\n"),
        script_case(
            f"{_UP}\nif ($LASTEXITCODE -ne 0) {{ throw 'it failed' }}\nWrite-Host 'Deployed successfully'\n", name="a.ps1"
        ),
        script_case(f"#!/bin/bash\nset -e\nif {_UP}; then\n  echo 'Deployment complete'\nelse\n  echo 'it failed'\nfi\n"),
        script_case(f"#!/bin/bash\nset -e\nif ! {_UP}; then\n  echo 'again'\n  {_UP}\nfi\necho 'Deployment complete'\n"),
    ]
    flagged = [
        script_case(f"#!/bin/bash\nset -e\nif ! {_UP}; then\n  echo 'it failed'\nfi\necho 'Deployment complete'\n",
                    refused=_UNKNOWN),
        script_case(f"#!/bin/bash\nset -e\nif {_UP}; then\n  echo up\nelse\n  echo 'it failed'\nfi\nprintf 'Deployed!\\n'\n",
                    refused=_UNKNOWN),
        script_case(f"#!/bin/bash\n{_UP}\nif [ $? -ne 0 ]; then\n  echo 'it failed'\nfi\necho 'Successfully deployed'\n",
                    refused=_UNKNOWN),
        script_case(f"#!/bin/bash\nset -e\nif ! {_UP}; then echo 'it failed'; fi\necho 'Deployment complete'\n",
                    refused=_UNKNOWN),
        script_case(f"#!/bin/bash\nset -e\nif {_UP}; then echo up; else echo 'it failed'; fi\necho 'Deployment complete'\n",
                    refused=_UNKNOWN),
        script_case(f"{_UP}\nif ($LASTEXITCODE -ne 0) {{ Write-Host 'it failed' }}\nWrite-Host 'Deployed successfully'\n",
                    name="a.ps1", refused=_UNKNOWN),
        script_case(f"$ErrorActionPreference = 'Stop'\n{_UP}\nif ($LASTEXITCODE -ne 0) {{\n  Write-Host 'it failed'\n}}\n"
                    "Write-Host 'Deployment complete'\n", name="a.ps1", refused=_UNKNOWN),
    ]  # fmt: skip

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        lines = part.text.splitlines()
        for call in part.calls:
            if call.verb not in _MATTERS:
                continue
            branch = _when_it_fails(lines, call, part)
            in_one = _in_one_line(lines, call, part)
            told = branch is not None and _only_prints(lines[branch.start : branch.stop]) and _told(lines, branch)
            if told or (in_one is not None and _says_so_below(lines, in_one)):
                message = f"`{call.verb}` may fail, which is only printed, and then success is"
                yield self.at(part, call.command.span.start, message, Refusal(_UNKNOWN), call.verb)


_MATTERS = frozenset({"build", "push", "pull", "up", "restart", "start", "deploy"})
_LOOKS = re.compile(
    r"\s*if\s+(?:\[{1,2}\s+\"?\$\?\"?\s+(?:-ne\s+0|!=\s+\"?0\"?)\s|\(\(\s*\$\?\s*(?:!=\s*0\s*)?\)\)|\(\s*\$LASTEXITCODE\s+-ne\s+0"
    r"|\(\s*(?:-not|!)\s*\$\?)",
    re.IGNORECASE,
)
_PRINTS = re.compile(r"(?i)\s*(?:echo\b|printf\b|write-(?:host|output|warning)\b|#|$)")
_ENDS_IT = re.compile(r"(?i)[;&|]\s*(?:exit|return|throw|break|continue|false)\b")
_SAYS_SO = re.compile(
    r"(?i)\s*(?:echo|printf|write-(?:host|output)|log_\w+)\b.*"
    r"(?:\bsuccess|\bcomplete|\bdeployed\b|\bfinished\b|\bdone\b|\bis (?:up|running|ready|live)\b|✅|🎉)"
)


def _when_it_fails(lines: Sequence[str], call: EngineCall, part: ScriptPart) -> range | None:
    """The lines that run only when the call fails; None where there are none, or they cannot be told."""
    first = part.text.count("\n", 0, call.command.span.start)
    last = part.text.count("\n", 0, call.command.span.end)
    asked = lines[first].strip()
    if asked.startswith("if "):
        inside = _inside(lines, last)
        if asked.startswith("if !"):
            return inside
        closes = lines[inside.stop].strip() if inside.stop < len(lines) else ""
        return _inside(lines, inside.stop) if closes == "else" else None
    following = next((n for n in range(last + 1, len(lines)) if lines[n].strip()), None)
    if following is None or not _LOOKS.match(lines[following]):
        return None
    return _inside(lines, following)


_AROUND = (
    re.compile(r"\s*if\s+!.*?;\s*then\s+(?P<bad>.*);\s*fi\s*(?:#.*)?"),
    re.compile(r"\s*if\s+(?!!).*?;\s*else\s+(?P<bad>.*);\s*fi\s*(?:#.*)?"),
)
_BEHIND = (
    re.compile(r"(?i)\s*if\s*\((?:\s*\$LASTEXITCODE\s+-ne\s+0|\s*(?:-not|!)\s*\$\?)\s*\)\s*\{(?P<bad>[^{}]*)\}\s*"),
    re.compile(r"\s*if\s+(?:\[{1,2}\s+\"?\$\?\"?\s+(?:-ne|!=)\s+\"?0\"?\s+\]{1,2})\s*;\s*then\s+(?P<bad>.*);\s*fi\s*(?:#.*)?"),
)
"""Branches that stand in one line, around a call or behind it, with what they do after a failure."""


def _in_one_line(lines: Sequence[str], call: EngineCall, part: ScriptPart) -> int | None:
    """The line of a branch that only prints when the call fails; None where there is none of one line."""
    at = part.text.count("\n", 0, call.command.span.start)
    last = part.text.count("\n", 0, call.command.span.end)
    behind = next((n for n in range(last + 1, len(lines)) if lines[n].strip()), at)
    places = [(at, each) for each in _AROUND] + [(behind, each) for each in _BEHIND if behind != at]
    for number, pattern in places:
        match = pattern.fullmatch(lines[number])
        if match and _only_prints([match["bad"]]) and not re.search(r"[;&|]\s*(?!echo|printf|Write-)\w", match["bad"]):
            return number
    return None


def _says_so_below(lines: Sequence[str], number: int) -> bool:
    depth = _depth(lines[number])
    for line in lines[number + 1 :]:
        if line.strip() and _depth(line) < depth:
            return False
        if _depth(line) == depth and _SAYS_SO.match(line):
            return True
    return False


def _inside(lines: Sequence[str], head: int) -> range:
    """The lines that stand deeper than a branch's head, up to the one that does not."""
    depth = _depth(lines[head])
    end = head + 1
    while end < len(lines) and (not lines[end].strip() or _depth(lines[end]) > depth):
        end += 1
    return range(head + 1, end)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _only_prints(lines: Sequence[str]) -> bool:
    return any(line.strip() for line in lines) and all(_PRINTS.match(line) and not _ENDS_IT.search(line) for line in lines)


def _told(lines: Sequence[str], branch: range) -> bool:
    """Whether a line that both cases come to says that all is well."""
    if branch.stop >= len(lines) or lines[branch.stop].strip() not in {"fi", "}"}:
        return False
    return _says_so_below(lines, branch.stop)
