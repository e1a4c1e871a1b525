"""DF120."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trimtab.fleet.bases import RUNTIMES, read_reference
from trimtab.fleet.builders import without_buildkit
from trimtab.fleet.chain import chain, holds_comment
from trimtab.fleet.copies import copied_files
from trimtab.fleet.facts import Facts
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Copy, Run, Stage
from trimtab.rules.base import Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command
from trimtab.text import Edit

_QUIET = frozenset(
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
        "chown",
        "chmod",
        "rm",
    ]
)
_SYSTEM = frozenset(
    ["/", "/bin", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/root", "/run", "/sbin", "/srv", "/usr", "/var"]
)
_FILLED_BY_BASES = ("/bin/", "/boot/", "/dev/", "/etc/", "/lib", "/root/", "/run/", "/sbin/", "/usr/", "/var/")
_BARE = RUNTIMES | {
    "alpine", "almalinux", "amazoncorretto", "amazonlinux", "archlinux", "buildpack-deps", "busybox", "centos", "debian",
    "erlang", "fedora", "httpd", "maven", "nginx", "oraclelinux", "pypy", "r-base", "rockylinux", "scratch", "swift",
    "ubuntu"
}  # fmt: skip
"""Official images that bring nothing outside the system's folders but what is named next."""
_BROUGHT = frozenset(["/go", "/docker-entrypoint.d"])
_OWNER = re.compile(r"^[\w.-]+(:[\w.-]*)?$")


