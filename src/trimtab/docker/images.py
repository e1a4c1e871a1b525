"""What an image says about how it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from trimtab.docker import command as argv
from trimtab.docker.runner import Runner
from trimtab.errors import ToolError
from trimtab.syntax.data import read_json

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
