"""Why a cache mount would hide or lose something that is needed."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from trimtab.fleet.builders import without_buildkit
from trimtab.fleet.cache_at_run_time import started_with, used_at_run_time
from trimtab.fleet.cache_credentials import lacks_credentials
from trimtab.fleet.caches import CachePlace, covers, kept_elsewhere
from trimtab.fleet.chain import can_remove
from trimtab.fleet.facts import Facts, facts_for
from trimtab.fleet.hidden_by_mount import hidden
from trimtab.fleet.installs import manager_of, program_words
from trimtab.fleet.managers import PROGRAMS, Manager
from trimtab.fleet.mounted_paths import home_of, names_what_is_mounted
from trimtab.fleet.package_lists import later_need, run_scripts
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Run, Stage, libc_of
from trimtab.syntax.shell import Command

PLAIN = frozenset(
    ["apt-get", "apt", "apk", "useradd", "groupadd", "adduser", "addgroup", "usermod", "set", "echo", "true", "mkdir", "rm"]
    + ["chmod", "chown", "ls", "test", "[", "export", "corepack", "strip", "ldconfig", "update-ca-certificates", "id"]
)
"""Commands that run nobody else's code and read no package cache."""
_OFFLINE = frozenset(["--offline", "--frozen-offline"])
_NO = frozenset(["", "0", "false", "no", "off"])
_WORKPLACE = re.compile(r"(/\S+/)?(ba|z|a|da)?sh([\s\"',]+-\w+)?|(/\S+/)?(sleep|tail)\b.*|")
"""Start commands that only keep a container open."""
_DOWNLOADS = re.compile(r"mod download|fetch|(dependency:\S+|\S+\.xml)( dependency:\S+| \S+\.xml)*|(build)?[dD]ependencies|")
"""What the managers that use their dependencies from the cache are told when they are to download them and no more."""
_APK_FETCHES = frozenset(["-U", "--update", "--update-cache", "--no-cache"])
"""What makes apk fetch its index whatever it has."""
_NEEDS_NO_LISTS = frozenset({"clean", "autoclean", "autoremove", "autopurge", "--version", "-v"})
_NEEDS_NO_DEPENDENCY = frozenset(
    ["--version", "-V", "-v", "--help", "version", "env", "help", "clean", "fmt", "init", "new", "mod init", "mod edit"]
    + ["chef prepare", "wrapper", "login", "config", "uninstall"]
)
"""What a manager is told when it looks at no dependency."""
_APK_ELSEWHERE = re.compile(r"(--arch|--root)(=|$)|-p$")
_CLEANS_ITS_OWN = PLAIN | PROGRAMS.keys() | frozenset([
    "yum", "dnf", "microdnf", "zypper", "conda", "mamba", "micromamba", "make", "git", "composer", "gem", "bundle",
    "dotnet", "sbt", "lein", "rebar3", "mix", "opam", "cabal", "stack", "swift", "bazel", "ninja", "cmake", "printf",
    "export", "corepack", "sudo", "python", "python3", "luarocks", "tlmgr", "brew", "bower", "ant", "R", "Rscript",
    "pecl", "scons", "jlpm", "jupyter",
])  # fmt: skip
"""Programs whose `clean` takes away what they have made themselves, not what a package manager has."""
_REMOVES = re.compile(r"\b(?:rm|rmdir|mv)\b([^\n&|]*)")
_TOLD_OFFLINE = re.compile(r"(?i)\b\w*offline[=\s]+[\"']?(1|true|yes|on)\b|--network=none\b")


