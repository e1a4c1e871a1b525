"""One image, built once."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from trimtab.build.failures import Outage, outage
from trimtab.docker import BuildLog, ImageConfig, Runner, read_config, read_progress
from trimtab.docker import command as argv

_PREFIX = re.compile(r"^(?:ERROR: |failed to build: |failed to solve: )+")


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build; paths are absolute."""

    context: str
    dockerfile: str
    tag: str
    run: str
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict[str, str])
    contexts: Mapping[str, str] = field(default_factory=dict[str, str])
    no_cache: bool = False


@dataclass(frozen=True)
class BuildResult:
    """What came of it. `seconds` is the wall time of the client, which is what a person waits for."""

    seconds: float
    log: BuildLog
    image: ImageConfig | None
    """None when the build failed, and when its image is not in the engine."""
    elsewhere: bool = False
    """Whether it succeeded, wherever the image is."""

    @property
    def ok(self) -> bool:
        return self.image is not None or self.elsewhere

    @property
    def outage(self) -> Outage | None:
        """What failed beside the build; None for a build that succeeded or is itself to blame."""
        return None if self.ok else outage(self.log.log + "\n" + self.log.error)

    @property
    def reason(self) -> str:
        """Why it failed, in one line: the builder's own last words."""
        lines = [line.strip() for line in (self.log.log + "\n" + self.log.error).splitlines() if line.strip()]
        telling = [line for line in lines if "ERROR" in line or "error" in line.lower()]
        said = (telling or lines or ["the builder said nothing"])[-1]
        return _PREFIX.sub("", said)[:300]


async def build_image(runner: Runner, request: BuildRequest) -> BuildResult:
    """Build an image with BuildKit and read what it did. A failing build is a result, not an exception."""
    lines: list[str] = []
    command = argv.build(
        context=request.context, dockerfile=request.dockerfile, tag=request.tag, run=request.run, target=request.target,
        args=request.args, contexts=request.contexts, no_cache=request.no_cache,
    )  # fmt: skip
    started = time.monotonic()
    done = await runner.run(command, on_line=lines.append)
    seconds = time.monotonic() - started
    log = read_progress(lines)
    image = await read_config(runner, request.tag) if done.code == 0 else None
    return BuildResult(seconds, log, image)
