"""DF104."""

import re
from collections.abc import Iterator

from trimtab.fleet.cache_at_run_time import starts_of
from trimtab.fleet.caches import CachePlace, cache_place, covers
from trimtab.fleet.chain import holds_comment, insertion, removal_edits, word_removal
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install, empties_cache, program_words
from trimtab.fleet.managers import Manager
from trimtab.fleet.mounted_paths import names_what_is_mounted
from trimtab.fleet.stage import Run, Stage, mount_target
from trimtab.rules.base import Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Flag, Instruction
from trimtab.syntax.shell import Command
from trimtab.text import Edit, Span

_MOUNT = "--mount=type=cache,id=pip-glibc,target=/root/.cache/pip"
_APT = "--mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt/lists"
_RUN_TIME = "without the variable uv fails at run time where it may not write to its cache, which is not known from here"
_DOCKER_CLEAN = "/etc/apt/apt.conf.d/docker-clean"


_MAY_INSTALL = re.compile(
    r"\b(?:pip[\d.]*|pipx|pipenv|poetry|tox|nox|hatch|pdm|conda|mamba|micromamba|uv|make)\b|-m pip\b|\bsetup\.py\b|\.sh\b"
)
"""What installs Python packages, or may, in a command that is not one of the installs themselves."""


class DefeatedCacheMount(DockerfileRule):
    """Cache mount whose package manager is told not to cache.

    ## What it does
    Finds cache mounts that can never hold anything: the install is run with `--no-cache-dir`, a variable such as
    `PIP_NO_CACHE_DIR` is set, the same RUN empties the cache, Debian's `docker-clean` hook empties apt's, or the mount is
    at a folder that the current user's package manager does not use.

    ## Why it matters
    The file looks optimised and is not: the mount is there, and every rebuild downloads everything all the same. In the
    fleet this project began with, 26 of 26 pip cache mounts were switched off this way and nobody had noticed. Of 20
    seeded defects this was one of 14 that none of six linters reported.

    ## Fix safety
    The cache lies in the mount and not in the image, so dropping the flag adds nothing to the image. For apt the fix
    removes `docker-clean` for good, which is the only file that changes. Refused where taking a command out would take
    a comment along, inside a heredoc, and for uv's variable in an image that runs, where uv may need it. A variable of
    pip's on which another command, start or image may rely stays, and is emptied for the one command.

    ## References
    https://docs.docker.com/build/cache/optimize/#use-cache-mounts
    """

    code = "DF104"
    category = Category.CACHING
    severity = Severity.HIGH
    since = "0.1"
    clean = [
        f"FROM python:3.12-slim\nRUN {_MOUNT} pip install six\n",
        "FROM python:3.12-slim\nRUN pip install --no-cache-dir six\n",
        f"FROM debian\nRUN {_APT} rm -f {_DOCKER_CLEAN} && apt-get update && apt-get install -y curl\n",
    ]
    flagged = [
        Case(
            "FROM node:20\nRUN --mount=type=cache,target=/root/.npm npm i -g prettier@2.0.1 && npm cache --force clean\n",
            after="FROM node:20\nRUN --mount=type=cache,target=/root/.npm npm i -g prettier@2.0.1\n",
        ),
        Case(
            f"FROM python:3.12-slim\nRUN {_MOUNT} pip install --no-cache-dir six\n",
            after=f"FROM python:3.12-slim\nRUN {_MOUNT} pip install six\n",
        ),
        Case(
            f"FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1 A=b\nRUN {_MOUNT} pip install six\n",
            after=f"FROM python:3.12-slim\nENV A=b\nRUN {_MOUNT} pip install six\n",
        ),
        Case(
            f"FROM python:3.12-slim\nRUN {_MOUNT} pip install six \\\n    && rm -rf /root/.cache/pip\n",
            after=f"FROM python:3.12-slim\nRUN {_MOUNT} pip install six\n",
        ),
        Case(
            f"FROM python:3.12-slim\nRUN {_MOUNT} pip --no-cache-dir --no-cache install six && rm -R /root/.cache/pip\n",
            after=f"FROM python:3.12-slim\nRUN {_MOUNT} pip install six\n",
        ),
        Case(
            f"FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1\nRUN {_MOUNT} pip install pipenv\nRUN pipenv install --system\n",
            after=f"FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1\nRUN {_MOUNT} PIP_NO_CACHE_DIR= pip install pipenv\n"
            "RUN pipenv install --system\n",
        ),
        Case(
            f"FROM python:3.12-slim\nENV PIP_NO_CACHE_DIR=1\nRUN {_MOUNT} if a; then pip install b; fi\nCMD pip install c\n",
            refused="what starts in the image, or is built on it, may rely on `PIP_NO_CACHE_DIR`",
        ),
        Case(
            f"FROM debian:12\nRUN {_APT} apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n",
            after=f"FROM debian:12\nRUN {_APT} rm -f {_DOCKER_CLEAN} && apt-get update && apt-get install -y curl\n",
        ),
        Case(
            f"FROM debian:12\nRUN {_APT} apt-get update && apt-get install -y curl "
            "&& apt-get clean && rm -f /var/lib/apt/lists/*_*\n",
            after=f"FROM debian:12\nRUN {_APT} rm -f {_DOCKER_CLEAN} && apt-get update && apt-get install -y curl\n",
        ),
        Case(
            "FROM python:3.12-slim\nRUN useradd -m -u 1001 app\nUSER app\n"
            "RUN --mount=type=cache,target=/root/.cache/pip pip install six\n",
            refused="`/home/app/.cache` above the mount would be root's, and others may write there",
        ),
        Case(
            "FROM node:24\nRUN useradd -m -u 1001 app\nUSER app\nRUN --mount=type=cache,target=/root/.npm npm ci\n",
            after="FROM node:24\nRUN useradd -m -u 1001 app\nUSER app\n"
            "RUN --mount=type=cache,id=npm-glibc-1001,target=/home/app/.npm,uid=1001,gid=1001 npm ci\n",
        ),
        Case(
            f"FROM python:3.12-slim\nRUN {_MOUNT} <<EOF\npip install --no-cache-dir six\nEOF\n",
            refused="the command stands in a heredoc, whose body is never rewritten",
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                if run.mounts("cache"):
                    yield from self._flags(file, facts, stage, run)
                    yield from self._purges(file, facts, stage, run)
                    yield from self._misplaced(facts, stage, run)
                    yield from self._docker_clean(facts, stage, run)
            yield from self._variables(file, facts, stage)

    def _flags(self, file: Dockerfile, facts: Facts, stage: Stage, run: Run) -> Iterator[Finding]:
        for install in _mounted(facts, stage, run):
            for word, span in zip(install.command.words, install.command.word_spans, strict=True):
                if word in install.manager.no_cache_flags:
                    message = f"`{word}` switches off the cache that this instruction mounts"
                    outcome = _without_word(file, run, install, span)
                    yield self.finding(facts, run.source_span(span), message, outcome)

    def _purges(self, file: Dockerfile, facts: Facts, stage: Stage, run: Run) -> Iterator[Finding]:
        mounted = _mounted(facts, stage, run)
        purges = [command for command in run.script.commands if _purges(run, command, mounted)]
        if not purges:
            return
        outcome = _without_purges(file, run, purges, mounted)
        for command in purges:
            message = f"`{' '.join(command.words)}` empties the cache that this instruction mounts"
            yield self.finding(facts, run.source_span(command.span), message, outcome)

    def _variables(self, file: Dockerfile, facts: Facts, stage: Stage) -> Iterator[Finding]:
        for run in stage.runs:
            for install in _mounted(facts, stage, run):
                for name in install.manager.no_cache_variables:
                    if dict(install.command.assignments).get(name, run.state.env.get(name)):
                        message = f"`{name}` switches off the cache that this instruction mounts"
                        outcome = _without_effect(file, facts, stage, run, install, name)
                        yield self.finding(facts, run.instruction.keyword_span, message, outcome)

    def _misplaced(self, facts: Facts, stage: Stage, run: Run) -> Iterator[Finding]:
        for install in _distinct(run):
            place = cache_place(facts, stage, run, install.manager)
            for flag in run.instruction.flags:
                if isinstance(place, CachePlace) and _is_meant_for(flag, place, run):
                    target = mount_target(flag.options())
                    message = (
                        f"the mount is at `{target}`, but `{install.manager.name}` caches in `{place.targets[0]}` for user"
                        f" `{run.state.user or 'root'}`"
                    )
                    edit = Edit(flag.span, place.flags(per_platform=False)[0] + _other_options(flag))
                    above = place.closed_above
                    outcome = Refusal(above) if above else Fix("mount the right folder", (edit,))
                    yield self.finding(facts, flag.span, message, outcome)

    def _docker_clean(self, facts: Facts, stage: Stage, run: Run) -> Iterator[Finding]:
        installs = [install for install in _mounted(facts, stage, run) if install.manager.name == "apt"]
        if not installs or _docker_clean_gone(facts, stage, run):
            return
        first = next(command for command in run.script.commands if program_words(command)[:1] in {("apt-get",), ("apt",)})
        message = "Debian's `docker-clean` hook empties the apt cache that this instruction mounts"
        effects = Effects(removes=(_DOCKER_CLEAN,), changes=("/etc/apt/apt.conf.d",))
        outcome: Fix | Refusal = Refusal("the apt-get command does not stand in a plain chain of commands")
        user = facts.runs_as(stage, run.state)
        if user is None or user.uid != 0 or first.name == "sudo":
            outcome = Refusal("the instruction is not known to run as root, who alone may remove the hook")
        elif _unmounted_later(facts, stage, run):
            outcome = Refusal("a later install has no mount, and without the hook its archives would stay in the image")
        elif run.is_heredoc:
            outcome = _no_removal(run)
        elif run.editable and first.top_level and first.operator in {"", "&&", ";"}:
            edit = insertion(run, first.span.start, f"rm -f {_DOCKER_CLEAN} && ")
            outcome = Fix("remove the hook before installing", (edit,), effects=effects)
        yield self.finding(facts, run.source_span(first.span), message, outcome)


def _unmounted_later(facts: Facts, stage: Stage, run: Run) -> bool:
    """Whether apt installs behind an instruction, or may do so in a script, without a mount for its archives."""
    for one in facts.descendants(stage):
        for each in one.runs:
            if one is stage and each.index <= run.index:
                continue
            installs = any(install.manager.name == "apt" for install in each.installs)
            if installs and not covers(each.cache_targets(), "/var/cache/apt"):
                return True
            if "--with-deps" in each.instruction.arguments or "install-deps" in each.instruction.arguments:
                return True
    return False


def _distinct(run: Run) -> list[Install]:
    return list({install.manager.name: install for install in run.installs}.values())


def _mounted(facts: Facts, stage: Stage, run: Run) -> list[Install]:
    """The installs whose cache folder, all of it, is mounted."""
    found: list[Install] = []
    for install in run.installs:
        place = cache_place(facts, stage, run, install.manager)
        if isinstance(place, CachePlace) and covers(run.cache_targets(), place.targets[0]):
            found.append(install)
    return found


def _without_word(file: Dockerfile, run: Run, install: Install, span: Span) -> Fix | Refusal:
    if not run.editable:
        return _no_removal(run)
    edit = word_removal(file, run, span)
    if edit is None:
        return Refusal("taking the flag out would take a comment along")
    edits = [edit]
    if {"--root", "-p"} & set(install.arguments):
        return Refusal("the packages go into another root, whose index is not in the mount")
    if install.manager.name == "apk":
        # Without --no-cache apk reads the index from its cache, which is empty at first.
        edits = [Edit(run.source_span(span), "--update-cache")]
    return Fix("let the manager use the mounted cache", tuple(edits))


def _without_purges(file: Dockerfile, run: Run, purges: list[Command], mounted: list[Install]) -> Fix | Refusal:
    besides = [*purges, *(install.command for install in mounted)]
    user = names_what_is_mounted(run, run.cache_targets(), besides)
    if user:
        return Refusal(f"{user}, and counts on its being empty")
    edits = removal_edits(file, run, purges)
    return Fix("keep the mounted cache", edits) if edits else _no_removal(run)


def _no_removal(run: Run) -> Refusal:
    if run.instruction.heredocs:
        return Refusal("the command stands in a heredoc, whose body is never rewritten")
    return Refusal("the command cannot leave its place without a comment or a condition going with it")


def _purges(run: Run, command: Command, mounted: list[Install]) -> bool:
    for install in mounted:
        if empties_cache(install.manager, command):
            return command is not install.command
    named = [word for word in command.words[1:] if not word.startswith("-")]
    recursive = any(re.fullmatch(r"-\w*[rR]\w*|--recursive", word) for word in command.words)
    # What the generator of Phoenix writes: `rm -f /var/lib/apt/lists/*_*` takes all lists without being recursive.
    if command.name != "rm" or not (recursive or all("*" in word.rpartition("/")[2] for word in named)):
        return False
    return bool(named) and all(_within_mount(run, word.rstrip("/*")) for word in named)


def _within_mount(run: Run, path: str) -> bool:
    home = "/root" if run.state.user in {"", "root", "0"} else run.state.env.get("HOME", "~")
    return covers(run.cache_targets(), re.sub(r"^(~|\$HOME|\$\{HOME\})(?=/)", home, path))


def _other_options(flag: Flag) -> str:
    """A mount's options that a new place does not replace."""
    replaced = {"type", "target", "dst", "destination", "id", "uid", "gid"}
    return "".join(f",{key}={value}" if value else f",{key}" for key, value in flag.options().items() if key not in replaced)


def _is_meant_for(flag: Flag, place: CachePlace, run: Run) -> bool:
    """A cache mount with the right folder name at another user's home, for the manager's first folder."""
    options = flag.options()
    target = mount_target(options)
    if flag.name != "mount" or options.get("type") != "cache" or target in place.targets or len(place.targets) != 1:
        return False
    below_home = place.manager.caches[0].path.removeprefix("{home}")
    home = target.removesuffix(below_home)
    at_a_home = target.endswith(below_home) and bool(re.fullmatch(r"/root|/home/[^/]+", home))
    return at_a_home and not covers([target], place.targets[0]) and target not in run.instruction.arguments


def _docker_clean_gone(facts: Facts, stage: Stage, run: Run) -> bool:
    """Whether this RUN or an earlier one removes the hook, or apt is told another archive folder."""
    earlier = [*facts.runs_before(stage, run.index), run]
    return any("docker-clean" in each.script.text for each in earlier) or "Dir::Cache::archives" in run.script.text


def _without_effect(file: Dockerfile, facts: Facts, stage: Stage, run: Run, install: Install, name: str) -> Fix | Refusal:
    """Without the variable; where something else may rely on it, without it for this one command."""
    kept = name.startswith("UV_") and facts.in_final_image(stage)
    reason = _RUN_TIME if kept else _relied_on(facts, install.manager, name)
    if not reason:
        return _without_variable(file, facts, name)
    command = install.command
    plain = command.top_level and run.editable and command.name != "sudo" and not command.assignments
    # An empty variable is none to pip; any other value, `0` too, switches the cache off.
    if name.startswith("PIP_") and plain:
        return Fix(f"keep {name} from this command", (insertion(run, command.span.start, f"{name}= "),))
    return Refusal(reason)


def _relied_on(facts: Facts, manager: Manager, name: str) -> str | None:
    """Who else may install without a mount, and keep a cache in an image once the variable is gone."""
    for stage in facts.stages:
        for run in stage.runs:
            installs = [install for install in run.installs if install.manager is manager]
            known = bool(installs) and len(_mounted(facts, stage, run)) >= len(installs)
            if not known and _MAY_INSTALL.search(run.instruction.arguments):
                return f"`{run.instruction.arguments.strip()[:40]}` may install without the mount, and relies on `{name}`"
        started = any(_MAY_INSTALL.search(text) for text in starts_of(facts, stage))
        if started or any(each.keyword == "ONBUILD" for each in stage.instructions):
            return f"what starts in the image, or is built on it, may rely on `{name}`"
    if facts.built_on and any(_sets(each, name) for each in facts.dockerfile.named("ENV")):
        return f"`{facts.built_on[0][0].path}` may start from this image and rely on `{name}`"
    return None


def _without_variable(file: Dockerfile, facts: Facts, name: str) -> Fix | Refusal:
    edits = [_drop(file, instruction, name) for instruction in file.named("ENV", "ARG") if _sets(instruction, name)]
    kept = [edit for edit in edits if edit is not None]
    if not kept or len(kept) != len(edits):
        return Refusal(f"`{name}` comes from the base image or a build argument, not from this file")
    return Fix(f"drop {name}", tuple(kept), effects=Effects(config=(f"Env.{name}",)))


def _sets(instruction: Instruction, name: str) -> bool:
    return any(word.raw.partition("=")[0] == name for word in instruction.words)


def _drop(file: Dockerfile, instruction: Instruction, name: str) -> Edit | None:
    words = instruction.words
    legacy = "=" not in words[0].raw
    if legacy or len(words) == 1:
        return None if holds_comment(file, instruction.span) else Edit.delete(instruction.span)
    index = next(index for index, word in enumerate(words) if word.raw.partition("=")[0] == name)
    span = Span(words[0].span.start, words[1].span.start)
    if index:
        span = Span(words[index - 1].span.end, words[index].span.end)
    return None if holds_comment(file, span) else Edit.delete(span)