class RecursiveOwnership(DockerfileRule):
    """Recursive chown or chmod in a later layer than the files.

    ## What it does
    Finds `chown -R` and `chmod -R` over files that an earlier COPY brought.

    ## Why it matters
    A layer that changes only a file's owner or mode stores the whole file again. In the fleet this project began with,
    one service carries its 374 MB of packages twice for this reason, and it runs again after every source edit.

    ## Fix safety
    The owner or mode moves to the COPY (`--chown`, `--chmod`), and the command stays, without `-R`, for the folders
    themselves. The one difference: a folder that the COPY has to make on its way gets the same owner.
    Refused where the user is created after the COPY without a fixed number, where the mode is symbolic, and where another
    command writes below the folder or the base may have something there, because those files would keep their owner.

    ## References
    https://docs.docker.com/reference/dockerfile/#copy---chown---chmod
    """

    code = "DF120"
    category = Category.SIZE
    severity = Severity.MEDIUM
    since = "0.1"
    clean = [
        "FROM python:3.12-slim\nRUN useradd app\nCOPY --chown=app . /app\n",
        "FROM python:3.12-slim\nRUN mkdir /data && chown -R 1000 /data\n",
    ]
    flagged = [
        Case(
            "FROM python:3.12-slim\nRUN useradd app\nWORKDIR /app\nCOPY . .\nRUN chown -R app:app /app\n",
            after="FROM python:3.12-slim\nRUN useradd app\nWORKDIR /app\nCOPY --chown=app:app . .\nRUN chown app:app /app\n",
        ),
        Case(
            "FROM python:3.12-slim\nCOPY . /app\nRUN useradd -u 1001 app && mkdir -p /app/data && chown -R app /app\n",
            after="FROM python:3.12-slim\nCOPY --chown=1001:0 . /app\n"
            "RUN useradd -u 1001 app && mkdir -p /app/data && chown app /app /app/data\n",
        ),
        Case(
            "FROM python:3.12-slim\nCOPY . /app\nRUN useradd app && chown -R app:app /app\n",
            refused="user `app` is created after the COPY and has no fixed number",
        ),
        Case(
            "# syntax=docker/dockerfile:1.1\nFROM python:3.12-slim\nCOPY . /app\nRUN chmod -R 755 /app\n",
            refused="`# syntax=docker/dockerfile:1.1` names a frontend that is too old for it",
        ),
        Case("FROM python:3.12-slim\nCOPY . /app\nRUN chmod -R u+x /app\n", refused="the mode `u+x` is symbolic"),
        Case(
            "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\nRUN chown -R node:node /app\n",
            refused="`npm ci` may write below `/app`, and its files would keep their owner",
        ),
        Case(
            "FROM acme/base:1\nCOPY . /app\nRUN chown -R 1000:1000 /app\nUSER 1000\n",
            refused="`/app` may hold files of the base image, which would keep their owner",
        ),
        Case(
            "FROM golang:1.24\nCOPY . /go/src/a\nRUN chown -R 1000:1000 /go\nUSER 1000\n",
            refused="`/go` may hold files of the base image, which would keep their owner",
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for command in run.commands("chown", "chmod"):
                    paths = _recursive_paths(run, command)
                    copies = [copy for copy in stage.copies if copy.index < run.index and _touches(facts, copy, paths)]
                    if not copies:
                        continue
                    change = _Change(file, facts, stage, run, command, paths, copies)
                    folders = ", ".join(f"`{path}`" for path in paths)
                    message = f"`{command.name} -R` stores again everything that COPY brought to {folders}"
                    yield self.finding(facts, run.source_span(command.span), message, change.outcome())


def _recursive_paths(run: Run, command: Command) -> list[str]:
    """The absolute paths that a recursive command changes; empty when it is not recursive."""
    options = [word for word in command.words[1:] if word.startswith("-")]
    recursive = any(word == "--recursive" or (not word.startswith("--") and "R" in word) for word in options)
    operands = [word for word in command.words[1:] if not word.startswith("-")]
    if not recursive or len(operands) < 2:
        return []
    return [posixpath.normpath(posixpath.join(run.state.workdir, path)) for path in operands[1:]]


def _touches(facts: Facts, copy: Copy, paths: Sequence[str]) -> bool:
    """Whether a COPY brings something that the command changes."""
    files = [path for context in facts.contexts for path in copied_files(copy, context)]
    if files:
        return any(is_within(file, path) for file in files for path in paths)
    return any(is_within(copy.destination, path) or is_within(path, copy.destination) for path in paths)


def _parents(path: str) -> list[str]:
    """The folders above a path that an image does not have of its own."""
    parents: list[str] = []
    folder = posixpath.dirname(path)
    while folder.count("/") > 1 or folder not in _SYSTEM:
        parents.append(folder)
        folder = posixpath.dirname(folder)
    return parents


@dataclass(frozen=True)
class _Change:
    file: Dockerfile
    facts: Facts
    stage: Stage
    run: Run
    command: Command
    paths: list[str]
    copies: list[Copy]

    @property
    def flag(self) -> str:
        return self.command.name

    @property
    def wanted(self) -> str:
        return next(word for word in self.command.words[1:] if not word.startswith("-"))

    def outcome(self) -> Fix | Refusal:
        reason = self._obstacle() or self._foreign_writer()
        if reason:
            return Refusal(reason)
        value = self._value()
        if isinstance(value, Refusal):
            return value
        edits = [
            Edit.insert(copy.instruction.logical.source_offset(copy.instruction.arguments_start), f"--{self.flag}={value} ")
            for copy in self.copies
        ]
        edits.append(Edit(self.run.source_span(self.command.span), self._replacement()))
        # COPY gives its owner to the folders that it makes on the way, which the recursive command left to root.
        made = tuple(dict.fromkeys(parent for copy in self.copies for parent in _parents(copy.destination)))
        title = f"set the {'owner' if self.flag == 'chown' else 'mode'} while copying"
        return Fix(title, tuple(edits), effects=Effects(changes=made))

    def _obstacle(self) -> str | None:
        if self.run.instruction.heredocs:
            return "the command stands in a heredoc, whose body is never rewritten"
        if not self.run.editable or self.command not in chain(self.run) or not self.command.literal:
            return "the command does not stand in a plain chain, or holds a substitution"
        if holds_comment(self.file, self.run.source_span(self.command.span)):
            return "a comment stands inside the command"
        following = [link for link in chain(self.run) if link.operator == "||"]
        if following:
            return "the chain has a fallback (`||`) that may belong to the command"
        if any(word.startswith("--") and word != "--recursive" for word in self.command.words):
            return "the command has options that COPY has not"
        for copy in self.copies:
            if copy.instruction.flag(self.flag):
                return f"the COPY on line {copy.instruction.start_line} already sets `--{self.flag}`"
            if copy.instruction.json is not None or copy.instruction.keyword == "ADD":
                return f"line {copy.instruction.start_line} is an ADD or in JSON form"
            if not any(is_within(copy.destination, path) for path in self.paths):
                return f"the COPY on line {copy.instruction.start_line} brings more than the changed folder"
        return None

    def _foreign_writer(self) -> str | None:
        """Why files that no COPY brought may lose the owner or mode that the recursive command gave them."""
        bare = _is_bare(self.facts.outside_base(self.stage))
        for path in self._covered():
            if not (bare and _is_made_here(path)):
                return f"`{path}` may hold files of the base image, which would keep their owner"
        homes = [user.home for user in self.stage.users.values() if user.home]
        home = next((home for home in homes for path in self._covered() if is_within(home, path)), None)
        if home:
            return f"`{home}` is a home whose first files no COPY brings"
        for run in self.facts.runs_before(self.stage, self.run.index + 1):
            reason = self._writes(run)
            if reason:
                return f"{reason} may write below `{self.paths[0]}`, and its files would keep their owner"
        return None

    def _covered(self) -> list[str]:
        """The changed paths that COPYs brought something to; the others keep the recursive command."""
        return [path for path in self.paths if any(_touches(self.facts, copy, [path]) for copy in self.copies)]

    def _writes(self, run: Run) -> str | None:
        """A command of a RUN that is not known to leave the changed paths alone."""
        if run.script.broken or run.instruction.heredocs or (not run.script.commands and run.instruction.words):
            return f"the RUN on line {run.instruction.start_line}"
        pip = {install.command for install in run.installs if install.manager.name == "pip" and install.command.literal}
        for command in run.script.commands:
            if run is self.run and command.span.start >= self.command.span.start:
                break
            plain = (
                command.name in _QUIET and command.literal and ">" not in run.script.text[command.span.start : command.span.end]
            )
            quiet = plain and not (command.name == "rm" and self._mentions(run, command))
            elsewhere = command in pip and not {"--target", "-t", "--prefix", "--root"} & set(command.words)
            if not quiet and not elsewhere and command not in self._node_installs(run):
                return f"`{' '.join(command.words)[:40]}`"
        return None

    def _node_installs(self, run: Run) -> set[Command]:
        """Installs that write only to a `node_modules` outside the changed paths."""
        modules = posixpath.join(run.state.workdir, "node_modules")
        if any(is_within(modules, path) for path in self.paths):
            return set()
        plain = (install for install in run.installs if install.manager.name in {"npm", "yarn", "pnpm"})
        return {install.command for install in plain if install.command.literal}

    def _mentions(self, run: Run, command: Command) -> bool:
        operands = [
            posixpath.normpath(posixpath.join(run.state.workdir, word)) for word in command.words[1:] if word[:1] != "-"
        ]
        return any(is_within(operand, path) for operand in operands for path in self.paths)

    def _value(self) -> str | Refusal:
        if self.flag == "chmod":
            old = without_buildkit(self.facts)
            if old:
                return Refusal(old)
            if self._makes_folders():
                return Refusal("COPY makes the folders on its way with a mode of its own")
            octal = re.fullmatch(r"0?[0-7]{3,4}", self.wanted)
            return self.wanted if octal else Refusal(f"the mode `{self.wanted}` is symbolic")
        if not _OWNER.match(self.wanted):
            return Refusal(f"the owner `{self.wanted}` cannot be written as a COPY flag")
        return self._owner()

    def _makes_folders(self) -> bool:
        """Whether a COPY makes a folder below the paths for what it brings, which no `--chmod` reaches."""
        named = self._made_below(self.paths)
        made = [self._made_by(copy) for copy in self.copies]
        return any(is_within(folder, path) and folder != path and folder not in named for folder in made for path in self.paths)

    def _made_by(self, copy: Copy) -> str:
        """The innermost folder that a COPY makes on its way: a copied folder gets the mode, what files go into does not."""
        context = self.facts.contexts[0] if self.facts.contexts and copy.from_ is None else None
        folders = context is not None and all(context.is_directory(source) for source in copy.sources)
        return copy.destination if copy.is_directory_target and not folders else posixpath.dirname(copy.destination)

    def _owner(self) -> str | Refusal:
        """The owner as it can be written at the first COPY: by name when it exists there, else by number."""
        first = min(copy.index for copy in self.copies)
        name, colon, group = self.wanted.partition(":")
        user = self.facts.user(self.stage, name)
        if not group:
            return self._owner_without_group(name, colon)
        if name.isdigit() or (user is not None and user.created_at < first):
            return self.wanted
        if user is None:
            return Refusal(f"user `{name}` comes from nowhere that this file shows")
        if user.uid is None:
            return Refusal(f"user `{name}` is created after the COPY and has no fixed number")
        if group.isdigit():
            return f"{user.uid}:{group}"
        if group == name and user.gid is not None:
            return f"{user.uid}:{user.gid}"
        return Refusal(f"group `{group}` is created after the COPY and has no fixed number")

    def _owner_without_group(self, name: str, colon: str) -> str | Refusal:
        """COPY makes up a group where none is named; chown keeps the one that is there, or with `:` takes the user's own."""
        user = self.facts.user(self.stage, name)
        early = user is not None and user.created_at < min(copy.index for copy in self.copies)
        if user is None and not (name.isdigit() and not colon):
            return Refusal(f"user `{name}` comes from nowhere that this file shows")
        if user is not None and user.uid is None and not early:
            return Refusal(f"user `{name}` is created after the COPY and has no fixed number")
        group = user.gid if colon and user is not None else 0
        if group is None:
            return Refusal(f"the group of user `{name}` has no fixed number")
        if not colon and any(copy.from_ is not None for copy in self.copies):
            return Refusal("files of another stage may have groups of their own, which `chown` without a group keeps")
        owner = name if early or user is None else user.uid
        return f"{owner}:{group}"

    def _replacement(self) -> str:
        """The same command without `-R` for the folders that COPYs filled, and with it for the others."""
        options = [word.replace("R", "") for word in self.command.words[1:] if word.startswith("-") and word != "--recursive"]
        kept = [word for word in options if word not in {"-", ""}]
        covered = self._covered()
        folders = list(dict.fromkeys([*covered, *self._made_below(covered)]))
        parts = [" ".join([self.command.words[0], *kept, self.wanted, *folders])]
        rest = [path for path in self.paths if path not in covered]
        if rest:
            parts.append(" ".join([self.command.words[0], "-R", *kept, self.wanted, *rest]))
        return " && ".join(parts)

    def _made_below(self, covered: Sequence[str]) -> list[str]:
        """Folders that WORKDIR or mkdir made below the paths before the command runs."""
        found: list[str] = []
        for run in self.facts.runs_before(self.stage, self.run.index + 1):
            for command in run.commands("mkdir"):
                if run is not self.run or command.span.start < self.command.span.start:
                    for word in _mkdir_operands(command):
                        found.extend(_steps(posixpath.normpath(posixpath.join(run.state.workdir, word)), covered))
        for state in self.stage.states[: self.run.index + 1]:
            found.extend(_steps(state.workdir, covered))
        return found


def _mkdir_operands(command: Command) -> list[str]:
    words = list(command.words[1:])
    operands: list[str] = []
    while words:
        word = words.pop(0)
        if word in {"-m", "--mode"} and words:
            words.pop(0)
        elif not word.startswith("-"):
            operands.append(word)
    return operands


def _steps(folder: str, paths: Sequence[str]) -> list[str]:
    """A made folder and its parents, down from the changed path and without it."""
    steps: list[str] = []
    while any(is_within(folder, path) and folder != path for path in paths):
        steps.append(folder)
        folder = posixpath.dirname(folder)
    return steps[::-1]


def _is_bare(base: str) -> bool:
    """Whether a base is known to have nothing in folders like `/app`, where a team's own, or a builder's, may have much."""
    reference = read_reference(base)
    if reference.path.startswith("mcr.microsoft.com/dotnet/"):
        return True
    return reference.official and reference.name in _BARE and "onbuild" not in base


def _is_made_here(path: str) -> bool:
    """Whether a path can only hold what this file put there: no folder that base images fill."""
    if path.startswith("/usr/src/"):
        return True
    return path not in _SYSTEM | _BROUGHT and not path.startswith(_FILLED_BY_BASES)
