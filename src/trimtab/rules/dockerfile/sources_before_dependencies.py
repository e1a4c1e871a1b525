"""DF110."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from trimtab.fleet.context import BuildContext
from trimtab.fleet.copies import CopiedFiles, copied_files
from trimtab.fleet.dependencies import Manifests, NeedsSources, install_inputs, rewrites_lock, rewrites_manifest
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install, empties_cache, manager_of
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Copy, Run, Stage
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Instruction, LineKind
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span

_HARMLESS = frozenset(
    [
        "apt-get",
        "apt",
        "apk",
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
        "set",
        "echo",
        "true",
        "mkdir",
        "ln",
        "rm",
        "chmod",
        "chown",
        "corepack",
    ]
)
_NEUTRAL = frozenset(["ENV", "ARG", "LABEL", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "CMD", "ENTRYPOINT", "USER", "SHELL"])
_FILES = {"requirements.txt": "six\n", "main.py": "", "package.json": "{}", "src/a.js": ""}


_NAMES_FILES = re.compile(
    r"^(PIP|UV)_(CONSTRAINT|BUILD_CONSTRAINT|REQUIREMENT|OVERRIDE|FIND_LINKS|CONFIG_FILE|NO_INDEX)S?$|^NPM_CONFIG_USERCONFIG$",
    re.I,
)
"""Variables by which pip, uv and npm read further files."""


class SourcesBeforeDependencies(DockerfileRule):
    """Sources copied before the dependencies are installed.

    ## What it does
    Finds a COPY that brings more than manifests into the image before pip, npm, yarn, pnpm, uv, poetry or `go mod
    download` installs what the manifests name: `COPY . .`, a broad folder, or configuration files.

    ## Why it matters
    Every edited source file invalidates the install behind it. On the example fleet that is the difference between
    reinstalling everything and copying one layer; `trimtab optimize` measures it for yours.

    ## Fix safety
    The manifests, with every file they include, are copied in the old place, and the COPY moves behind the install. The
    resulting files are the same. Refused where the install needs the sources: an editable or local requirement such as
    `-e ../shared`, a lifecycle script, a workspace, a project that installs itself; where something in between may
    read the sources; and where the context brings a `node_modules` of its own.

    ## References
    https://docs.docker.com/build/cache/optimize/#order-your-layers
    """

    code = "DF110"
    category = Category.CACHING
    severity = Severity.HIGH
    since = "0.1"
    clean = [
        Case("FROM python:3.12-slim\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n", files=_FILES),
        Case("FROM python:3.12-slim\nCOPY . .\nRUN python main.py\n", files=_FILES),
    ]
    flagged = [
        Case(
            "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\nCMD [\"python\"]\n",
            after="FROM python:3.12-slim\nWORKDIR /app\nCOPY requirements.txt ./\n"
            "RUN pip install -r requirements.txt\nCOPY . .\nCMD [\"python\"]\n",
            files=_FILES,
        ),
        Case(
            "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt",
            after="FROM python:3.12-slim\nWORKDIR /app\nCOPY requirements.txt ./\n"
            "RUN pip install -r requirements.txt\nCOPY . .",
            files=_FILES,
        ),
        Case(
            "FROM node:20\nWORKDIR /app\nCOPY package.json ./\n# code\nCOPY --chown=node src ./src\nRUN npm install\nCMD a\n",
            after="FROM node:20\nWORKDIR /app\nCOPY package.json ./\nRUN npm install\n"
            "# code\nCOPY --chown=node src ./src\nCMD a\n",
            files=_FILES,
        ),
        Case(
            "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n",
            refused="`requirements.txt` installs from the sources (`-e ../shared`)",
            files={"requirements.txt": "six\n-e ../shared\n"},
        ),
        Case(
            "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -U pip && pip install --group main\n",
            refused="`pip install` reads what a `pyproject.toml` lists",
            files={"pyproject.toml": "[dependency-groups]\nmain = ['six']\n"},
        ),
        Case(
            "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\n",
            refused="`package.json` runs a `postinstall` script, which may read the sources",
            files={"package.json": '{"scripts": {"postinstall": "node x.js"}}'},
        ),
        Case(
            "FROM python:3.12-slim\nCOPY . .\nRUN python main.py\nRUN pip install -r requirements.txt\n",
            refused="`RUN python main.py` in between may read what is copied",
            files=_FILES,
        ),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for copy in stage.copies:
                if copy.from_ is not None or copy.instruction.keyword != "COPY" or not copy.sources:
                    continue
                installs = _later_installs(stage, copy)
                if not installs or not facts.contexts:
                    continue
                move = _Move(file, facts, stage, copy)
                if move.brings_only_manifests(installs):
                    continue
                message = (
                    f"`{_short(copy.instruction)}` comes before `{_short_install(installs[0][1])}`, so every edit installs"
                    " everything again"
                )
                yield self.finding(facts, copy.instruction.arguments_span, message, move.outcome(installs))


_SYSTEM = re.compile(r"^/(etc|root|home|usr|var|lib|bin|sbin|run)/")
"""Where programs look for their configuration and for each other."""
_Placed = tuple[Run, Install]


def _later_installs(stage: Stage, copy: Copy) -> list[_Placed]:
    """Installations of dependencies behind a COPY."""
    return [
        (run, install)
        for run in stage.runs
        if run.index > copy.index
        for install in run.installs
        if not install.manager.system and not _upgrades_itself(install) and _is_dependency_install(install)
    ]


def _is_dependency_install(install: Install) -> bool:
    if install.manager.name in {"cargo", "maven", "gradle"}:
        return False
    return install.manager.name != "go" or install.arguments[:2] == ("mod", "download")


def _upgrades_itself(install: Install) -> bool:
    names = {package.partition("=")[0].partition("[")[0] for package in install.packages}
    return bool(names) and names <= {"pip", "setuptools", "wheel", "uv", "poetry"}


def _clipped(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _short(instruction: Instruction) -> str:
    return _clipped(" ".join(f"{instruction.keyword} {instruction.arguments}".split()))


def _short_install(install: Install) -> str:
    return _clipped(" ".join(install.command.words))


@dataclass
class _Move:
    """Moving one COPY behind the installs that follow it."""

    file: Dockerfile
    facts: Facts
    stage: Stage
    copy: Copy
    needed: dict[str, str] = field(default_factory=dict[str, str])
    """Context path of a manifest that this COPY brings, to its folder in the image."""

    @property
    def context(self) -> BuildContext:
        return self.facts.contexts[0]

    def brought(self) -> Mapping[str, str]:
        return copied_files(self.copy, self.context)

    def brings_only_manifests(self, installs: Sequence[_Placed]) -> bool:
        files = set(self.brought().values())
        names = {posixpath.basename(name) for _, install in installs for name in install.manager.manifests}
        read: set[str] = set()
        for run, install in installs:
            files_there = CopiedFiles.before(self.stage, run.index, self.context)
            inputs = install_inputs(install, run.state.workdir, files_there)
            if isinstance(inputs, Manifests):
                read |= {files_there.paths[path] for path in inputs.paths}
        if any(self._is_local_input(install) for _, install in installs):
            return True
        return all(path in read or _is_manifest_name(posixpath.basename(path), names) for path in files)

    def _is_local_input(self, install: Install) -> bool:
        local = {posixpath.normpath(path) for path in install.pip.local}
        return any(posixpath.normpath(source) in local for source in self.copy.sources)

    def outcome(self, installs: Sequence[_Placed]) -> Fix | Refusal:
        if len(self.facts.contexts) > 1:
            return Refusal("the file is built with several contexts, and the manifests may differ between them")
        reason = self._collect(installs) or self._obstacle(installs[0][0])
        if reason:
            return Refusal(reason)
        return self._fix(self._last_install(installs))

    def _collect(self, installs: Sequence[_Placed]) -> str | None:
        """Find the manifests; the reason when an install needs the sources."""
        brought = self.brought()
        for run, install in installs:
            files = CopiedFiles.before(self.stage, run.index, self.context)
            inputs = install_inputs(install, run.state.workdir, files)
            told = next((name for name in run.state.env if _NAMES_FILES.match(name)), None)
            if told:
                return f"`{told}` may name a file among the sources that the install reads"
            if isinstance(inputs, NeedsSources):
                return inputs.reason
            if rewrites_manifest(install):
                return f"`{_short_install(install)}` writes to `package.json`, and a COPY behind it would undo that"
            strict = self._strict_install(run) if rewrites_lock(install) else None
            if strict:
                return f"`{_short_install(install)}` may bring the lock up to date that `{_short_install(strict)}` reads later"
            for image_path in inputs.paths:
                if files.paths[image_path] == brought.get(image_path):
                    self.needed[brought[image_path]] = posixpath.dirname(image_path)
        if any("node_modules" in path.split("/") or ".venv" in path.split("/") for path in brought.values()):
            return "the context brings a `node_modules` or `.venv` of its own, which would cover the installed one"
        return None

    def _strict_install(self, first: Run) -> Install | None:
        """An install behind another one, here or in a later stage, that fails where the lock does not fit."""
        later = (run for one in self.facts.stages[self.stage.index :] for run in one.runs)
        behind = (run for run in later if run.index > first.index or run not in self.stage.runs)
        node = (install for run in behind for install in run.installs if install.manager.name in {"npm", "yarn", "pnpm"})
        return next((install for install in node if not rewrites_lock(install)), None)

    def _obstacle(self, first: Run) -> str | None:
        """What lies between the COPY and the first install and may need what is copied."""
        reason = self._unmovable(first)
        if reason:
            return reason
        for index in range(self.copy.index + 1, first.index + 1):
            reason = self._in_between(index)
            if reason:
                return reason
        return None

    def _configures(self, first: Run) -> bool:
        """Whether the COPY brings what a package manager looks up elsewhere: `/etc/pip.conf`, a certificate, a compiler."""
        own = first.state.workdir
        brought = self.brought()
        named = any(path in value for path in brought for value in first.state.env.values())
        return named or any(_SYSTEM.match(path) and (own == "/" or not is_within(path, own)) for path in brought)

    def _unmovable(self, first: Run) -> str | None:
        """What speaks against moving this COPY at all."""
        if "$" in self.copy.instruction.arguments:
            return "the COPY uses variables, which may differ behind the install"
        if self.copy.instruction.heredocs or self.copy.instruction.json is not None:
            return "the COPY holds a heredoc or is in JSON form"
        other_flags = [flag.name for flag in self.copy.instruction.flags if flag.name not in {"chown", "chmod", "link"}]
        if other_flags:
            return f"the COPY has `--{other_flags[0]}`, which would also act on the manifests"
        if any(any(c in path for c in " \t\"'") for path in self.needed):
            return "a manifest's name holds white space or quotes"
        if self._configures(first) or not is_within(self.copy.destination, first.state.workdir):
            return "the COPY does not go where the install runs, so it may bring what the install is configured by"
        named = [name for name, value in first.state.env.items() if value.startswith("/") and self._brings(value)]
        return f"`{named[0]}` names a file that the COPY brings" if named else None

    def _brings(self, path: str) -> bool:
        return any(is_within(each, path.rstrip("/")) for each in self.brought()) and path.rstrip("/") != self.copy.destination

    def _in_between(self, index: int) -> str | None:
        instruction = self.stage.instructions[index]
        if instruction.keyword in _NEUTRAL:
            return None
        if instruction.keyword == "WORKDIR":
            relative = not self.copy.raw_destination.startswith("/")
            return "a WORKDIR in between changes where the COPY would go" if relative else None
        if instruction.keyword == "RUN":
            return self._reading_run(index)
        other = self.stage.copy_at(index)
        if other is not None and instruction.keyword == "COPY":
            return self._overlap(other)
        return f"`{_short(instruction)}` in between may depend on what is copied"

    def _reading_run(self, index: int) -> str | None:
        run = self.stage.run_at(index)
        if run is None or run.script.broken or not run.script.commands:
            return f"`{_short(self.stage.instructions[index])}` in between may read what is copied"
        own = (install for install in run.installs if not install.manager.system)
        installs = {install.command for install in own if _is_dependency_install(install)}
        for command in run.script.commands:
            if _redirected(run, command):
                return f"`{' '.join(command.words)[:50]}` in between is redirected from or to a file"
            if command not in installs and not _empties_cache(command) and not self._is_harmless(run, command):
                return f"`RUN {' '.join(command.words)[:50]}` in between may read what is copied"
        return None

    def _is_harmless(self, run: Run, command: Command) -> bool:
        """A command that touches nothing of what is copied."""
        if command.name not in _HARMLESS or not command.literal:
            return False
        operands = [word for word in command.words[1:] if not word.startswith("-")]
        if command.name in {"apt-get", "apt", "apk"}:
            return not any(word.endswith((".deb", ".apk")) or word.startswith(("./", "/")) for word in operands)
        if command.name in {"set", "true", "echo"} or command.name.endswith(("add", "user", "group")):
            return True
        paths = [posixpath.normpath(posixpath.join(run.state.workdir, word)) for word in operands]
        mine = self.copy.destination
        return not any(is_within(path, mine) or is_within(mine, path) for path in paths)

    def _overlap(self, other: Copy) -> str | None:
        if other.from_ is None:
            mine = set(self.brought())
            theirs = copied_files(other, self.context)
            if not mine.intersection(theirs):
                return None
            if all(self.brought().get(path) == source for path, source in theirs.items() if path in mine):
                return None
        elif not (is_within(other.destination, self.copy.destination) or is_within(self.copy.destination, other.destination)):
            return None
        return f"`{_short(other.instruction)}` in between writes to the same place"

    def _last_install(self, installs: Sequence[_Placed]) -> Instruction:
        """The last install of the unbroken series that begins with the first."""
        last = installs[0][0].index
        for run, _ in installs[1:]:
            if any(self._in_between(index) for index in range(last + 1, run.index + 1)):
                break
            last = run.index
        return self.stage.instructions[self._behind_copies(last)]

    def _behind_copies(self, index: int) -> int:
        """Past the COPYs that already stand there, so that several moved ones keep their order."""
        while (other := self.stage.copy_at(index + 1)) is not None and other.from_ is None and not self._overlap(other):
            index += 1
        return index

    def _fix(self, last: Instruction) -> Fix:
        source = self.file.source
        newline = source.newline
        block = self._block()
        manifests = self._manifest_lines(newline)
        moved = source.at(block)
        behind = last.span.end
        if not source.text[:behind].endswith("\n"):
            moved = newline + moved.rstrip("\r\n")
        edits = (Edit(block, manifests), Edit.insert(behind, moved))
        return Fix("copy the sources after the dependencies are installed", edits)

    def _block(self) -> Span:
        """The COPY with the comment lines that stand directly above it."""
        line = self.copy.instruction.start_line
        while line > 1 and self.file.lines[line - 2].kind == LineKind.COMMENT and not self.file.lines[line - 2].inside:
            line -= 1
        return Span(self.file.source.line_span(line).start, self.copy.instruction.span.end)

    def _manifest_lines(self, newline: str) -> str:
        """COPYs of the manifests, one a folder. None is renamed on its way: a COPY that renames brings one file."""
        folders: dict[str, list[str]] = {}
        for path, folder in self.needed.items():
            folders.setdefault(folder, []).append(path)
        workdir = self.stage.states[self.copy.index].workdir
        pairs = [
            (" ".join(paths), "./" if folder == workdir else folder.rstrip("/") + "/") for folder, paths in folders.items()
        ]
        flags = "".join(self.file.source.at(flag.span) + " " for flag in self.copy.instruction.flags)
        return "".join(f"COPY {flags}{sources} {target}{newline}" for sources, target in pairs)


def _redirected(run: Run, command: Command) -> bool:
    """Whether a command reads or writes a file by redirection; `/dev/null` and descriptors do not count."""
    behind = command.word_spans[-1].end if command.word_spans else command.span.start
    tail = run.script.text[behind : command.span.end]
    return bool(re.search(r"[<>]", re.sub(r"\d*>{1,2}\s*/dev/null|\d*>&\d", "", tail)))


def _empties_cache(command: Command) -> bool:
    manager = manager_of(command)
    return manager is not None and empties_cache(manager, command)


def _is_manifest_name(name: str, names: set[str]) -> bool:
    return name in names or name.startswith(("requirements", "constraints")) or bool(re.fullmatch(r"package.*\.json", name))
