"""The scripts of a fleet that do what a generated one does, and why that one should take their place."""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from trimtab.deploy.written import Before, State, read_before, state_of
from trimtab.fleet import Fleet, Unreadable
from trimtab.fleet.script_jobs import Interface, Job, interface_of, job_of
from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.rules import Finding

_ENDINGS = (".sh", ".ps1")
_LONGEST = 80
_ELSEWHERE = re.compile(r"~|\$\{?(?:HOME|TMPDIR|XDG_\w+|env:\w+)\b")


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A script that somebody has written and that does a job which a generated one does, too."""

    path: str
    job: Job
    interface: Interface
    services: tuple[str, ...]
    """The only ones that it starts or builds; empty for all, and where that cannot be read."""
    reasons: tuple[Finding, ...]
    """What is wrong with it, the worst first; empty where nothing is known."""
    besides: tuple[tuple[int, str], ...]
    """What it runs inside containers, such as a migration, by line: nothing of ours does that in its place."""


def predecessors(fleet: Fleet, findings: Iterable[Finding], jobs: Iterable[Job]) -> tuple[Predecessor, ...]:
    """The scripts that do one of `jobs`, in order of their paths. `findings` are those of a review of the fleet's scripts."""
    wanted = set(jobs)
    known = list(findings)
    found: list[Predecessor] = []
    for part in fleet.scripts:
        job = _job(part)
        if job is None or job not in wanted:
            continue
        reasons = sorted((each for each in known if each.path == part.path), key=lambda each: (-each.severity, each.line))
        found.append(Predecessor(part.path, job, interface_of(part), _services(part), tuple(reasons), _besides(part)))
    return tuple(sorted(found, key=lambda each: each.path))


def before_of(fleet: Fleet, job: Job) -> Before:
    """What a generated script takes over from those that do the same job, and from its own text of earlier times.

    Flags and commands come from all of them; files from the script of the same name, else from all when they agree.
    """
    before = Before()
    parts = [part for part in fleet.scripts if _job(part) == job]
    for path in _own_paths(fleet, job):
        source = fleet.tree.read(path)
        if not isinstance(source, Unreadable) and state_of(source.text) is not State.FOREIGN:
            before = before.joined(read_before(source.text))
    named = [part for part in parts if posixpath.basename(part.path).partition(".")[0] == job]
    files = _agreed(_files(part, fleet) for part in named or parts)
    env_files = _agreed(_env_files(part, fleet) for part in named or parts)
    before = before.joined(Before(files, env_files))
    for part in parts:
        interface = interface_of(part)
        flags = tuple(_kebab(flag) for flag in interface.flags)
        before = before.joined(Before(flags=flags, commands=tuple(word.lower() for word in interface.commands)))
    return before


def _job(part: ScriptPart) -> Job | None:
    return job_of(part) if state_of(part.text) is State.FOREIGN else None


def _own_paths(fleet: Fleet, job: Job) -> list[str]:
    """Where a generated script may lie; one without an engine's name in it is no script of the fleet's."""
    names = {f"{job}{ending}" for ending in _ENDINGS}
    files = [path for path, entry in fleet.tree.entries.items() if entry.kind == "file"]
    return sorted(path for path in files if posixpath.basename(path) in names)


def _services(part: ScriptPart) -> tuple[str, ...]:
    calls = [call for call in part.calls if call.is_compose and call.verb in {"up", "build"}]
    if not calls or not all(call.operands for call in calls):
        return ()
    named = tuple(dict.fromkeys(word for call in calls for word in call.operands))
    return named if all(re.fullmatch(r"[A-Za-z0-9][\w.-]*", word) for word in named) else ()


def _besides(part: ScriptPart) -> tuple[tuple[int, str], ...]:
    calls = [(call.command.span, call.verb) for call in part.calls if call.verb in {"run", "exec"}]
    return tuple((part.line_of(span.start), _short(part.text[span.start : span.end], verb)) for span, verb in calls)


def _short(text: str, verb: str) -> str:
    """One line; where it is long, without what stands before the verb, then without its end."""
    line = " ".join(text.split())
    if len(line) > _LONGEST and f" {verb} " in line:
        line = f"…{line[line.index(f' {verb} ') :]}"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _agreed(found: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """What all say that say anything; nothing where they differ."""
    different = {each for each in found if each}
    return different.pop() if len(different) == 1 else ()


def _compose_calls(part: ScriptPart) -> list[EngineCall]:
    return [call for call in part.calls if call.is_compose and call.verb in {"up", "build"}]


def _files(part: ScriptPart, fleet: Fleet) -> tuple[str, ...]:
    return _agreed(_existing(part, call.files, fleet) for call in _compose_calls(part))


def _env_files(part: ScriptPart, fleet: Fleet) -> tuple[str, ...]:
    return _agreed(_existing(part, _env_words(call), fleet, missing=True) for call in _compose_calls(part))


def _env_words(call: EngineCall) -> tuple[str, ...]:
    words = call.words
    following = tuple(after for word, after in pairwise(words) if word == "--env-file")
    return following + tuple(word.partition("=")[2] for word in words if word.startswith("--env-file="))


def _existing(part: ScriptPart, names: Iterable[str], fleet: Fleet, *, missing: bool = False) -> tuple[str, ...]:
    """Names as paths from the root; those of no file are left out unless they may be `missing`, as what git ignores is."""
    found: list[str] = []
    for name in names:
        places = part.places(name)
        present = [place for place in places if place in fleet.tree.entries]
        literal = "$" not in places[0] and not places[0].startswith(("/", "..")) and not _ELSEWHERE.match(name)
        found += present[:1] or ([places[0]] if missing and literal else [])
    return tuple(found)


def _kebab(flag: str) -> str:
    """`-SkipTests` and `--skip_tests` as `skip-tests`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", flag.lstrip("-")).replace("_", "-").lower()
