"""What a build was made from, kept so that the next one's first missed step can be explained."""

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from trimtab.build.inputs import Reading, brings_history, knows_all, named_readings, read_files, read_named_files, readings
from trimtab.build.target import Target
from trimtab.docker import Step
from trimtab.fleet.plain import items, mapping

_SHOWN = 3


@dataclass(frozen=True)
class Seen:
    """One build's inputs. Values of arguments are kept as digests: they may be secret."""

    files: Mapping[str, tuple[int, int, str]] = field(default_factory=dict[str, tuple[int, int, str]])
    """By path in the context, or `name: path` in an additional one: bytes, time of change in nanoseconds, and the content's
    SHA-256 with the mode."""
    arguments: Mapping[str, str] = field(default_factory=dict[str, str])
    bases: Mapping[str, str] = field(default_factory=dict[str, str])
    """Images that it was built from to their digests, the fleet's own among them."""
    instructions: tuple[str, ...] = ()
    """The needed instructions' texts, as digests."""
    builder: str = ""

    @property
    def fingerprint(self) -> str:
        """A digest of everything but the times: equal for builds that make the same image."""
        content = {path: digest for path, (_, _, digest) in sorted(self.files.items())}
        parts = repr((content, sorted(self.arguments.items()), sorted(self.bases.items()), self.instructions))
        return hashlib.sha256(parts.encode("utf-8", "surrogateescape")).hexdigest()

    def data(self) -> dict[str, object]:
        return asdict(self)


def seen_from(data: Mapping[str, object] | None) -> Seen | None:
    """What an earlier run has kept; None where it kept nothing that can be read."""
    if data is None:
        return None
    try:
        files = {path: _file(value) for path, value in mapping(data["files"]).items()}
        arguments, bases = ({key: str(value) for key, value in mapping(data[name]).items()} for name in ("arguments", "bases"))
        return Seen(files, arguments, bases, tuple(str(item) for item in items(data["instructions"])), str(data["builder"]))
    except (KeyError, TypeError, ValueError):
        return None


def _file(value: object) -> tuple[int, int, str]:
    size, changed, digest = items(value)
    return int(str(size)), int(str(changed)), str(digest)


def look(root: Path, target: Target, bases: Mapping[str, str], builder: str, before: Seen | None) -> Seen:
    """What a target is made from now. A file whose size and time are as they were before is not read again."""
    context = target.context
    files: dict[str, tuple[int, int, str]] = {}
    places = {path: context.tree_path(path) for path in read_files(target)} if context is not None else {}
    for path, place in {**places, **read_named_files(target)}.items():
        if found := _look_at(root / place, before, path):
            files[path] = found
    arguments = {name: _digest(value) for name, value in target.build.args.items()}
    return Seen(files, arguments, dict(bases), instructions(target), builder)


def instructions(target: Target) -> tuple[str, ...]:
    """Digests of the texts that the builder reads of a Dockerfile, and of the options that are part of the image."""
    return (_digest(repr(target.options.without_caches)), *(_digest(text) for text in target.said))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _look_at(path: Path, before: Seen | None, name: str) -> tuple[int, int, str] | None:
    try:
        info = path.lstat()
        known = before.files.get(name) if before else None
        if known and known[:2] == (info.st_size, info.st_mtime_ns) and known[2].startswith(f"{info.st_mode:o} "):
            return known
        if stat.S_ISLNK(info.st_mode):
            content = _digest(str(path.readlink()))
        elif stat.S_ISREG(info.st_mode):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            content = ""
    except OSError:
        # It has just vanished, or may not be read: the builder will say so.
        return None
    return info.st_size, info.st_mtime_ns, f"{info.st_mode:o} {content}"


def cause(target: Target, step: Step, before: Seen | None, now: Seen) -> str:
    """Why a step had to be done, as far as what is kept of the build before tells."""
    if before is None:
        return "no earlier build of it is recorded here"
    if before.builder != now.builder:
        return f"the build before was made on `{before.builder}`"
    moved = sorted(name for name, digest in now.bases.items() if before.bases.get(name, digest) != digest)
    if moved:
        return f"base {', '.join(f'`{name}`' for name in moved)} is another one"
    if step.keyword in {"COPY", "ADD", "ONBUILD"}:
        told = _files_of(target, step, before, now)
        if told:
            return told
    changed = sorted(
        name for name in {**before.arguments, **now.arguments} if before.arguments.get(name) != now.arguments.get(name)
    )
    if changed:
        return f"ARG {', '.join(changed)}"
    if set(now.instructions) - set(before.instructions):
        return "the Dockerfile changed"
    differing = _differing(before, now, set(before.files) | set(now.files))
    if differing:
        return f"{_listed(differing)} changed"
    return _unrecorded(target)


def _unrecorded(target: Target) -> str:
    """Why a step had to be done where nothing that is kept of the build before tells."""
    bringing = next((name for name, every in named_readings(target).items() if any(map(_reads_own, every))), None)
    if bringing:
        return f"its context `{bringing}` brings `.trimtab`, which every run changes: name it in the `.dockerignore` there"
    if what := brings_history(target):
        return f"{what} brings `.git`, which every commit changes"
    if not knows_all(target):
        return "nothing that is recorded changed: what it reads outside the repository did, or the cache was pruned"
    return "nothing that is recorded changed: the cache was pruned"


def _reads_own(reading: Reading) -> bool:
    return not reading.context.root and not reading.context.ignore.ignores(".trimtab") and reading.reads(".trimtab")


def _files_of(target: Target, step: Step, before: Seen, now: Seen) -> str:
    """`COPY src ./src: 3 files changed (…)`; empty where no file that the instruction reads has changed."""
    label = " ".join(step.label.removeprefix("ONBUILD ").split())
    reading = next((each for each in readings(target) if label.startswith(each.what.rstrip(" …"))), None)
    if reading is None:
        return ""
    paths = {path for path in {**before.files, **now.files} if reading.reads(path)}
    differing = _differing(before, now, paths)
    return f"{reading.what}: {_listed(differing)} changed" if differing else ""


def _differing(before: Seen, now: Seen, paths: set[str]) -> list[str]:
    nothing = (0, 0, "")
    return sorted(path for path in paths if before.files.get(path, nothing)[2] != now.files.get(path, nothing)[2])


def _listed(paths: list[str]) -> str:
    if len(paths) == 1:
        return f"`{paths[0]}`"
    return f"{len(paths)} files ({', '.join(paths[:_SHOWN])}{' …' if len(paths) > _SHOWN else ''})"
