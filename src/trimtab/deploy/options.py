"""What the generated scripts let their users say, and what becomes of the flags that they know from scripts before."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from trimtab.fleet.script_jobs import Job


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a generated script."""

    name: str
    """`no-build`: `--no-build` in bash, `-NoBuild` in PowerShell."""
    about: str
    value: str = ""
    """What its value is called in the help; empty for a switch."""
    letter: str = ""
    repeated: bool = False
    to: tuple[str, ...] = ()
    """The commands of trimtab that it is handed to as it is."""
    also: tuple[str, ...] = ()
    """Other names for it that users know from the scripts before."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A flag or command of a script before that has nothing to stand for, with what to do instead."""

    name: str
    why: str
    is_flag: bool = True
    """Whether it is written with dashes."""


_HELP = Option("help", "this text", letter="h")
_SERVICE = Option("service", "only this service, with what it needs; may be repeated", "NAME", "s", repeated=True)
_FILE = Option("file", "this compose file; may be repeated", "COMPOSE", "f", repeated=True)

OPTIONS: Mapping[Job, tuple[Option, ...]] = {
    "build": (
        replace(_SERVICE, to=("build",)),
        _FILE,
        Option("since", "only what a change since this git revision reaches", "REVISION", to=("build",)),
        Option("no-cache", "build every step anew", to=("build",)),
        _HELP,
    ),
    "deploy": (
        replace(_SERVICE, to=("build", "deploy")),
        _FILE,
        Option("no-build", "deploy the images that are there"),
        Option("gate", "deploy only if every quality gate is passed"),
        Option("pull", "ask the registries for newer images first", to=("deploy",)),
        Option("force-recreate", "replace what has not changed, too", to=("deploy",)),
        Option("remove-orphans", "remove containers of services that no file names", to=("deploy",)),
        Option("dry-run", "say what would be done, and build nothing", to=("deploy",)),
        Option("resume", "go on with a deployment that was interrupted, and build nothing", to=("deploy",)),
        _HELP,
    ),
    "rollback": (
        replace(_SERVICE, about="only this service; may be repeated", to=("rollback",)),
        _FILE,
        Option("dry-run", "say what would be done", to=("rollback",)),
        Option("to", "go back to this revision instead of the one before", "REVISION", to=("rollback",)),
        _HELP,
    ),
}

_SAME: Mapping[str, str] = {
    "services": "service", "only": "service", "composefile": "file", "f": "file", "s": "service", "h": "help",
    "skipbuild": "no-build", "withoutbuild": "no-build", "skipbuilds": "no-build", "plan": "dry-run", "whatif": "dry-run",
    "dry": "dry-run", "validate": "dry-run", "continue": "resume", "nocaching": "no-cache", "withgate": "gate",
    "recreate": "force-recreate", "version": "to", "revision": "to", "torevision": "to", "toversion": "to",
}  # fmt: skip
"""Names, without dashes, to the options that mean the same."""

_TESTS = "trimtab runs no tests of yours here, so there are none to leave out"
_HEALTH = "a deployment is done when its services are healthy and goes back when they are not; that cannot be left out"
_ASKED = "nothing is asked, so nothing has to be forced"
_REMOVED = "a deployment removes nothing but the containers it replaces; what else is to go is a decision of its own"
_NO_CACHE = 'a deployment builds what has changed; "{build} {no_cache}" builds everything anew'
_ENVIRONMENT = 'which compose file is meant is said with "{file} COMPOSE"'
_WHY_FLAG: Mapping[str, str] = {
    **dict.fromkeys(("skiptests", "skiptest", "notests", "notest", "runtests", "tests"), _TESTS),
    **dict.fromkeys(("skiphealth", "skiphealthcheck", "skiphealthchecks", "nohealthcheck", "nowait", "skipwait", "timeout",
                     "skipverify", "skipvalidation", "wait"), _HEALTH),
    **dict.fromkeys(("force", "yes", "y", "assumeyes", "noninteractive", "confirm"), _ASKED),
    **dict.fromkeys(("clean", "cleanup", "prune", "removevolumes", "purge", "down"), _REMOVED),
    **dict.fromkeys(("nocache", "rebuild", "fresh", "forcerebuild", "forcebuild"), _NO_CACHE),
    **dict.fromkeys(("env", "environment", "e", "prod", "production", "staging", "dev", "profile"),
                    _ENVIRONMENT),
    **dict.fromkeys(("verbose", "v", "debug", "quiet", "q"), "what trimtab says is on the terminal and in the log anyway"),
    **dict.fromkeys(("parallel", "jobs", "j"), 'how many builds run at once is said with "trimtab build --jobs"'),
    **dict.fromkeys(("rollback", "skiprollback", "norollback"), "a deployment that fails goes back by itself"),
}  # fmt: skip
_WHY_COMMAND: Mapping[str, str] = {
    **dict.fromkeys(("logs", "log"), 'compose shows them: "docker compose{files} logs --follow"'),
    **dict.fromkeys(("stop", "down", "restart", "pull", "exec", "shell", "rm", "clean"),
                    'compose does that: "docker compose{files} {word}"'),
    "build": 'that is "{build}"',
    "rollback": 'that is "{rollback}"',
    "deploy": 'that is "{deploy}"',
}  # fmt: skip
_SELF: Mapping[str, frozenset[str]] = {
    "deploy": frozenset(["deploy", "up", "start", "all", "run"]),
    "build": frozenset(["build", "all"]),
    "rollback": frozenset(["rollback", "all"]),
}
"""Commands of scripts before that ask for what the script does anyway."""
_STATUS = frozenset(["status", "ps", "state"])
_PLAN = frozenset(["validate", "check", "plan", "dry-run", "config"])