def mount_obstacle(facts: Facts, stage: Stage, run: Run, place: CachePlace) -> str | None:
    """The reason not to mount a manager's cache in a RUN; None when nothing speaks against it."""
    return (
        without_buildkit(facts)
        or _not_root(facts, stage, run, place.manager)
        or kept_elsewhere(run, place)
        or _hidden_lists(run, place.manager)
        or _hidden_index(facts, stage, run, place.manager)
        or _another_root(run, place.manager)
        or _empty_without_mount(facts, stage, place.manager)
        or _lists_needed(facts, stage, run, place.manager)
        or _artifacts_needed(facts, stage, run, place.manager)
        or _works_offline(facts, stage, place.manager)
        or _downloads_only(facts, stage, run, place.manager)
        or _deleted(run, place)
        or _deleted_by_script(facts, stage, run, place)
        or names_what_is_mounted(run, place.targets, _removing(run))
        or hidden(facts, stage, run, place.targets)
        or used_at_run_time(facts, stage, run, place)
        or _taken_elsewhere(facts, stage, place)
        or _unwritable_parent(run, place)
        or (_used_later(facts, stage, place) if place.manager.store else None)
    )


def _not_root(facts: Facts, stage: Stage, run: Run, manager: Manager) -> str | None:
    """A system manager's cache is root's: who calls it through sudo may not even look into the mount."""
    user = facts.runs_as(stage, run.state)
    sudo = any(command.name == "sudo" for command in run.script.commands)
    if manager.system and (sudo or user is None or user.uid != 0):
        return "the instruction is not known to run as root, whose the mount would be"
    return None


def _lists_needed(facts: Facts, stage: Stage, run: Run, manager: Manager) -> str | None:
    """The lists would be in the mount, and no longer in the image."""
    return later_need(facts, stage, run.index) if manager.system else None


def _artifacts_needed(facts: Facts, stage: Stage, run: Run, manager: Manager) -> str | None:
    """What `mvn install` or `mvn install:install-file` leaves for a later instruction lies in the cache itself."""
    goals = [word for install in run.installs if install.manager is manager for word in install.arguments]
    installs = manager.name == "maven" and any(re.search(r"\b(install|deploy)\b", goal) for goal in goals)
    later = [each for one in facts.descendants(stage) for each in one.runs if one is not stage or each.index > run.index]
    if installs and any(install.manager is manager for each in later for install in each.installs):
        return "a later instruction may need what it installs into the cache"
    return None


def _works_offline(facts: Facts, stage: Stage, manager: Manager) -> str | None:
    """A command that has to find in the image what an earlier instruction left in the cache.

    Both would have the mount, but a mount may be emptied while the earlier instruction is not run again.
    """
    for run in _family(facts, stage):
        for install in (install for install in run.installs if install.manager is manager):
            words = _offline(manager, install.arguments)
            told = any("offline" in name.lower() and value.lower() not in _NO for name, value in run.state.env.items())
            if words or told or _TOLD_OFFLINE.search(run.instruction.logical.text):
                return f"`{' '.join(install.command.words)[:50]}` works offline, from a cache that the mount may not hold"
    return None


def _family(facts: Facts, stage: Stage) -> Iterator[Run]:
    """The RUNs of a stage, of those it starts from, and of those that start from it, in other Dockerfiles as well."""
    own = dict.fromkeys(one.index for one in (*facts.lineage(stage), *facts.descendants(stage)))
    yield from (run for index in own for run in facts.stages[index].runs)
    for file, first in facts.built_on:
        yield from (run for one in facts_for(file, facts.fleet).descendants(first) for run in one.runs)


def _downloads_only(facts: Facts, stage: Stage, run: Run, manager: Manager) -> str | None:
    """Archives that are fetched to be used from the cache have to be in the image."""
    if manager.name != "apt":
        return None
    for one in facts.descendants(stage):
        for each in one.runs:
            for command in each.script.commands:
                words = set(command.words)
                fetches = manager_of(command) is manager and words & {"--download-only", "-d", "download"}
                uses = command.name not in {"rm", "find"} and any(word.startswith("/var/cache/apt") for word in command.words)
                if fetches or uses:
                    return f"`{' '.join(command.words)[:50]}` wants the archives in the image"
    return None


