"""Which Dockerfiles of a fleet start from the image that one of them makes."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from trimtab.fleet.bases import read_reference
from trimtab.fleet.model import Build, Fleet, FleetFile
from trimtab.fleet.needed import normal_reference
from trimtab.fleet.plain import items
from trimtab.fleet.stage import VARIABLE, Stage
from trimtab.fleet.users import starts_as_root

_BY_NAME = ("service:", "target:")


def built_on(file: FleetFile, fleet: Fleet) -> Iterator[tuple[FleetFile, Stage]]:
    """The stages of a fleet that start from a file's image, or may: another tag, a variable, a file that nothing names."""
    own = _repositories(file)
    for other, build, stage in fleet.starts:
        name = _alias(build, _written(stage))
        named = name.partition(":")[2] in file.service_names if name.startswith(_BY_NAME) else _may_name(own, name)
        # Nothing in the fleet says what this file's image is called; what docker itself publishes it is not.
        unnamed = not own and other.path != file.path and not name.startswith(_BY_NAME) and not starts_as_root(name)
        if named or unnamed:
            yield other, other.stages[stage.index]


def _written(stage: Stage) -> str:
    """What a FROM names, with `*` for what only the builder knows."""
    raw = stage.instructions[0].words[0].raw.strip("\"'") if stage.instructions[0].words else ""
    return stage.base if VARIABLE.fullmatch(raw) and stage.base else VARIABLE.sub("*", raw)


def _alias(build: Build, name: str) -> str:
    """What a name stands for in a build with named contexts."""
    wanted = normal_reference(name)
    return next((value for key, value in build.additional_contexts.items() if normal_reference(key) == wanted), name)


def _may_name(repositories: set[str], name: str) -> bool:
    plain = name.removeprefix("docker-image://").partition("@")[0]
    head, slash, last = plain.rpartition("/")
    pattern = head + slash + last.partition(":")[0]
    return any(fnmatchcase(repository, pattern) for repository in repositories)


def _repositories(file: FleetFile) -> set[str]:
    """What the file's images are tagged as, without the tag, in short and in full."""
    tags = [str(tag) for service in file.services if service.build for tag in items(service.build.options.get("tags"))]
    names = [*(service.image for service in file.services if service.image), *tags]
    return {path for name in names for path in (read_reference(name).path, read_reference(normal_reference(name)).path)}
