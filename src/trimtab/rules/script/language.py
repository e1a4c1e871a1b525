"""SC108 to SC110: traps of the shell itself, in scripts that call the engine."""

import re
from collections.abc import Iterator
from itertools import takewhile

from trimtab.fleet import Fleet
from trimtab.fleet.exit_codes import looks_anywhere, unlooked
from trimtab.fleet.scripts import ScriptPart
from trimtab.fleet.strictness import (
    place_for_preference,
    preference_statement,
    why_no_exit_codes,
    why_no_preference,
    why_not_strict,
)
from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    Finding,
    Fix,
    Refusal,
    ScriptRule,
    Severity,
    script_case,
    script_fix,
)
from trimtab.text import Edit, Span


class GoesOnAfterFailure(ScriptRule):
    """Script that goes on when a command fails.

    ## What it does
    Finds shell scripts that call the engine without `set -e`, and PowerShell scripts without `$ErrorActionPreference = 'Stop'`.

    ## Why it matters
    A failed build is followed by the start of the old image and the message that all is well.

    ## Fix safety
    Unsafe: `set -euo pipefail` (`set -eu` for a plain `sh`) or `$ErrorActionPreference = 'Stop'` is put below the head comment.
    Refused where the script looks at `$?`, uses a variable that may have no value, or runs a command that may fail with nothing
    wrong, such as `docker stop` or `grep`; and in PowerShell where it reads in another script or is read in by one, and
    where it is not sure that a first statement may stand there.
    """

    code = "SC108"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -o errexit\ndocker ps\n"),
        script_case("#!/bin/bash -e\ndocker ps\n"),
        script_case("$ErrorActionPreference = 'Stop'\ndocker ps\n", name="a.ps1"),
    ]
    flagged = [
        script_case("#!/bin/bash\n# Why.\n\ndocker ps\n", after="#!/bin/bash\n# Why.\n\nset -euo pipefail\n\ndocker ps\n"),
        script_case("#!/bin/sh\ndocker ps\n", after="#!/bin/sh\n\nset -eu\n\ndocker ps\n"),
        script_case(
            "<#\n.SYNOPSIS\nA\n#>\nparam(\n  [string]$A\n)\ndocker ps\n",
            after="<#\n.SYNOPSIS\nA\n#>\nparam(\n  [string]$A\n)\n\n$ErrorActionPreference = 'Stop'\n\ndocker ps\n",
            name="a.ps1",
        ),
        script_case(
            ". (Join-Path $PSScriptRoot 'names.ps1')\ndocker build -t $name .\n",
            refused="it reads in another script, at whose errors it would end as well",
            name="a.ps1",
        ),
        Case(
            "FROM scratch\n",
            refused="another script reads it in, and would end at errors as well",
            files={"names.ps1": "$v = docker version\n", "a.ps1": ". '..\\names.ps1'\nWrite-Host $v\n"},
        ),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        if part.strict or _is_sourced(part, fleet):
            return
        call = part.calls[0]
        outcome = _made_strict(part, fleet)
        yield self.at(part, call.command.span.start, "goes on when a command fails", outcome)


def _is_sourced(part: ScriptPart, fleet: Fleet) -> bool:
    """Whether it is a library of functions, which takes its options from whoever reads it in."""
    if part.shell == "powershell":
        return False
    name = part.path.rpartition("/")[2]
    acting = [command for command in part.script.commands if command.top_level and command.name not in _SETTING_UP]
    named = re.search(r"(?:^|[-_/])(?:lib|libs|helpers?|functions?|common|utils?)(?:[-_./]|$)", part.path)
    return not part.text.startswith(("#!", "\ufeff#!")) or not acting or bool(named) or _is_read_in(fleet, name)


_SETTING_UP = frozenset({"set", "shopt", "readonly", "export", "declare", "source", ".", "local", "umask"})


def _is_read_in(fleet: Fleet, name: str) -> bool:
    """Whether another script reads a file of that name in."""
    return any(
        command.name in {"source", "."} and any(word.rpartition("/")[2] == name for word in command.words[1:])
        for part in fleet.scripts
        for command in part.script.commands
    )


def _made_strict(part: ScriptPart, fleet: Fleet) -> Fix | Refusal:
    words = {"powershell": "$ErrorActionPreference = 'Stop'", "sh": "set -eu"}.get(part.shell, "set -euo pipefail")
    reason = why_no_preference(part, fleet.tree) if part.shell == "powershell" else why_not_strict(part)
    if reason is not None:
        return Refusal(reason)
    newline = "\r\n" if "\r\n" in part.text else "\n"
    at = _behind_head(part)
    before = "" if part.text[:at].endswith((newline * 2, "\n\n")) or at == 0 else newline
    after = newline if part.text[at:].startswith(newline) else newline * 2
    edit = Edit.insert(at, f"{before}{words}{after}")
    return script_fix(part, f"put `{words}` at its head", [edit], Applicability.UNSAFE)


def _behind_head(part: ScriptPart) -> int:
    """The offset behind the comments at a script's head, and behind PowerShell's parameters, which have to come first."""
    if part.shell == "powershell":
        return place_for_preference(part) or 0
    lines = part.text.splitlines(keepends=True)
    return sum(map(len, takewhile(lambda line: not line.strip() or line.startswith(("#", "\ufeff#")), lines)))


_SEEN = "it looks at other exit codes itself, which it would not come to any more"
_NO_PREFERENCE = "it has no plain `$ErrorActionPreference = 'Stop'` of its own, without which the other one does nothing"


class UncheckedExitCode(ScriptRule):
    """PowerShell script that does not look at what the engine's programs return.

    ## What it does
    Finds builds, pushes and starts in PowerShell scripts behind which nothing looks at `$LASTEXITCODE` or `$?` before the
    engine is called again, where nothing sets `$PSNativeCommandUseErrorActionPreference`. In a function, and in a block that
    is handed to a command, whatever looks anywhere in the script is believed to look at them.

    ## Why it matters
    `$ErrorActionPreference = 'Stop'` is about PowerShell's own commands. A `docker build` that fails is no error to it: the
    script goes on.

    ## Fix safety
    Unsafe: `$PSNativeCommandUseErrorActionPreference = $true` is put behind `$ErrorActionPreference`. PowerShell before 7.3
    does not know it, and does nothing. Refused where `docker rm`, `robocopy` or the like may fail with nothing wrong, and where
    the script looks at other exit codes itself.

    ## References
    https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_preference_variables
    """

    code = "SC109"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        script_case("$ErrorActionPreference = 'Stop'\ndocker build .\nif ($LASTEXITCODE -ne 0) { exit 1 }\n", name="a.ps1"),
        script_case("#!/bin/bash\nset -e\ndocker build .\n"),
        script_case("docker build . && docker push a\nif (-not $?) { throw 'a' }\ndocker ps\n", name="a.ps1"),
        script_case("docker build . || exit 1\n$PSNativeCommandUseErrorActionPreference = $true\n", name="a.ps1"),
        script_case("docker build . || exit 1\n", name="a.ps1"),
        script_case(
            "if ($old) {\n  docker-compose build\n} elseif ($a) {\n  docker compose build\n} else {\n  docker build .\n}\n"
            "if ($LASTEXITCODE) { throw 'a' }\ndocker ps\n",
            name="a.ps1",
        ),
        script_case(
            "function Check { if ($LASTEXITCODE) { throw 'a' } }\nfunction Build { docker build . }\nBuild; Check\n"
            "Invoke-Step { docker compose up -d }\ndocker ps\n",
            name="a.ps1",
        ),
    ]
    flagged = [
        script_case(
            "$ErrorActionPreference = 'Stop'\ndocker build .\nif ($LASTEXITCODE -ne 0) { exit 1 }\n"
            "try { docker compose up -d } catch { Write-Host 'failed' }\ndocker ps\n",
            refused="it looks at other exit codes itself, which it would not come to any more",
            name="a.ps1",
        ),
        script_case(
            "$ErrorActionPreference = 'Stop'\ndocker build .\n",
            after="$ErrorActionPreference = 'Stop'\n$PSNativeCommandUseErrorActionPreference = $true\ndocker build .\n",
            name="a.ps1",
        ),
        script_case(
            "$ErrorActionPreference = 'Stop'\ndocker rm -f old\ndocker build .\n",
            refused="`docker rm -f old` may fail with nothing wrong, and would end the script",
            name="a.ps1",
        ),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        first, *others = unlooked(part) or [None]
        if first is None:
            return
        place = preference_statement(part)
        reason = _SEEN if looks_anywhere(part) else why_no_exit_codes(part) if place is not None else None
        outcome: Fix | Refusal = Refusal(reason or _NO_PREFERENCE)
        if place is not None and reason is None:
            newline = "\r\n" if part.text[: place.end].endswith("\r\n") else "\n"
            edit = Edit.insert(place.end, f"$PSNativeCommandUseErrorActionPreference = $true{newline}")
            outcome = script_fix(part, "stop when the engine's programs fail", [edit], Applicability.UNSAFE)
        named = f"`{' '.join(first.command.words)[:50]}`" + (f" (and {len(others)} more)" if others else "")
        yield self.at(part, first.command.span.start, f"does not look at what {named} returns", outcome)


_STATUS = "its status is a condition or the result of a function, which the other form does not have"


class IncrementUnderErrexit(ScriptRule):
    """`((x++))` in a script that ends when a command fails.

    ## What it does
    Finds `((x++))` and `((x--))` as commands of their own, and as the last behind `&&` or `||`, in scripts with `set -e`.

    ## Why it matters
    The command's status is a failure when the value before was 0, and the script ends there without a word.

    ## Fix safety
    Safe: it becomes `x=$((x + 1))`, which never fails. Refused where the status is looked at: in a condition, behind `&&`, as
    the last command of a function, before `$?`.
    """

    code = "SC110"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    aliases = ("SC2219",)
    clean = [
        script_case("#!/bin/bash\nset -e\nx=$((x + 1))\n((x++)) || true\nfor ((i=0; i<3; i++)); do docker ps; done\n"),
        script_case("#!/bin/bash\n((x++))\ndocker ps\n"),
        script_case("#!/bin/bash\nset -e\nx=1\n((x++))\ndocker ps\n"),
        script_case("#!/bin/bash\nset -e\nx=0\nif docker ps && ((x++)); then docker ps; fi\ndocker ps && ((x++)) || true\n"),
        script_case("#!/bin/bash\nset -e\ndocker ps\ncat > gen.sh <<EOF\n((n++))\nEOF\n"),
    ]
    flagged = [
        script_case(
            "#!/bin/bash\nset -e\nx=0\n  ((x++)) # one\ndocker ps\n((x--))\n",
            after="#!/bin/bash\nset -e\nx=0\n  x=$((x + 1)) # one\ndocker ps\nx=$((x - 1))\n",
        ),
        script_case(
            "#!/bin/bash\nset -e\nx=0\ndocker ps || ((x++))\ndocker ps\n",
            after="#!/bin/bash\nset -e\nx=0\ndocker ps || x=$((x + 1))\ndocker ps\n",
        ),
        script_case("#!/bin/bash\nset -e\nwhile sleep 1; ((x--)); do docker ps; done\n", refused=_STATUS),
        script_case("#!/bin/bash\nset -e\nx=0\ndocker ps && ((x++))\ndocker ps\n", refused=_STATUS),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        if part.shell != "bash" or not part.strict:
            return
        for match in _INCREMENT.finditer(part.text):
            name, sign = match["name"], match["sign"][0]
            # What is no command is text: of a heredoc, or of a string.
            if match.start("all") not in part.arithmetic or (sign == "+" and _begins_above_zero(part.text, name)):
                continue
            outcome: Fix | Refusal = Refusal(_STATUS)
            if part.arithmetic[match.start("all")]:
                edit = Edit(Span(match.start("all"), match.end("all")), f"{name}=$(({name} {sign} 1))")
                outcome = script_fix(part, f"write `{name}=$(({name} {sign} 1))`", [edit], Applicability.SAFE)
            yield self.at(part, match.start("all"), f"`{match['all']}` ends the script when `{name}` was 0", outcome, name)


def _begins_above_zero(text: str, name: str) -> bool:
    """Whether a counter only ever gets positive literals, so that counting up never meets 0."""
    values = re.findall(rf"(?m)\b{name}=(\S+)", text)
    return bool(values) and all(re.fullmatch(r"[1-9]\d*;?", value) for value in values)


_INCREMENT = re.compile(
    r"(?m)(?:^[ \t]*|;[ \t]*|\b(?:then|do|else)[ \t]+|^(?![ \t]*(?:if|elif|while|until)\b)[^\n#]*(?:\|\||&&)[ \t]*)"
    r"(?P<all>\(\(\s*(?P<name>\w+)(?P<sign>\+\+|--)\s*\)\))(?=[ \t]*(?:$|#|;))"
)