def _hidden_lists(run: Run, manager: Manager) -> str | None:
    """apt reads the package lists of an earlier instruction, which a mount would cover."""
    if manager.name != "apt":
        return None
    for command in run.script.commands:
        words = program_words(command)
        if words[:1] in {("apt-get",), ("apt",), ("apt-cache",), ("aptitude",)}:
            if "update" in words:
                return None
            # `remove` as well: without lists it fails for a package that is not installed.
            if not _NEEDS_NO_LISTS & set(words):
                return "it reads package lists of an earlier instruction, or of the base, which the mount would hide"
    return None


def _hidden_index(facts: Facts, stage: Stage, run: Run, manager: Manager) -> str | None:
    """apk reads the index that an earlier instruction, or the base, has left in the folder that is used without the mount.

    With a cache folder it looks for the index there, and apk of older releases does not fetch one that is missing: the
    packages are not found.
    """
    if manager.name != "apk":
        return None
    for command in run.commands("apk"):
        if set(command.words) & {"update", *_APK_FETCHES}:
            return None
        if set(command.words) & {"add", "upgrade"}:
            break
    earlier = [each for each in facts.runs_before(stage, run.index) if not covers(each.cache_targets(), manager.caches[0].path)]
    left = any(_leaves_index(command) for each in earlier for command in each.commands("apk"))
    if left or libc_of(facts.outside_base(stage)) is None:
        return "it installs from an index that an earlier instruction, or the base, has left, which the mount would hide"
    return None


def _leaves_index(command: Command) -> bool:
    words = set(command.words)
    return "--no-cache" not in words and bool(words & {"update", *_APK_FETCHES})


def _empty_without_mount(facts: Facts, stage: Stage, manager: Manager) -> str | None:
    """`rm /var/cache/apk/*` fails where nothing is there: apk keeps its index in the one folder or in the other."""
    if manager.name != "apk":
        return None
    for one in facts.descendants(stage):
        for command in (command for run in one.runs for command in run.commands("rm")):
            forced = any(re.fullmatch(r"-[a-zA-Z]*f[a-zA-Z]*|--force", word) for word in command.words)
            if not forced and any(word.startswith("/var/cache/apk/") and word[15:] for word in command.words):
                return f"`{' '.join(command.words)[:50]}` fails where apk has put nothing there"
    return None


def _another_root(run: Run, manager: Manager) -> str | None:
    """apk's cache is of the system that it works on, and names the index of every processor alike."""
    if manager.name != "apk":
        return None
    for command in run.commands("apk"):
        told = next((word for word in command.words if _APK_ELSEWHERE.match(word)), None)
        if told:
            return f"`{told}` installs for another system than the image, whose cache must not be the same"
    return None


def _deleted(run: Run, place: CachePlace) -> str | None:
    """A mounted folder cannot be removed, so a command that removes it or its parent would fail."""
    moved = any(command.name in {"cd", "pushd"} for command in run.script.commands)
    for command in run.script.commands:
        if moved and command.name in {"rm", "rmdir", "mv"} and any(w[0] not in "-/" for w in command.words[1:] if w):
            return f"`{' '.join(command.words)[:50]}` may remove a folder that is mounted"
        inner = " ".join(command.words[1:]) if command.name in {"sh", "bash", "ash"} else ""
        if re.search(r"\b(rm|rmdir|mv|find)\b", inner):
            return f"`{' '.join(command.words)[:50]}` may remove a folder that is mounted"
        if command.name not in {"rm", "rmdir", "mv", "find"} and command.words[:2] != ("go", "clean"):
            continue
        operands = [_expanded(run, word) for word in command.words[1:] if not word.startswith("-")]
        touched = [operand for operand in operands if any(_removes(operand, target) for target in place.targets)]
        if command.name == "go":
            touched = ["the module cache"]
        if touched and not _leaves_with_the_mount(run, command, operands, place):
            return f"`{' '.join(command.words)[:50]}` removes {touched[0]}, which fails while it is mounted"
    return None


