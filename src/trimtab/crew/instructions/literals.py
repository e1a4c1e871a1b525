"""Images, options, patterns and paths in an instruction: what each may be taken for, and why one is refused."""

import posixpath
import re

from trimtab.crew.instructions.model import Reach
from trimtab.crew.instructions.topics import Topic
from trimtab.crew.instructions.vocabulary import TOOLS
from trimtab.fleet.bases import read_reference
from trimtab.fleet.managers import MANAGERS, Manager
from trimtab.syntax.ignore import IgnoreFile, PatternError

_EVERYTHING = frozenset({"*", "**", "**/*", ".", "/", "./", "*/", "**/", "/*", "/**"})
_NO_CACHE = frozenset(flag for manager in MANAGERS.values() for flag in manager.no_cache_flags if flag.startswith("--"))
_SCRIPT = re.compile(r"\.(sh|bash|ps1)$")
_COMPOSE = re.compile(r"(^|/)(docker-)?compose[\w.-]*\.ya?ml$")
_DOCKERFILE = re.compile(r"(^|/)(Dockerfile[\w.*-]*|[\w.-]+\.Dockerfile)$")


def standard_problem(base: str, runtimes: tuple[str, ...]) -> str | None:
    """Why an image cannot be the standard of some runtimes; None when it can, as far as words tell."""
    reference = read_reference(base)
    if reference.tag == "latest":
        return f"`{base}` is another image after every release: name a version"
    if reference.runtime and not reference.version and not reference.digest:
        return f"`{base}` names no version, so it is another image after every release"
    if not runtimes:
        return f"nothing says which services `{base}` is for"
    if reference.runtime and any(runtime != reference.runtime for runtime in runtimes):
        other = next(runtime for runtime in runtimes if runtime != reference.runtime)
        return f"`{base}` has no {other}"
    return None


def option_kind(option: str) -> str | None:
    """`mount` for a cache mount, `no-cache` for what tells a package manager to keep none; None for any other option."""
    if option.split("=")[0] in _NO_CACHE:
        return "no-cache"
    fields = _fields(option)
    return "mount" if option.startswith("--mount=") and fields.get("type") == "cache" else None


def _fields(option: str) -> dict[str, str]:
    pairs = (field.partition("=") for field in option.removeprefix("--mount=").split(","))
    return {key: value for key, _, value in pairs}


def mount_problem(option: str, reach: Reach) -> str | None:
    """Why a cache mount is of no use to the package managers that are meant; None when it is."""
    fields = _fields(option)
    target = fields.get("target") or fields.get("dst") or fields.get("destination") or ""
    if not target:
        return "it does not say where it is mounted"
    meant = [name for name in MANAGERS if _is_meant(name, reach)]
    if any(_uses(MANAGERS[name], target) for name in meant):
        return None
    if not reach.tools and not reach.runtimes:
        return f"no package manager that is known caches in `{target}`"
    listed = ", ".join(f"{name} in `{MANAGERS[name].caches[0].resolve('/root', {})}`" for name in meant)
    return f"nothing that is meant caches in `{target}`: {listed}" if listed else f"nothing that is meant caches in `{target}`"


def _is_meant(name: str, reach: Reach) -> bool:
    if reach.tools:
        tools = {"apt" if tool == "apt-get" else tool for tool in reach.tools}
        return name in tools
    # Go has its own manager under its own name.
    runtime = {**TOOLS, "go": "golang"}.get(name, "")
    return not reach.runtimes or runtime in reach.runtimes


def _uses(manager: Manager, target: str) -> bool:
    """Whether a target is one of a manager's caches, for root or any other home."""
    plain = posixpath.normpath(target)
    homes = {"/root", *re.findall(r"^(/home/[^/]+)/", plain)}
    return any(posixpath.normpath(cache.resolve(home, {})) == plain for cache in manager.caches for home in homes)


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern cannot go into an ignore file; None when it can, as far as words tell.

    `Dockerfile` and `.dockerignore` may: the builder gets both by another way, and only a COPY of them would miss them
    (https://docs.docker.com/build/concepts/context/#dockerignore-files).
    """
    if pattern in _EVERYTHING:
        return f"`{pattern}` keeps everything back, also what is copied"
    if pattern.startswith("!"):
        return f"`{pattern}` brings something back, so it depends on what stands in front of it: write it yourself"
    if pattern.startswith("../") or "/../" in pattern:
        return f"`{pattern}` is above the build context, which is never sent"
    try:
        IgnoreFile.of([pattern])
    except PatternError as error:
        return f"`{pattern}` is no pattern that docker reads: {error}"
    return None


def topic_of_path(path: str) -> Topic | None:
    """What it means that a file or folder is to be improved; None when that cannot be told."""
    if posixpath.basename(path).endswith(".dockerignore"):
        return Topic.IGNORE_FILES
    if _SCRIPT.search(path):
        return Topic.DEPLOY_SCRIPTS
    if _COMPOSE.search(path):
        return Topic.COMPOSE
    folder = path.endswith("/") or "." not in posixpath.basename(path)
    return Topic.CONTAINERS if _DOCKERFILE.search(path) or ("/" in path and folder) else None
