"""What a rule is, and what it yields."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import ClassVar

from trimtab.fleet import Facts, Fleet, Outside, Policy
from trimtab.fleet.compose.facts import ComposeFacts, compose_facts
from trimtab.fleet.compose.settings import Change, Setting
from trimtab.fleet.model import Service
from trimtab.fleet.scripts import ScriptPart
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.yaml import NoEdit
from trimtab.text import Edit, Span


class Severity(IntEnum):
    """How bad the consequence is, ascending."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        return self.name.lower()


class Confidence(IntEnum):
    """How sure the rule is that what it reports is so, ascending."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    def __str__(self) -> str:
        return self.name.lower()


class Category(StrEnum):
    """What a finding is bad for."""

    SECURITY = "security"
    MAINTAINABILITY = "maintainability"
    CACHING = "caching"
    SIZE = "size"
    RELIABILITY = "reliability"


class Applicability(StrEnum):
    """How far a fix can be trusted before it is proven."""

    SAFE = "safe"
    """The image keeps everything it needs; applied by `trimtab fix`."""
    UNSAFE = "unsafe"
    """Right by everything that can be read, but it changes what the image does; applied with `--unsafe`, and by
    `trimtab optimize`, which proves it first."""
    PROOF = "proof"
    """A guess that reading cannot settle; applied by `trimtab optimize` alone, which builds and runs it."""
    GAIN = "gain"
    """Worth nothing unless it is measured to gain; applied by `trimtab optimize` alone, on top of everything else that holds,
    and kept when something gets smaller or faster and nothing slower."""
    DISPLAY = "display"
    """Shown, never applied."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a fix may change in the image. Everything else must stay equal for the fix to be accepted."""

    removes: tuple[str, ...] = ()
    """Globs of absolute image paths that may vanish; `**` crosses folders."""
    changes: tuple[str, ...] = ()
    """Globs of absolute image paths that may appear or differ."""
    config: tuple[str, ...] = ()
    """Keys of the image's configuration that may differ: `User`, `Env.NAME`."""
    packages_removed: bool = False
    """Whether system packages, and the files they own, may vanish."""
    installs: bool = False
    """Whether what the install commands name may change: other flags, a moved or dropped command."""
    stages: bool = False
    """Whether stages may be added, or start from another base."""
    context: bool = False
    """Whether fewer files of the build context may reach the image."""
    settings: tuple[Setting, ...] = ()
    """What may differ in compose files, and nothing else there."""
    scripts: bool = False
    """Whether it is a script that changes, and no image."""
    contents: tuple[str, ...] = ()
    """Absolute image paths of the service's own files that may have other content."""
    upgrades: tuple[tuple[str, str], ...] = ()
    """Packages of a language that get another version, and which: `pip jinja2`, `2.10.1`."""

    @property
    def another_base(self) -> bool:
        """Whether everything below the service itself may differ."""
        return "/**" in self.changes

    def joined(self, other: "Effects") -> "Effects":
        return Effects(
            tuple(dict.fromkeys(self.removes + other.removes)),
            tuple(dict.fromkeys(self.changes + other.changes)),
            tuple(dict.fromkeys(self.config + other.config)),
            self.packages_removed or other.packages_removed,
            self.installs or other.installs,
            self.stages or other.stages,
            self.context or other.context,
            tuple(dict.fromkeys(self.settings + other.settings)),
            self.scripts or other.scripts,
            tuple(dict.fromkeys(self.contents + other.contents)),
            tuple(dict.fromkeys(self.upgrades + other.upgrades)),
        )


ANOTHER_BASE = Effects(
    removes=("/**",), changes=("/**",), packages_removed=True, stages=True,
    config=("Env.PATH", "Env.LANG", "Env.GPG_KEY", "Env.*VERSION", "Env.*SHA256", "Env.*_URL", "Label.*"),
)  # fmt: skip
"""What a fix may change that puts an image on another base: everything below the service itself. What the service's own
instructions made has to be there all the same; `verify` holds it against the base that the image had."""