def _deleted_by_script(facts: Facts, stage: Stage, run: Run, place: CachePlace) -> str | None:
    """A script that removes a mounted folder or one above it, by what it says or, where it is the base's, by its name."""
    for command in run.script.commands:
        if manager_of(command) is None and _cleans(command):
            return f"`{command.words[0]}` may remove a folder that is mounted"
    home = home_of(run)
    for text in run_scripts(facts, stage, run):
        said = re.sub(r"~(?=/)|\$HOME\b|\$\{HOME\}", home, text)
        operands = (word for line in _REMOVES.findall(said) for word in re.split(r"[\s;\"']+", line))
        if any(_removes(word, target) for word in operands if word.startswith("/") for target in place.targets):
            return "a script that it starts removes a folder that would be mounted"
    return None


def _cleans(command: Command) -> bool:
    """Whether a program is called something like `clean`, or one of which nothing is known is told to."""
    program = posixpath.basename("".join(command.words[:1])).lower()
    told = program not in _CLEANS_ITS_OWN and any(re.fullmatch(r"-*clean([-_]?\w+)*", word) for word in command.words[1:])
    return "clean" in program or told


def _removing(run: Run) -> list[Command]:
    """The commands that `_deleted` judges."""
    return run.commands("rm", "rmdir", "mv", "find")


def _expanded(run: Run, word: str) -> str:
    path = posixpath.join(run.state.workdir, re.sub(r"^(~|\$HOME|\$\{HOME\})(?=/|$)", home_of(run), word))
    # `folder/.` takes what is in the folder, and is told from the folder itself further on.
    return path if path.endswith("/.") else posixpath.normpath(path)


def _removes(operand: str, target: str) -> bool:
    """Whether an operand of `rm` takes the target itself away, not only what is in it."""
    if "{" in operand or "$" in operand:
        return True
    whole = operand.rstrip("/")
    if whole.endswith(("/*", "/.")):
        parent = whole.rpartition("/")[0]
        return target.startswith(parent + "/")
    if any(character in whole for character in "*?["):
        parts = whole.split("/")
        above = "/".join(target.split("/")[: len(parts)])
        return fnmatchcase(above, whole)
    return target == whole or target.startswith(whole + "/")


def _leaves_with_the_mount(run: Run, command: Command, operands: list[str], place: CachePlace) -> bool:
    """Whether the whole command becomes needless with the mount and can be taken out of the chain."""
    inside = all(any(o.rstrip("/*") == t or o.startswith(t + "/") for t in place.targets) for o in operands)
    # What names a folder from the working directory on is not known as a removal of a cache, and stays.
    absolute = all(word.startswith(("/", "~", "$")) for word in command.words[1:] if not word.startswith("-"))
    return command.name == "rm" and inside and absolute and can_remove(run, [command])


def _taken_elsewhere(facts: Facts, stage: Stage, place: CachePlace) -> str | None:
    """A COPY or a bind mount from the stage, or one that starts from it, that takes the cache along."""
    family = facts.descendants(stage)
    for source, origin in _sources_from_stages(facts):
        if facts.stage_named(origin) not in family:
            continue
        path = "/" + source.strip("/")
        if path == "/" and not place.manager.store:
            continue
        related = any(is_within(target, path) or is_within(path, target) for target in place.targets)
        if related:
            return f"`{source}` is copied out of the stage, and a mounted cache would not be there"
    return None


def _sources_from_stages(facts: Facts) -> Iterator[tuple[str, str]]:
    for one in facts.stages:
        for copy in one.copies:
            if copy.from_ is not None:
                yield from ((source, copy.from_) for source in copy.sources)
        for run in one.runs:
            for mount in run.instruction.mounts():
                if mount.get("from"):
                    yield mount.get("source") or mount.get("src") or "/", mount["from"]


def _unwritable_parent(run: Run, place: CachePlace) -> str | None:
    """BuildKit makes the folders above a mount as root's, so an unprivileged RUN can put nothing else there.

    Afterwards only newer ones take them away again; older ones remove the mount's own folder and no other.
    """
    if not place.uid:
        return None
    if place.closed_above:
        return place.closed_above
    others = [c for c in run.script.commands if manager_of(c) is not place.manager and c.name not in PLAIN]
    if others:
        return f"`{' '.join(others[0].words)[:40]}` may need the folder above the mount, which is root's while it is mounted"
    return None


