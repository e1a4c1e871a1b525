"""`deploy`, `build` and `rollback` as scripts for bash and PowerShell: what a fleet has, made into texts."""

import posixpath
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from trimtab.deploy.options import (
    OPTIONS,
    Commands,
    Option,
    Refused,
    Understood,
    commands_of,
    dashed,
    known_options,
    refused_flags,
    understood,
)
from trimtab.deploy.predecessors import before_of
from trimtab.deploy.written import MARK, Before, before_line, sealed
from trimtab.errors import UsageError
from trimtab.fleet import Fleet, is_variant
from trimtab.fleet.script_jobs import Job

Shell = Literal["bash", "powershell"]
ENDINGS: Mapping[Shell, str] = {"bash": ".sh", "powershell": ".ps1"}
JOBS: tuple[Job, ...] = tuple(OPTIONS)
SHELLS: tuple[Shell, ...] = tuple(ENDINGS)
_SUMMARIES: Mapping[Job, str] = {
    "build": "Builds the images of {fleet} with trimtab: only what changed, in the best order",
    "deploy": "Deploys {fleet} with trimtab: builds what changed, replaces what differs, goes back if that is not healthy",
    "rollback": "Takes {fleet} back with trimtab to what was deployed before",
}
_CODES = "0 done, 1 failed or gone back, 2 could not run, 3 a bug of trimtab, 130 interrupted"
_MISSING = 'trimtab is not installed. "pipx install trimtab" or "uv tool install trimtab" gets it.'
_PLAIN = re.compile(r"[\w./:@ +,=-]+")
_SERVICE = re.compile(r"[A-Za-z0-9._-]+")
"""What compose takes for a service's name; what else a file may have there could end a text of ours."""


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """One script to be written."""

    job: Job
    shell: Shell
    path: str
    """Counted from the fleet's root."""
    text: str
    before: Before
    """What was taken over from the scripts before."""
    understood: Understood
    """What becomes of what their users know."""


