"""SC116 and SC119: a removal of what a variable may not say, and a request that may wait for ever."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trimtab.fleet import Fleet
from trimtab.fleet.scripts import ScriptPart
from trimtab.rules.base import Applicability, Category, Finding, Refusal, ScriptRule, Severity, script_case, script_fix
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span

_NOTHING_LIKE_IT = (
    "PowerShell has no form of a variable that ends the script: `if (-not $X) { throw 'X is empty' }` in front does"
)


class UnguardedRemoval(ScriptRule):
    """`rm -rf` of a path that begins with a variable that may be empty.

    ## What it does
    Finds `rm -r` of `"$X/…"` where the variable is not written as `${X:?}` and neither the script nor, for `$PWD`, the shell
    gives it a value; in PowerShell `Remove-Item -Recurse` of `"$X\\…"`.

    ## Why it matters
    When the variable is empty it is `rm -rf /…`. `set -u` does not help: empty is not unset. In PowerShell it is what lies at
    the root of the drive.

    ## Fix safety
    Unsafe: it becomes `${X:?}`, with which the shell ends the script when the variable is empty or unset. Refused where empty
    may be meant: names like `DESTDIR`, `PREFIX` and `ROOT`, loops, defaults; where the script goes on when the removal
    fails; and in PowerShell, which has nothing of the kind.
    """

    code = "SC116"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    aliases = ("SC2115",)
    clean = [
        script_case('#!/bin/bash\nset -e\nX=/srv/a\nrm -rf "$X/b" "${Y:?}/c" "$Z"\ndocker ps\n'),
        script_case('#!/bin/bash\nset -e\nD="$(mktemp -d)"\nrm -rf "$D/x" "$PWD/y"\ndocker ps\n'),
    ]
    flagged = [
        script_case(
            '#!/bin/bash\nset -e\nrm -rf "$BACKUP/old" ${X}/*\nrm -rf -- "$D"/*\ndocker ps\n',
            after='#!/bin/bash\nset -e\nrm -rf "${BACKUP:?}/old" ${X:?}/*\nrm -rf -- "${D:?}"/*\ndocker ps\n',
        ),
        script_case(
            '#!/bin/bash\nset -e\nrm -rf "$DESTDIR/usr/share/x"\ndocker ps\n',
            refused="`DESTDIR` is a name for a folder that everything is put below, where empty is meant",
        ),
        script_case(
            "$ErrorActionPreference = 'Stop'\nRemove-Item -Recurse -Force \"$Old/data\"\ndocker ps\n",
            refused=_NOTHING_LIKE_IT,
            name="a.ps1",
        ),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        if part.shell == "powershell":
            yield from self._in_powershell(part)
            return
        for command in part.script.commands:
            if command.name != "rm" or not any(re.fullmatch(r"-\w*[rR]\w*|--recursive", word) for word in command.words[1:]):
                continue
            for word, span in zip(command.words, command.word_spans, strict=True):
                raw = part.text[span.start : span.end]
                match = re.match(r"\"?(?P<all>\$\{?(?P<name>[A-Za-z_]\w*)\}?)\"?/", raw)
                if match is None or match["name"] == "PWD" or re.search(rf"(?m)\b{match['name']}=\S", part.text):
                    continue
                begin = span.start + match.start("all")
                edit = Edit(Span(begin, begin + len(match["all"])), f"${{{match['name']}:?}}")
                outcome = _goes_on(part, command, match["name"]) or script_fix(
                    part, f"write `${{{match['name']}:?}}`", [edit], Applicability.UNSAFE
                )
                message = f"removes `{word[:40]}`, which begins with `/` when `{match['name']}` is empty"
                yield self.at(part, span.start, message, outcome, match["name"])

    def _in_powershell(self, part: ScriptPart) -> Iterator[Finding]:
        for command in part.script.commands:
            if command.name.lower() not in _REMOVES or not any(map(_recurses, command.words[1:])):
                continue
            for word, span in zip(command.words, command.word_spans, strict=True):
                match = _PATH_BELOW.match(word)
                if match is None or _has_value(part.text, match["name"]):
                    continue
                name = match["name"]
                message = f"removes `{word[:40]}`, which begins at the root of the drive when `${name}` is empty"
                yield self.at(part, span.start, message, Refusal(_NOTHING_LIKE_IT), name)


_REMOVES = frozenset({"remove-item", "ri", "rm", "rmdir", "rd", "del", "erase"})
_PATH_BELOW = re.compile(r"\$\{?(?P<name>(?:env:)?\w+)\}?[\\/][^\n]*$")
_ALWAYS_THERE = frozenset(
    {"psscriptroot", "pwd", "home", "pshome", "env:temp", "env:tmp", "env:userprofile", "env:programdata"}
)


def _recurses(word: str) -> bool:
    """`-Recurse`, or as much of it as PowerShell asks for."""
    return len(word) > 1 and "-recurse".startswith(word.lower())


def _has_value(text: str, name: str) -> bool:
    """Whether PowerShell itself gives a variable a value, or the script: by `=`, in a loop, or as what a caller has to say."""
    named = re.escape(name)
    given = rf"(?i)\$\{{?{named}\}}?\s*=\s*\S|\bforeach\s*\(\s*\${named}\b|Mandatory(?:\s*=\s*\$true)?[^$]*\${named}\b"
    checked = rf"(?i)-not\s*\(?\s*\${named}\b|IsNullOrEmpty\(\${named}\)|IsNullOrWhiteSpace\(\${named}\)"
    return name.lower() in _ALWAYS_THERE or bool(re.search(given, text) or re.search(checked, text))


_ROOT = re.compile(r"(?i)dest|prefix|root|stag(?:e|ing)|pkg_?dir")


def _goes_on(part: ScriptPart, command: Command, name: str) -> Refusal | None:
    """Why a script may be meant to go on where the variable is empty."""
    text = part.text.replace("\\\n", "  ")
    line_before = text[text.rfind("\n", 0, command.span.start) + 1 : command.span.start]
    if _ROOT.search(name):
        return Refusal(f"`{name}` is a name for a folder that everything is put below, where empty is meant")
    if re.search(rf"\bfor\s+{name}\b|(?m:\b{name}=[\"']*(?:[\s;]|$))|\$\{{{name}:?[-=]", text):
        return Refusal(f"`{name}` may be empty on purpose: a loop or a default gives it its value")
    if re.match(r"[^\n]*\|\|", text[command.span.end :]) or re.search(r"\|\||\b(?:if|elif|while|until)\b|!", line_before):
        return Refusal("the script goes on when the removal fails, and would end there")
    if any(each.name == "trap" for each in part.script.commands):
        return Refusal("the script has a trap, and what that still has to clean up would not be")
    return None


class RequestWithoutTimeout(ScriptRule):
    """Request that waits for an answer as long as the other side likes.

    ## What it does
    Finds `curl` without `--max-time` or `--connect-timeout`, `wget` without `--timeout`, and PowerShell's
    `Invoke-WebRequest` and `Invoke-RestMethod` without `-TimeoutSec`, in scripts that call the engine.

    ## Why it matters
    A service that accepts connections and answers nothing, which is how many of them hang, stops the script for ever.

    ## Fix safety
    Unsafe: `--max-time 10`, `--timeout=10` or `-TimeoutSec 10` is added; a request that takes longer fails. Only requests
    to the host itself that send nothing and measure no time are changed, with harmless options and an answer that no file
    keeps.
    """

    code = "SC119"
    category = Category.RELIABILITY
    severity = Severity.LOW
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ndocker ps\ncurl -f --max-time 5 http://localhost/health\ncurl -fsm 5 localhost\n")
    ]
    flagged = [
        script_case(
            "#!/bin/bash\nset -e\ndocker ps\ncurl -f http://localhost:80/health\n",
            after="#!/bin/bash\nset -e\ndocker ps\ncurl --max-time 10 -f http://localhost:80/health\n",
        ),
        script_case(
            "#!/bin/bash\nset -e\ndocker ps\ncurl -fLO https://example.com/a\n", refused="how long it may take is not known"
        ),
        script_case(
            'docker ps\n$r = Invoke-WebRequest -Uri "http://localhost:80/health" -UseBasicParsing\n',
            after='docker ps\n$r = Invoke-WebRequest -TimeoutSec 10 -Uri "http://localhost:80/health" -UseBasicParsing\n',
            name="a.ps1",
        ),
    ]

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        requests = _OF_POWERSHELL if part.shell == "powershell" else _OF_SHELLS
        for command in part.script.commands:
            limit = requests.limit(command.name)
            if limit is None or not command.words[1:] or requests.has_timeout(command.words):
                continue
            outcome = Refusal("how long it may take is not known")
            if requests.only_ask(part, command):
                edit = Edit.insert(command.word_spans[0].end, f" {limit}")
                outcome = script_fix(part, "wait ten seconds at most", [edit], Applicability.UNSAFE)
            yield self.at(part, command.span.start, f"`{command.name}` waits for an answer without end", outcome)


_PLAIN_OPTION = re.compile(
    r"-[fsSkLviIqO]+-?|--(?:fail|fail-with-body|silent|show-error|insecure|location|head|include|verbose|quiet|spider)|--tries=\d+"
)
_WITH_ANY = frozenset({"-w", "--write-out", "-H", "--header"})
_TO_NOWHERE = frozenset({"-o", "--output", "-so", "-sSo", "-fso", "-fsSo", "-sfo", "-O", "-qO"})
_LOCAL = re.compile(
    r"(?:https?://)?(?:localhost|127\.0\.0\.1)\b(?!.*(?:timeout|wait|follow|stream|watch|event|log|dump|export|backup))"
)


def _only_asks(part: ScriptPart, command: Command) -> bool:
    """Whether a request surely asks one address of the host itself, sends nothing, and keeps the answer in no file."""
    rest = list(command.words[1:])
    asked = 0
    while rest:
        word = rest.pop(0)
        if rest and (word in _WITH_ANY or (word in _TO_NOWHERE and rest[0] in {"/dev/null", "-"})):
            rest.pop(0)
        elif _LOCAL.match(word.lower()):
            asked += 1
        elif not _PLAIN_OPTION.fullmatch(word) or (command.name == "curl" and "O" in word):
            return False
    piped = re.compile(r"\s*\|(?!\||\s*(?:grep|jq|head)\b)").match(part.text, command.span.end)
    kept = re.search(r">\s*(?!/dev/null|&)\S|%\{time_", part.text[command.span.start : command.span.end])
    return asked == 1 and not piped and not kept


_PLAIN_PARAMETER = re.compile(r"(?i)-(?:usebasicparsing|skipcertificatecheck|verbose|disablekeepalive)$")
_PARAMETER_WITH_WORD = frozenset({"-uri", "-method", "-erroraction", "-ea", "-headers"})


def _only_asks_web(part: ScriptPart, command: Command) -> bool:
    """The same of PowerShell's own requests."""
    rest = [word.lower() for word in command.words[1:]]
    asked = 0
    while rest:
        word = rest.pop(0)
        if word == "-method" and rest[:1] not in (["get"], ["head"]):
            return False
        if word in _PARAMETER_WITH_WORD and rest:
            asked += word == "-uri" and bool(_LOCAL.match(rest[0]))
            rest.pop(0)
        elif _LOCAL.match(word):
            asked += 1
        elif not _PLAIN_PARAMETER.match(word):
            return False
    return asked == 1


