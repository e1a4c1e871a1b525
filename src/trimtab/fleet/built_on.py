"""Which Dockerfiles of a fleet start from the image that one of them makes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import cast

from trimtab.fleet.bases import read_reference
from trimtab.fleet.model import Build, Fleet, FleetFile
from trimtab.fleet.needed import normal_reference
from trimtab.fleet.plain import items
from trimtab.fleet.stage import VARIABLE, Stage
from trimtab.fleet.users import starts_as_root

_BY_NAME = ("service:", "target:")
_FEW = 100
_COMMON = frozenset(
    ["docker", "dockerfile", "containerfile", "docker.io", "library", "localhost", "image", "images", "src", "services"]
)
"""Words that stand in every other path."""


@dataclass(frozen=True)
class _Starts:
    """What every stage of a fleet starts from, put in order once: a fleet of a thousand Dockerfiles asks a thousand times."""

    by_path: Mapping[str, list[tuple[FleetFile, Stage]]]
    """By the image's repository, where it is known."""
    others: tuple[tuple[str, FleetFile, Stage], ...]
    """Services, targets, and names with something in them that only the builder knows."""
    by_word: Mapping[str, list[tuple[FleetFile, Stage]]]
    """Those that do not start from what docker itself publishes, by each word of the image's name."""


def built_on(file: FleetFile, fleet: Fleet) -> Iterator[tuple[FleetFile, Stage]]:
    """The stages of a fleet that start from a file's image, or may: another tag, a variable, a file that nothing names."""
    starts = _starts(fleet)
    own = _repositories(file)
    found = [each for repository in own for each in starts.by_path.get(repository, ())]
    for name, other, stage in starts.others:
        by_name = name.partition(":")[2] in file.service_names if name.startswith(_BY_NAME) else _may_name(own, name)
        found += [(other, stage)] if by_name else []
    if not own:
        # Nothing in the fleet says what this file's image is called. Where there are few, it may be anything that docker itself
        # does not publish; where there are many, what shares a word with its path: so 1,669 files take 12 s, not minutes.
        words = _words(file.path) if len(fleet.files) > _FEW else starts.by_word
        alike = [each for word in words for each in starts.by_word.get(word, ())]
        found += [each for each in alike if each[0].path != file.path]
    # In order of paths: which of them a finding names must not depend on how Python happens to order a set.
    by_place = {(other.path, stage.index): (other, stage) for other, stage in found}
    yield from (by_place[place] for place in sorted(by_place))


def _starts(fleet: Fleet) -> _Starts:
    key = ("built on",)
    if key not in fleet.tree.memo:
        fleet.tree.memo[key] = _read_starts(fleet)
    return cast("_Starts", fleet.tree.memo[key])


def _read_starts(fleet: Fleet) -> _Starts:
    by_path: dict[str, list[tuple[FleetFile, Stage]]] = {}
    others: list[tuple[str, FleetFile, Stage]] = []
    by_word: dict[str, list[tuple[FleetFile, Stage]]] = {}
    for file, build, start in fleet.starts:
        name, stage = _alias(build, _written(start)), file.stages[start.index]
        if name.startswith(_BY_NAME) or "*" in name:
            others.append((name, file, stage))
        else:
            by_path.setdefault(_repository(name), []).append((file, stage))
        if not name.startswith(_BY_NAME) and not starts_as_root(name):
            for word in _words(_repository(name)):
                by_word.setdefault(word, []).append((file, stage))
    return _Starts(by_path, tuple(others), by_word)


def _words(name: str) -> set[str]:
    """The words of a path or an image's name that can tell it from others."""
    return {word for word in re.split(r"[^a-z0-9]+", name.lower()) if len(word) > 2} - _COMMON


def _written(stage: Stage) -> str:
    """What a FROM names, with `*` for what only the builder knows."""
    raw = stage.instructions[0].words[0].raw.strip("\"'") if stage.instructions[0].words else ""
    return stage.base if VARIABLE.fullmatch(raw) and stage.base else VARIABLE.sub("*", raw)


def _alias(build: Build, name: str) -> str:
    """What a name stands for in a build with named contexts."""
    wanted = normal_reference(name)
    return next((value for key, value in build.additional_contexts.items() if normal_reference(key) == wanted), name)


def _repository(name: str) -> str:
    """A reference without its tag or digest."""
    plain = name.removeprefix("docker-image://").partition("@")[0]
    head, slash, last = plain.rpartition("/")
    return head + slash + last.partition(":")[0]


def _may_name(repositories: set[str], name: str) -> bool:
    pattern = _repository(name)
    return any(fnmatchcase(repository, pattern) for repository in repositories)


def _repositories(file: FleetFile) -> set[str]:
    """What the file's images are tagged as, without the tag, in short and in full."""
    tags = [str(tag) for service in file.services if service.build for tag in items(service.build.options.get("tags"))]
    names = [*(service.image for service in file.services if service.image), *tags]
    return {path for name in names for path in (read_reference(name).path, read_reference(normal_reference(name)).path)}