def front_ends(
    fleet: Fleet, name: str, folder: str, jobs: Sequence[Job], shells: Sequence[Shell], *, gated: bool
) -> tuple[FrontEnd, ...]:
    """The scripts of a fleet, for `folder` below its root; the same fleet always gives the same texts.

    `name` is what the fleet is called. `gated` makes deployments ask the quality gates unless they are told not to.

    Raises:
        UsageError: the folder is not below the root, or a compose file has a name that no script can hold.
    """
    folder = posixpath.normpath(folder)
    if folder == ".." or folder.startswith(("/", "../")):
        raise UsageError(f"`{folder}` is not below the fleet's root, which the scripts count from.")
    found: list[FrontEnd] = []
    for job in jobs:
        before = before_of(fleet, job)
        if job == "rollback":
            # What is gone back with is what was deployed.
            deployed = before_of(fleet, "deploy")
            before = before.joined(Before(deployed.files, deployed.env_files))
        for shell in shells:
            path = posixpath.normpath(posixpath.join(folder, job + ENDINGS[shell]))
            wanted = _Wanted(fleet, name, folder, job, shell, before, gated)
            text = sealed(_text(wanted))
            # Windows PowerShell reads a file without this mark as one of the system's own code page.
            text = text if text.isascii() or shell == "bash" else "\ufeff" + text
            known = understood(job, before.flags, before.commands, wanted.names)
            found.append(FrontEnd(job, shell, path, text, before, known))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Everything that one text depends on."""

    fleet: Fleet
    name: str
    folder: str
    job: Job
    shell: Shell
    before: Before
    gated: bool

    @property
    def bash(self) -> bool:
        return self.shell == "bash"

    def quoted(self, text: str) -> str:
        return _in_bash(text) if self.bash else "'" + text.replace("'", "''") + "'"

    def flag(self, name: str) -> str:
        """An option or flag as this shell writes it."""
        return dashed(name) if self.bash else f"-{_pascal(name)}"

    @property
    def services(self) -> tuple[str, ...]:
        files = set(self.before.files)
        default = [each for each in self.fleet.projects if not is_variant(each.files[-1])]
        projects = [each for each in self.fleet.projects if files & set(each.files)] or default or self.fleet.projects
        names = dict.fromkeys(service.name for project in projects for service in project.services)
        return tuple(name for name in names if _SERVICE.fullmatch(name))

    @property
    def names(self) -> Mapping[str, str]:
        """What sentences speak of, as this shell writes it."""
        scripts = {job: posixpath.join(".", self.folder, job + ENDINGS[self.shell]) for job in JOBS}
        files = "".join(f" -f {self.quoted(file) if ' ' in file else file}" for file in self.before.files)
        return {**scripts, "files": files, "file": self.flag("file"), "no_cache": self.flag("no-cache")}


def _text(wanted: _Wanted) -> str:
    for file in (*wanted.before.files, *wanted.before.env_files, wanted.folder):
        if not _PLAIN.fullmatch(file):
            raise UsageError(f"`{file}` has a name that a script of ours cannot hold. Rename it.")
    options = _options(wanted)
    words = commands_of(wanted.job, wanted.before.commands, wanted.names)
    refused = (*refused_flags(wanted.job, wanted.before.flags, wanted.names), *words.refused)
    summary = _SUMMARIES[wanted.job].format(fleet=_printable(wanted.name))
    up = posixpath.relpath(".", wanted.folder)
    joined = ",".join(f"$root/{file}" for file in wanted.before.env_files)
    return _template(wanted).render(
        job=wanted.job, summary=summary, mark=MARK, before=before_line(wanted.before), gated=wanted.gated, words=words,
        up=(f"/{up}" if up != "." else "") if wanted.bash else wanted.quoted(up),
        services=_wrapped([wanted.quoted(each) for each in wanted.services], " " if wanted.bash else ", "),
        usage=_usage(wanted, options, words, refused, summary), about=[f"Exit codes: {_CODES}."],
        options=[_shown(each, wanted) for each in options],
        refused=[_shown_refusal(each, wanted) for each in refused],
        missing=wanted.quoted(_MISSING),
        files=(" " if wanted.bash else ", ").join(wanted.quoted(each) for each in wanted.before.files),
        env_files=joined if wanted.bash else ", ".join(map(wanted.quoted, wanted.before.env_files)), examples=_examples(wanted),
    )  # fmt: skip


def _template(wanted: _Wanted) -> Template:
    # `{{` and `{#` stand for something in both shells.
    templates = Environment(
        loader=PackageLoader("trimtab.deploy"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, variable_start_string="{[", variable_end_string="]}", comment_start_string="{%#",
        comment_end_string="#%}",
        autoescape=False,  # noqa: S701  a script is no page; each value is quoted for its shell
    )  # fmt: skip
    return templates.get_template(f"front{ENDINGS[wanted.shell]}.jinja")


def _options(wanted: _Wanted) -> tuple[Option, ...]:
    gate = Option("no-gate", "deploy without asking the quality gates")
    found = known_options(wanted.job, wanted.before.flags)
    return tuple(gate if each.name == "gate" and wanted.gated else each for each in found)


def _shown(option: Option, wanted: _Wanted) -> Mapping[str, object]:
    """An option as the templates take it."""
    names = ([f"-{option.letter}"] if option.letter else []) + [dashed(name) for name in (option.name, *option.also)]
    # PowerShell does not tell capitals from small letters, and takes no alias twice.
    words = {each.lower(): each for each in (option.letter, *map(_pascal, option.also)) if each}
    aliases = [f"'{each}'" for key, each in words.items() if key != _pascal(option.name).lower()]
    kind = "[switch]" if not option.value else "[string[]]" if option.repeated else "[string]"
    default = " = @()" if option.repeated else ""
    alias = f"[Alias({', '.join(aliases)})] " if aliases else ""
    about = _about(option, wanted)
    return {
        "name": option.name, "value": option.value, "repeated": option.repeated, "to": option.to, "word": _pascal(option.name),
        "patterns": " | ".join(names + (["help"] if option.name == "help" else [])),
        "about": about[0].upper() + about[1:] + ".",
        "declared": f"{alias}{kind} ${_pascal(option.name)}{default}",
    }  # fmt: skip


def _usage(wanted: _Wanted, options: Iterable[Option], words: Commands, refused: Sequence[Refused], summary: str) -> list[str]:
    """The help, in lines of at most 100 columns."""
    script = wanted.job + ENDINGS[wanted.shell]
    handed = "-- WORD..." if wanted.bash else "    -Options WORD,..."
    rows = [*(_row(option, wanted) for option in options), (handed, f"handed to trimtab {wanted.job} as it is")]
    rows += [(word, "the same as without it") for word in words.itself]
    rows += [(word, f"the same as {wanted.flag('dry-run')}") for word in words.plan]
    rows += [(word, "what runs now: trimtab status") for word in words.status]
    width = max(len(left) for left, _ in rows)
    lines = [f"Usage: {script} [OPTIONS]", "", *textwrap.wrap(f"{summary}.", 100), ""]
    lines += [f"  {left.ljust(width)}  {right}" for left, right in rows]
    if refused:
        known = ", ".join(_said(each, wanted) for each in refused)
        lines += ["", *_filled("Known from before, and refused with a reason: ", known)]
    if wanted.before.files:
        lines += ["", f"Compose files unless others are named: {', '.join(wanted.before.files)}"]
    if wanted.services:
        lines += ["", *_filled("Services when this was written: ", ", ".join(wanted.services))]
    return [*lines, "", *textwrap.wrap(f"Exit codes: {_CODES}.", 100)]


def _row(option: Option, wanted: _Wanted) -> tuple[str, str]:
    letter = f"-{option.letter}, " if option.letter else "    "
    value = f" {option.value}" if option.value else ""
    also = f" (also: {', '.join(wanted.flag(each) for each in option.also)})" if option.also else ""
    return f"{letter}{wanted.flag(option.name)}{value}", _about(option, wanted) + also


def _about(option: Option, wanted: _Wanted) -> str:
    """What an option is for. PowerShell takes no parameter twice: several values stand behind one."""
    return option.about if wanted.bash else option.about.replace("may be repeated", "several with commas between them")


def _filled(head: str, text: str) -> list[str]:
    # Set in, so that no name stands alone on a line, where it could be the end of the text.
    return textwrap.wrap(head + text, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _examples(wanted: _Wanted) -> list[str]:
    return [f"{wanted.names[wanted.job]} -Service {wanted.services[0]}"] if wanted.services else []


def _wrapped(words: Sequence[str], between: str) -> list[str]:
    """Words of an array in lines of at most 100 columns; PowerShell's commas stand at their ends."""
    return textwrap.wrap(between.join(words), 96, break_long_words=False, break_on_hyphens=False)


def _shown_refusal(refused: Refused, wanted: _Wanted) -> Mapping[str, str]:
    said = _said(refused, wanted)
    return {"pattern": said if wanted.bash else wanted.quoted(said), "why": wanted.quoted(f"{said}: {refused.why}")}


def _said(refused: Refused, wanted: _Wanted) -> str:
    """What the user would have typed."""
    return wanted.flag(refused.name) if refused.is_flag else refused.name


def _pascal(name: str) -> str:
    return name if len(name) == 1 else "".join(word[:1].upper() + word[1:] for word in name.split("-"))


def _in_bash(text: str) -> str:
    """Quoted where it has to be; single quotes inside go into double ones, which read better than what shlex makes."""
    if "'" not in text:
        return shlex.quote(text)
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'


def _printable(name: str) -> str:
    return "".join(each for each in name if each.isprintable()).replace("#>", "") or "the fleet"