def _has_timeout(words: tuple[str, ...]) -> bool:
    long = re.compile(r"--(?:max-time|connect-timeout|timeout|version|help)(?:=|$)")
    return (
        any(long.match(word) or re.fullmatch(r"-[a-zA-Z]*[mT]\d*|-V|-h", word) for word in words[1:]) or words[0] == "timeout"
    )


def _has_web_timeout(words: tuple[str, ...]) -> bool:
    # What stands in a table of parameters may hold one.
    return any(re.match(r"(?i)-(?:\w*timeout)|@\w", word) for word in words[1:])


@dataclass(frozen=True, slots=True)
class _Requests:
    """How a language's requests are told apart and limited."""

    limit: Callable[[str], str | None]
    """What limits a command of that name to ten seconds; None for what is no request."""
    only_ask: Callable[[ScriptPart, Command], bool]
    has_timeout: Callable[[tuple[str, ...]], bool]


_OF_SHELLS = _Requests({"curl": "--max-time 10", "wget": "--timeout=10"}.get, _only_asks, _has_timeout)
# `curl` and `wget` are other names of the first one in Windows PowerShell, and programs elsewhere: nobody can tell.
_WEB = frozenset({"invoke-webrequest", "invoke-restmethod", "iwr", "irm"})
_OF_POWERSHELL = _Requests(lambda name: "-TimeoutSec 10" if name.lower() in _WEB else None, _only_asks_web, _has_web_timeout)
