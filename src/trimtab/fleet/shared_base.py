"""System packages that several services install for themselves, put into one base that they share, as a proposal.

Whether that pays is not to be seen in the files: equal instructions already share their layers, and a base that moves rebuilds
everything on it. So it is a hypothesis: `verify` builds both fleets and compares their bytes and their time.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from trimtab.fleet.bases import outside_base, read_reference
from trimtab.fleet.compose.apply import Want
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.installs import Install
from trimtab.fleet.model import ComposeProject, Fleet, FleetFile, Service
from trimtab.fleet.stage import Run, Stage
from trimtab.text import Edit, Span, apply_edits

_LEAST_MEMBERS = 3
_MANAGERS: Mapping[str, str] = {
    "apt": "RUN apt-get update \\\n    && apt-get install -y --no-install-recommends {packages} \\\n"
    "    && rm -rf /var/lib/apt/lists/*\n",
    "apk": "RUN apk add --no-cache {packages}\n",
}
_AROUND = re.compile(
    r"apt-get (?:update|clean|autoclean|autoremove)|apt (?:update|clean)|apk update"
    r"|rm -rf? /var/(?:lib/apt/lists|cache/apk)\S*"
)
_PLAIN = re.compile(r"[a-z0-9][a-z0-9+.-]*")
FOLDER = "docker"
"""Where the shared Dockerfiles go, below the fleet's root."""


@dataclass(frozen=True)
class Member:
    """A service's Dockerfile on the shared base."""

    file: FleetFile
    text: str


@dataclass(frozen=True)
class SharedBase:
    """One base that several services would share."""

    name: str
    base: str
    packages: tuple[str, ...]
    dockerfile: str
    text: str
    members: tuple[Member, ...]
    project: ComposeProject

    @property
    def texts(self) -> dict[str, str | None]:
        """Every Dockerfile that is made or changed."""
        return {self.dockerfile: self.text, **{member.file.path: member.text for member in self.members}}

    @property
    def wants(self) -> tuple[Want, ...]:
        """The settings that wire it: a service that is built and never started, and each member's context."""
        folder = posixpath.dirname(self.project.files[0]) or "."
        build = {"context": posixpath.relpath(".", folder), "dockerfile": self.dockerfile}
        own = {"build": build, "image": self.name, "deploy": {"replicas": 0}}
        wired = [
            Want(service.name, ("build", "additional_contexts", self.name), f"service:{self.name}")
            for service in self.project.services
            if service.build is not None and service.build.dockerfile in {member.file.path for member in self.members}
        ]
        return (Want("", ("services", self.name), own), *wired)


def shared_bases(fleet: Fleet) -> Iterator[SharedBase]:
    """For each compose project and base the set of packages that saves most installations; none where nothing is shared."""
    for project in fleet.projects:
        for base, group in sorted(_groups(fleet, project).items()):
            packages, files = _best(group)
            members = tuple(_member(file, base, packages) for file in files) if packages else ()
            if len(members) >= _LEAST_MEMBERS:
                name = _name(base)
                dockerfile = f"{FOLDER}/{name}.Dockerfile"
                if dockerfile not in fleet.tree.entries and project.service(name) is None:
                    manager = next(iter(group.values()))[0].manager.name
                    text = f"FROM {base}\n" + _MANAGERS[manager].format(packages=" ".join(packages))
                    yield SharedBase(name, base, packages, dockerfile, text, members, project)


def _name(base: str) -> str:
    reference = read_reference(base)
    return re.sub(r"[^a-z0-9]+", "-", f"shared-{reference.name}-{reference.tag or ''}".lower()).strip("-")


_Group = dict[str, tuple[Install, FleetFile]]


def _groups(fleet: Fleet, project: ComposeProject) -> dict[str, _Group]:
    """By base, the files whose image installs system packages on it in one plain instruction."""
    facts = ComposeFacts(fleet, project)
    found: dict[str, _Group] = {}
    for service in project.services:
        image = facts.image(service)
        if image is None or not _is_wireable(service):
            continue
        file = image[0].file
        install = _only_install(file, image[1])
        first = outside_base(file, image[1])
        if install is not None and "$" not in first.instructions[0].arguments:
            found.setdefault(f"{first.base}", {})[file.path] = (install, file)
    return {base: group for base, group in found.items() if len({install.manager.name for install, _ in group.values()}) == 1}


def _is_wireable(service: Service) -> bool:
    """Whether its build is written as a mapping in the fleet, so that a context can be added to it."""
    return service.build is not None and service.build.context is not None and not service.build.additional_contexts


def _only_install(file: FleetFile, final: Stage) -> Install | None:
    """The one installation of system packages in the stage that the final image starts from."""
    first = outside_base(file, final)
    runs = [run for run in first.runs for install in run.installs if install.manager.name in _MANAGERS]
    if len(runs) != 1 or not runs[0].editable or not _is_plain(runs[0]):
        return None
    install = next(install for install in runs[0].installs if install.manager.name in _MANAGERS)
    words = [word for word in install.arguments[1:] if not word.startswith("-")]
    if not all(_PLAIN.fullmatch(word) for word in words) or not install.command.literal or install.has_flag("--virtual", "-t"):
        return None
    return install if runs[0].state.user in {"", "root", "0"} else None


def _is_plain(run: Run) -> bool:
    """Whether a RUN does nothing but update, install and clean up."""
    commands = [command for command in run.script.commands if not _AROUND.fullmatch(" ".join(command.words))]
    return len(commands) == 1 and bool(run.installs)


def _best(group: _Group) -> tuple[tuple[str, ...], list[FleetFile]]:
    """The packages that save most when those who install all of them share them: installations less one, times packages."""
    wanted = {path: frozenset(install.packages) for path, (install, _) in group.items()}
    sets = {frozenset(one & other) for one, other in combinations(wanted.values(), 2)} | set(wanted.values())
    best: tuple[int, tuple[str, ...], list[str]] = (0, (), [])
    for packages in sorted(sets, key=sorted):
        users = sorted(path for path, has in wanted.items() if packages <= has)
        saved = (len(users) - 1) * len(packages)
        if packages and len(users) >= _LEAST_MEMBERS and saved > best[0]:
            best = (saved, tuple(sorted(packages)), users)
    return best[1], [group[path][1] for path in best[2]]


def _member(file: FleetFile, base: str, packages: tuple[str, ...]) -> Member:
    """A Dockerfile that starts from the shared base and installs only what that has not."""
    source = file.dockerfile.source
    edits: list[Edit] = []
    for stage in file.stages:
        if stage.parent is not None or stage.base != base:
            continue
        edits.append(Edit(stage.instructions[0].words[0].span, _name(base)))
        for run in stage.runs:
            for install in (install for install in run.installs if install.manager.name in _MANAGERS):
                edits += _without(run, install, packages)
    return Member(file, apply_edits(source.text, edits))


def _without(run: Run, install: Install, packages: tuple[str, ...]) -> list[Edit]:
    """The instruction without packages; nothing of it where none is left."""
    if set(install.packages) <= set(packages):
        return [Edit.delete(run.instruction.span)]
    words, spans = install.command.words, install.command.word_spans
    return [
        Edit.delete(Span(run.behind(spans[index - 1].end), run.behind(spans[index].end)))
        for index, word in enumerate(words)
        if word in packages and index
    ]