@dataclass(frozen=True, slots=True)
class NewText:
    """A whole file that a fix makes, or takes away when `text` is None."""

    path: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Fix:
    """Changes that belong together: all are applied, or none. `edits` are for the finding's own file."""

    title: str
    edits: tuple[Edit, ...] = ()
    applicability: Applicability = Applicability.SAFE
    effects: Effects = Effects()
    files: tuple[NewText, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a finding has no fix."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule found. Lines and columns count from 1."""

    rule: str
    name: str
    category: Category
    severity: Severity
    confidence: Confidence
    path: str
    line: int
    end_line: int
    column: int
    message: str
    services: tuple[str, ...] = ()
    fix: Fix | None = None
    refusal: Refusal | None = None
    anchor: str = ""
    """What the finding is about, in words that outlive shifted lines and other wording: `stage 0 RUN pip`."""

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        return (self.path, self.line, self.column, self.rule, self.message)


@dataclass(frozen=True, slots=True)
class Case:
    """An example that is also a test: a flagged file, and what the fix makes of it or why it is refused."""

    before: str
    after: str | None = None
    refused: str | None = None
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """Other files of the fleet: the context's, a `compose.yaml`."""
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """Bytes that files shall have, where their text is not what matters."""
    after_files: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """What the fix makes of other files; None for one that it takes away."""
    policy: Policy = field(default_factory=Policy)
    outside: Outside = field(default_factory=Outside)


class Rule:
    """One rule. Its docstring is its page: the first line names the pattern, sections say the rest.

    A rule is stateless, reads facts only, and never imports another rule.
    """

    code: ClassVar[str]
    category: ClassVar[Category]
    severity: ClassVar[Severity]
    confidence: ClassVar[Confidence] = Confidence.HIGH
    since: ClassVar[str]
    default: ClassVar[bool] = True
    """Whether the rule runs without being asked for."""
    aliases: ClassVar[Sequence[str]] = ()
    """What other tools call the same finding: `DL3020`, `JSONArgsRecommended`."""
    clean: ClassVar[Sequence["str | Case"]] = ()
    flagged: ClassVar[Sequence[Case]] = ()

    @property
    def name(self) -> str:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(self).__name__).lower()

    @property
    def documentation(self) -> str:
        return inspect.cleandoc(type(self).__doc__ or "")

    @property
    def summary(self) -> str:
        return self.documentation.partition("\n")[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Everything the rule may be called by, in lower case."""
        return (self.code.lower(), self.name, *(alias.lower() for alias in self.aliases))

    def _finding(
        self, path: str, where: tuple[int, int, int], message: str, services: tuple[str, ...],
        outcome: Fix | Refusal | None, anchor: str,
    ) -> Finding:  # fmt: skip
        fix = outcome if isinstance(outcome, Fix) else None
        refusal = outcome if isinstance(outcome, Refusal) else None
        line, end_line, column = where
        return Finding(
            self.code, self.name, self.category, self.severity, self.confidence, path, line, end_line, column, message,
            services, fix, refusal, anchor,
        )  # fmt: skip


class DockerfileRule(Rule):
    """A rule about one Dockerfile, with the contexts and services it is built for."""

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        raise NotImplementedError

    def finding(
        self, facts: Facts, span: Span, message: str, outcome: Fix | Refusal | None = None, subject: str = ""
    ) -> Finding:
        """A finding at a span; `subject` tells findings at one instruction apart: a package, a path, a variable."""
        source = facts.dockerfile.source
        start = source.position(span.start)
        end = source.line_of(max(span.start, span.end - 1))
        where = (start.line, end, start.column)
        anchor = f"{_place(facts, span)} {subject}".strip()
        return self._finding(source.path, where, message, facts.file.service_names, outcome, anchor)

    def finding_elsewhere(
        self, facts: Facts, path: str, line: int, message: str, outcome: Fix | Refusal | None, subject: str,
        services: tuple[str, ...] | None = None,
    ) -> Finding:  # fmt: skip
        """A finding in another file that the Dockerfile's build or services use; fixes cannot edit it from here."""
        names = facts.file.service_names if services is None else services
        return self._finding(path, (line, line, 1), message, names, outcome, subject)


def _place(facts: Facts, span: Span) -> str:
    """The stage and the keyword of the instruction that a span lies in."""
    for stage in facts.stages:
        for instruction in stage.instructions:
            if instruction.span.start <= span.start < instruction.span.end:
                return f"stage {stage.name or stage.index} {instruction.keyword}"
    return "file"


class FleetRule(Rule):
    """A rule about the fleet as a whole, or about a file that is no Dockerfile."""

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        raise NotImplementedError

    def finding_at(
        self, path: str, line: int, message: str, services: tuple[str, ...] = (), outcome: Fix | Refusal | None = None,
        subject: str = "",
    ) -> Finding:  # fmt: skip
        return self._finding(path, (line, line, 1), message, services, outcome, subject)


class ComposeRule(FleetRule):
    """A rule about the services of a compose project, as its files make them together."""

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        # A file may belong to several projects: what it says is said once.
        seen: set[tuple[str, int, str]] = set()
        for facts in compose_facts(fleet):
            for finding in self.judge(facts):
                key = (finding.path, finding.line, finding.message)
                if key not in seen:
                    seen.add(key)
                    yield finding

    def judge(self, facts: ComposeFacts) -> Iterator[Finding]:
        """Findings about one project."""
        raise NotImplementedError

    def about(
        self, facts: ComposeFacts, service: Service, keys: tuple[str | int, ...], message: str,
        outcome: Fix | Refusal, subject: str = "",
    ) -> Finding:  # fmt: skip
        """A finding about a service, at one of its keys or the nearest that is written."""
        path, line = facts.place(service, *keys)
        anchor = f"{service.name} {subject}".strip()
        return self.finding_at(path, line, f"service `{service.name}` {message}", (service.name,), outcome, anchor)


class ScriptRule(FleetRule):
    """A rule about a script that calls the engine, or such a block of CI."""

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        for part in fleet.scripts:
            if part.calls:
                yield from self.judge(part, fleet)

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        """Findings about one script."""
        raise NotImplementedError

    def at(self, part: ScriptPart, offset: int, message: str, outcome: Fix | Refusal, subject: str = "") -> Finding:
        """A finding at an offset of the script's text."""
        return self.finding_at(part.path, part.line_of(offset), message, (), outcome, subject)


def script_fix(part: ScriptPart, title: str, edits: Sequence[Edit], applicability: Applicability) -> Fix | Refusal:
    """Edits of a script's text as a fix of its file."""
    moved: list[Edit] = []
    for edit in edits:
        span = part.in_file(edit.span)
        if span is None:
            return Refusal("it is a block of another file, or cannot be read without doubt")
        moved.append(Edit(span, edit.text))
    return Fix(title, tuple(moved), applicability, Effects(scripts=True))


def script_case(text: str, *, after: str | None = None, refused: str | None = None, name: str = "a.sh", **others: str) -> Case:
    """A case about a script; `compose` is the compose file beside it."""
    files = {name: text, **({"compose.yaml": others["compose"]} if "compose" in others else {})}
    return Case("FROM scratch\n", refused=refused, files=files, after_files={name: after} if after else {})


def fix_of(title: str, change: Change | NoEdit, applicability: Applicability) -> Fix | Refusal:
    """A change of a compose file as a fix, or its refusal."""
    if isinstance(change, NoEdit):
        return Refusal(change.reason)
    return Fix(title, change.edits, applicability, Effects(settings=change.settings))


def compose_case(
    text: str, *, after: str | None = None, refused: str | None = None, policy: Policy | None = None, **others: str
) -> Case:
    """A case about a compose file; `others` are Dockerfiles by the folder they stand in."""
    files = {"compose.yaml": text, **{f"{name}/Dockerfile": body for name, body in others.items()}}
    after_files = {"compose.yaml": after} if after else {}
    return Case("FROM scratch\n", refused=refused, files=files, after_files=after_files, policy=policy or Policy())