def _offline(manager: Manager | None, words: Iterable[str]) -> set[str]:
    """What of some words tells a manager to ask nobody; `-o` is maven's, and to others the name of a file that they write.

    `--frozen` is Cargo's `--locked --offline`, and to uv and pnpm only the lock that does not change.
    """
    own = {"maven": {"-o"}, "cargo": {"--frozen"}}.get(manager.name if manager else "", set[str]())
    return set(words) & (_OFFLINE | own)


def _used_later(facts: Facts, stage: Stage, place: CachePlace) -> str | None:
    """Dependencies are used from the cache itself: everything that may use them has to have the mount."""
    name = place.manager.name
    for one in facts.descendants(stage):
        for run in one.runs:
            if run.instruction.flag("network") or run.script.broken or (not run.script.commands and run.instruction.words):
                return f"an instruction that may use {name}'s dependencies cannot have the mount"
            for command in run.script.commands:
                manager = manager_of(command)
                told = _offline(manager, command.words) or "--prefer-offline" in command.words
                if told or _without_proxy(run):
                    return f"`{' '.join(command.words)[:50]}` works offline, from a cache that the mount may not hold"
                own = manager is place.manager
                names_it = any(target in word for target in place.targets for word in command.words)
                without = own and not _mounted_or_harmless(run, command, place.manager)
                if without or (not own and (command.name not in PLAIN or names_it)):
                    return f"`{' '.join(command.words)[:50]}` may use {name}'s dependencies and would not have the mount"
        if started_with(facts, one, place.manager):
            return f"the image starts with {name}, which would have to download everything again"
        if one in facts.final_stages and _is_open(facts, one) and _only_downloads(facts, one, place.manager):
            return f"{name}'s dependencies are all that the instruction puts into the image, for whoever works in it"
    return lacks_credentials(facts, stage, place.manager) or _used_by_others(facts, place.manager)


def _mounted_or_harmless(run: Run, command: Command, manager: Manager) -> bool:
    """Whether a manager's own command has the mount, as its RUN installs, or needs no dependency: `cargo chef cook` does."""
    installs = any(install.manager is manager for install in run.installs)
    return installs or bool(_NEEDS_NO_DEPENDENCY & {*command.words[1:3], " ".join(command.words[1:3])})


def _without_proxy(run: Run) -> bool:
    return "GOPROXY=off" in run.instruction.logical.text or run.state.env.get("GOPROXY") == "off"


def _used_by_others(facts: Facts, manager: Manager) -> str | None:
    """A Dockerfile that starts from this one's image and installs with the same manager, perhaps offline."""
    for file, first in facts.built_on:
        runs = [run for one in facts_for(file, facts.fleet).descendants(first) for run in one.runs]
        if file is not facts.file and any(install.manager is manager for run in runs for install in run.installs):
            return f"`{file.path}` may start from this image and use {manager.name}'s dependencies from it"
    return None


def _only_downloads(facts: Facts, stage: Stage, manager: Manager) -> bool:
    """Whether nothing in an image's stages builds with what the manager has downloaded."""
    installs = [each for one in facts.lineage(stage) for run in one.runs for each in run.installs if each.manager is manager]
    words = [" ".join(word for word in each.command.words[1:] if word[:1] not in "-/.") for each in installs]
    return all(_DOWNLOADS.fullmatch(each) for each in words)


def _is_open(facts: Facts, stage: Stage) -> bool:
    """Whether an image is started with no command, or with a shell: for whoever works in it, or builds on it."""
    own = [start for keyword in ("ENTRYPOINT", "CMD") if (start := facts.last(stage, keyword)) is not None]
    commanded = any(service.command or service.entrypoint for service in facts.file.services)
    return not commanded and all(_WORKPLACE.fullmatch(start.arguments.strip(" []\"'")) for start in own)