@dataclass(frozen=True, slots=True)
class Commands:
    """What becomes of the words that users put behind the scripts before."""

    itself: tuple[str, ...] = ()
    """Ask for what the script does anyway."""
    status: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()


def known_options(job: Job, flags: tuple[str, ...]) -> tuple[Option, ...]:
    """The options of a job's script, with the names that users know from scripts before."""
    return tuple(replace(option, also=_also(option, flags)) for option in OPTIONS[job])


def _also(option: Option, flags: tuple[str, ...]) -> tuple[str, ...]:
    others = [flag for flag in flags if flag not in {option.name, option.letter}]
    return tuple(flag for flag in others if _means(flag) == _plain(option.name))


def refused_flags(job: Job, flags: tuple[str, ...], names: Mapping[str, str]) -> tuple[Refused, ...]:
    """The flags of scripts before that no option stands for. `names` are what the sentences speak of, as the shell has it."""
    known = {_plain(option.name) for option in OPTIONS[job]}
    rest = [flag for flag in flags if _means(flag) not in known]
    return tuple(Refused(flag, _why(_WHY_FLAG, _plain(flag), job, names)) for flag in rest)


def _why(reasons: Mapping[str, str], word: str, job: Job, names: Mapping[str, str]) -> str:
    return reasons.get(word, f"trimtab {job} has nothing like it").format_map({**names, "word": word})


def commands_of(job: Job, commands: tuple[str, ...], names: Mapping[str, str]) -> Commands:
    """What each command of the scripts before becomes; `help` is there anyway."""
    plan = frozenset[str]() if job == "build" else _PLAN
    rest = [word for word in commands if word not in _SELF[job] | _STATUS | plan | {"help"}]
    return Commands(
        tuple(word for word in commands if word in _SELF[job]),
        tuple(word for word in commands if word in _STATUS),
        tuple(word for word in commands if word in plan),
        tuple(Refused(word, _why(_WHY_COMMAND, word, job, names), is_flag=False) for word in rest),
    )


@dataclass(frozen=True, slots=True)
class Understood:
    """What becomes of what the users of a script before know, in words of bash."""

    kept: Mapping[str, str] = field(default_factory=dict[str, str])
    """What they type to what it is now; the same for what has not changed."""
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    """What they type to why it is refused."""


def understood(job: Job, flags: tuple[str, ...], commands: tuple[str, ...], names: Mapping[str, str]) -> Understood:
    """What becomes of each flag and command of the scripts before."""
    words = commands_of(job, commands, names)
    options = {_plain(option.name): dashed(option.name) for option in OPTIONS[job]}
    kept = {dashed(flag): options[_means(flag)] for flag in flags if _means(flag) in options}
    kept |= dict.fromkeys(words.itself, f"what {job} does anyway") | dict.fromkeys(words.plan, "--dry-run")
    kept |= dict.fromkeys(words.status, "trimtab status") | {word: "--help" for word in commands if word == "help"}
    refused = {dashed(each.name): each.why for each in refused_flags(job, flags, names)}
    return Understood(kept, refused | {each.name: each.why for each in words.refused})


def dashed(name: str) -> str:
    """A flag as bash has it."""
    return f"-{name}" if len(name) == 1 else f"--{name}"


def _plain(name: str) -> str:
    return name.replace("-", "").lower()


def _means(flag: str) -> str:
    return _plain(_SAME.get(_plain(flag), flag))
