"""What an image says about how it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from trimtab.docker import command as argv
from trimtab.docker.runner import Runner
from trimtab.errors import ToolError
from trimtab.syntax.data import read_json

_ASKED = 20.0
"""Seconds for a question that only makes an answer more exact."""
_CONFIG_KEYS = (
    "Entrypoint",
    "Cmd",
    "WorkingDir",
    "User",
    "ExposedPorts",
    "Volumes",
    "Healthcheck",
    "StopSignal",
    "OnBuild",
    "Shell",
)


@dataclass(frozen=True)
class ImageConfig:
    """What an image says about how it runs."""

    id: str
    size: int
    """Bytes of all layers, unpacked, as the engine's own store counts them."""
    layers: tuple[str, ...]
    values: Mapping[str, object]
    """The compared keys; `Env.NAME` for each variable, `Label.NAME` for each label."""

    @property
    def env(self) -> dict[str, str]:
        prefix = "Env."
        return {key[len(prefix) :]: str(value) for key, value in self.values.items() if key.startswith(prefix)}


async def read_config(runner: Runner, image: str) -> ImageConfig:
    """An image's configuration.

    Raises:
        CommandFailed: the engine has no such image.
    """
    return (await read_configs(runner, [image]))[0]


async def read_configs(runner: Runner, images: Sequence[str]) -> list[ImageConfig]:
    """Several images' configurations, in one question.

    Raises:
        CommandFailed: the engine lacks one of them.
        ToolError: what it says of them cannot be read.
    """
    result = (await runner.run(argv.image_inspect(*images))).checked()
    try:
        return [_config(data) for data in cast("list[Mapping[str, object]]", read_json(result.stdout))]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ToolError(f"What the engine says of {', '.join(images)} cannot be read: {error!r}") from error


async def read_triggers(runner: Runner, images: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Of the images that the engine has, by all their names as it says them, what they put off with `ONBUILD`.

    An image that it lacks, and everything where no engine answers, is left out.
    """
    named = [image for image in images if not image.startswith("-")]
    try:
        result = await runner.run(argv.image_inspect(*named), timeout=_ASKED) if named else None
        # It ends with an error where one of them is missing, and has said everything of the others.
        every = cast("list[Mapping[str, object]]", read_json(result.stdout or b"[]")) if result else []
        return {name: _triggers(data) for data in every for name in _names(data)}
    except (ToolError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _names(data: Mapping[str, object]) -> list[str]:
    return [*cast("list[str]", data.get("RepoTags") or []), *cast("list[str]", data.get("RepoDigests") or [])]


def _triggers(data: Mapping[str, object]) -> tuple[str, ...]:
    config = cast("Mapping[str, object]", data.get("Config") or {})
    return tuple(cast("list[str]", config.get("OnBuild") or []))


def _config(data: Mapping[str, object]) -> ImageConfig:
    config = cast("Mapping[str, object]", data.get("Config") or {})
    values: dict[str, object] = {key: config.get(key) or None for key in _CONFIG_KEYS}
    for pair in cast("list[str]", config.get("Env") or []):
        name, _, value = pair.partition("=")
        values[f"Env.{name}"] = value
    for name, value in cast("Mapping[str, str]", config.get("Labels") or {}).items():
        if name != argv.LABEL:
            values[f"Label.{name}"] = value
    root = cast("Mapping[str, object]", data.get("RootFS") or {})
    return ImageConfig(
        str(data["Id"]), int(cast("int", data.get("Size") or 0)), tuple(cast("list[str]", root.get("Layers") or [])), values
    )
