"""What a Dockerfile's own text asks for: packages by name, labels, and variables where they are used."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from trimtab.fleet.compiling import build_tools
from trimtab.fleet.stage import Run, Stage
from trimtab.fleet.stages import read_stages
from trimtab.syntax.dockerfile import parse
from trimtab.text import Source
from trimtab.verify.evidence import Difference

_NAME = re.compile(r"\$(?:\{([A-Za-z_]\w*)[^}]*\}|([A-Za-z_]\w*))")
_ASSIGNED = re.compile(
    r"(?:^|[\s;&|(])(?:export\s+|local\s+|readonly\s+)?([A-Za-z_]\w*)=|\bfor\s+([A-Za-z_]\w*)\s+in\b"
    r"|\bread\s+(?:-r\s+)?([A-Za-z_]\w*)"
)


@dataclass(frozen=True)
class Intent:
    """The text of a Dockerfile, as one build of it reads it."""

    text: str
    arguments: Mapping[str, str]
    target: str | None

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        return read_stages(parse(Source("Dockerfile", self.text)), self.arguments)

    @cached_property
    def lineage(self) -> tuple[Stage, ...]:
        """The stage that becomes the image and those it starts from, the outermost first."""
        wanted = (self.target or "").lower()
        found = [next((stage for stage in self.stages if wanted and (stage.name or "").lower() == wanted), self.stages[-1])]
        while (parent := found[0].parent) is not None:
            found.insert(0, self.stages[parent])
        return tuple(found)

    @cached_property
    def labels(self) -> frozenset[str]:
        """The labels that the image's own instructions set."""
        words = (w.raw for stage in self.lineage for i in stage.instructions if i.keyword == "LABEL" for w in i.words)
        return frozenset(word.partition("=")[0].strip("\"'") for word in words)

    @cached_property
    def packages(self) -> frozenset[str]:
        """The system packages that the image asks for by name and that are not for building only."""
        found: set[str] = set()
        for run in self._runs:
            for install in run.installs:
                if install.manager.system:
                    tools = set(build_tools(install))
                    found.update(re.split(r"[=~<>:/]", package)[0] for package in install.packages if package not in tools)
        return frozenset(found)

    @cached_property
    def build_programs(self) -> frozenset[str]:
        """The programs that the image's own RUNs call."""
        return frozenset(command.name for run in self._runs for command in run.script.commands)

    @property
    def _runs(self) -> Iterator[Run]:
        return (run for stage in self.lineage for run in stage.runs)

    @cached_property
    def defined(self) -> frozenset[str]:
        """Variables that have a value at one place at least where a RUN uses them."""
        return frozenset(name for run in self._all_runs for name in _used(run) if name in run.state.env)

    @cached_property
    def undefined(self) -> frozenset[str]:
        """Variables that have none at one place at least where a RUN uses them, and that the RUN does not set itself."""
        return frozenset(name for run in self._all_runs for name in _used(run) if name not in run.state.env)

    @property
    def _all_runs(self) -> Iterator[Run]:
        return (run for stage in self.stages for run in stage.runs)


def _used(run: Run) -> Iterator[str]:
    text = run.instruction.heredocs[0].content if run.is_heredoc else run.instruction.arguments
    assigned = {name for groups in _ASSIGNED.findall(text) for name in groups if name}
    for braced, plain in _NAME.findall(text):
        name = braced or plain
        if name not in assigned:
            yield name


def lost_variables(before: Intent, after: Intent) -> Iterator[Difference]:
    """Variables that the original's RUNs used with a value, and that a RUN now uses without one."""
    for name in sorted((before.defined & after.undefined) - before.undefined):
        yield Difference(f"variable {name}", "has a value where it is used", "has none at one place")
