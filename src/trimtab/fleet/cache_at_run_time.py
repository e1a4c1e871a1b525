"""What an image takes from a package manager's cache when it runs, so that the cache has to be in the image."""

import posixpath
import re
from collections.abc import Iterator

from trimtab.fleet.caches import CachePlace
from trimtab.fleet.facts import Facts
from trimtab.fleet.managers import PROGRAMS, Manager
from trimtab.fleet.mounted_paths import VARIABLE_PATH
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Run, Stage
from trimtab.fleet.started_files import looked_for, started_by, started_scripts

_SETTINGS = {
    "uv": (
        frozenset({"pyproject.toml", "uv.toml"}),
        re.compile(r"link-mode[\s=\"']+symlink|UV_LINK_MODE[=\s\"']+symlink"),
        "uv links the packages into the cache",
    ),
    "yarn": (
        frozenset({".yarnrc.yml", "package.json"}),
        re.compile(r"nodeLinker[:\s\"']+pnp\b|\"pnp\"\s*:\s*true|YARN_NODE_LINKER[=\s\"']+pnp\b|--(enable-)?pnp\b"),
        "Yarn's Plug'n'Play loads the packages from the cache",
    ),
    "pnpm": (
        frozenset({"pnpm-workspace.yaml", ".npmrc"}),
        re.compile(r"(?i)enable-?_?global-?_?virtual-?_?store[=:\s\"']+(true|1)"),
        "pnpm's global virtual store links the packages into the cache",
    ),
    "maven": (frozenset[str](), re.compile(r"\bbuild-classpath\b"), "the class path names files in the cache"),
}
"""By manager: the files with its settings, what there or in the Dockerfile uses the cache, and why."""
_FETCHERS = {
    "npm": re.compile(r"(?<![\w-])(npx|npm[\s\"',]+(exec|x))(?![\w-])"),
    "uv": re.compile(r"(?<![\w-])(uvx|uv[\s\"',]+(tool[\s\"',]+run|run[\s\"',]+--with))(?![\w-])"),
    "yarn": re.compile(r"(?<![\w-])yarn[\s\"',]+dlx(?![\w-])"),
    "pnpm": re.compile(r"(?<![\w-])(pnpx|pnpm[\s\"',]+dlx)(?![\w-])"),
}
"""By manager: the programs that fetch a package to run it, and take it from the cache."""


_CALLERS = {
    "go": ("air", "CompileDaemon", "dlv", "reflex", "modd", "gin", "mage", "task", "just", "gotestsum", "richgo", "ginkgo",
           "fresh", "realize", "gow", "wgo", "arelo", "goreleaser", "bee", "buffalo", "goconvey", "golangci-lint", "watcher"),
    "cargo": ("cargo-watch", "bacon", "trunk", "wasm-pack", "systemfd", "dx", "mprocs", "just"),
    "maven": ("mvnd",),
}  # fmt: skip
"""By manager: the programs that call it to build, test or run what they are started for."""


def used_at_run_time(facts: Facts, stage: Stage, run: Run, place: CachePlace) -> str | None:
    """Why the running image may miss its cache; None when nothing speaks for it."""
    return _linked(facts, place) or _installed_into(stage, run, place) or _fetched(facts, stage, place)


def _linked(facts: Facts, place: CachePlace) -> str | None:
    names, pattern, reason = _SETTINGS.get(place.manager.name, (frozenset[str](), None, ""))
    if pattern is None:
        return None
    texts = (context.read(path) or "" for context in facts.contexts for path in context.visible if _is_one_of(path, names))
    services = (str(service.build.args) for service in facts.file.services if service.build)
    used = pattern.search(facts.dockerfile.source.text) or any(map(pattern.search, (*texts, *services)))
    return f"{reason}, which would not be in the image" if used else None


def _is_one_of(path: str, names: frozenset[str]) -> bool:
    return posixpath.basename(path) in names and "node_modules/" not in path


def _installed_into(stage: Stage, run: Run, place: CachePlace) -> str | None:
    """A variable that puts something other than the cache into the cache's folder."""
    own = {name for cache in place.manager.caches for name in (cache.moved_by, cache.moved_by.upper())} | {"XDG_CACHE_HOME"}
    inline = VARIABLE_PATH.findall(run.instruction.logical.text)
    for name, value in [*run.state.env.items(), *stage.end.env.items(), *inline]:
        paths = [part.strip("\"'") for part in value.split(":")]
        if name not in own and any(is_within(posixpath.normpath(p), t) for p in paths if p for t in place.targets):
            return f"`{name}` names a folder in the cache, which would not be in the image"
    return None


def _fetched(facts: Facts, stage: Stage, place: CachePlace) -> str | None:
    pattern = _FETCHERS.get(place.manager.name)
    if pattern and any(pattern.search(text) for one in facts.descendants(stage) for text in starts_of(facts, one)):
        return f"the image starts a program that {place.manager.name} fetches, perhaps from the cache"
    return None


def starts_of(facts: Facts, stage: Stage) -> Iterator[str]:
    """Everything that an image is started and checked with."""
    for instruction in (i for i in stage.instructions if i.keyword in {"CMD", "ENTRYPOINT", "HEALTHCHECK"}):
        yield instruction.arguments
        yield from started_scripts(facts, stage, instruction)
    yield from looked_for(facts, stage)
    for service in facts.file.services:
        check = service.healthcheck.test if service.healthcheck else ()
        for said in (service.command, service.entrypoint, check):
            words = said if isinstance(said, str) else " ".join(said or ())
            yield words
            yield from started_by(facts, stage, words.split())


def started_with(facts: Facts, stage: Stage, manager: Manager) -> bool:
    """Whether a start command, of a service as well, or a copied script that it names, calls the manager."""
    starts = "\n".join(starts_of(facts, stage))
    programs = [*(program for program, name in PROGRAMS.items() if name == manager.name), *_CALLERS.get(manager.name, ())]
    return any(re.search(rf"(^|[\s\"'/=;&|(`]){re.escape(program)}($|[\s\"'])", starts) for program in programs)
