"""A builder that only keeps count: it writes metadata, prints a progress of one step, and fails as it is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import anyio
import anyio.lowlevel

from trimtab.docker import Command, Completed

_RECORDS = count()


def progress(*steps: tuple[str, bool]) -> list[str]:
    """A stream of steps that took a second each, or were cached."""
    lines: list[str] = []
    for number, (name, cached) in enumerate(steps):
        at, end = f"2026-01-01T00:00:{number:02}Z", f"2026-01-01T00:00:{number + (not cached):02}Z"
        vertex = {"digest": f"d{number}", "name": name, "started": at, "completed": end, "cached": cached}
        lines.append(json.dumps({"vertexes": [vertex]}))
    return lines


@dataclass
class FakeBuilder:
    """A runner. `says` gives the last words of a build by its first tag and attempt; empty for one that succeeds."""

    says: Callable[[str, int], str] = lambda _tag, _attempt: ""
    steps: Callable[[str], list[str]] = lambda _tag: progress(("[1/2] FROM x", False), ("[2/2] RUN make", False))
    order: list[str] = field(default_factory=list[str])
    commands: list[Command] = field(default_factory=list[Command])
    running: set[str] = field(default_factory=set[str])
    most: int = 0
    killed: list[str] = field(default_factory=list[str])
    hold: dict[str, anyio.Event] = field(default_factory=dict[str, anyio.Event])
    """Builds that wait for an event before they end."""
    images: set[str] = field(default_factory=set[str])
    together: list[list[str]] = field(default_factory=list[list[str]])
    """The targets of each call of bake."""
    bake_fails: bool = False

    def builds(self, name: str) -> int:
        return self.order.count(name)

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        self.commands.append(command)
        words = list(command.argv)
        await anyio.lowlevel.checkpoint()
        if words[1:3] == ["buildx", "build"]:
            return await self._build(command, words, on_line or (lambda _: None))
        if words[1:3] == ["buildx", "bake"]:
            return self._bake(command, words, on_line or (lambda _: None))
        if words[1:3] == ["image", "inspect"]:
            names = words[5:] if "--format" in words else words[3:]
            here = all(name in self.images for name in names)
            text = "sha256:" + names[0] if "--format" in words else json.dumps([_config(name) for name in names])
            return Completed(command.argv, 0 if here else 1, text.encode() if here else b"", "")
        return Completed(command.argv, 0, b"28.0", "")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise AssertionError(f"nothing here streams: {command.argv}")

    def _bake(self, command: Command, words: list[str], on_line: Callable[[str], None]) -> Completed:
        names = words[words.index("--allow") + 2 :]
        self.together.append(names)
        if self.bake_fails:
            return Completed(command.argv, 1, b"", "ERROR")
        for number, name in enumerate(names):
            step = {"digest": f"t{number}", "name": f"[{name} 2/2] RUN make", "cached": True}
            moment = "2026-01-01T00:00:00Z"
            on_line(json.dumps({"vertexes": [{**step, "started": moment, "completed": moment}]}))
        self.images.update(names)
        facts = {
            name: {"containerimage.digest": f"sha256:{name}", "buildx.build.ref": f"x/y/{next(_RECORDS)}"} for name in names
        }
        Path(words[words.index("--metadata-file") + 1]).write_text(json.dumps(facts))
        return Completed(command.argv, 0, b"", "")

    async def _build(self, command: Command, words: list[str], on_line: Callable[[str], None]) -> Completed:
        tag = words[words.index("--tag") + 1]
        self.order.append(tag)
        self.running.add(tag)
        self.most = max(self.most, len(self.running))
        try:
            if tag in self.hold:
                await self.hold[tag].wait()
            await anyio.lowlevel.checkpoint()
        except BaseException:
            self.killed.append(tag)
            raise
        finally:
            self.running.discard(tag)
        last = self.says(tag, self.builds(tag))
        for line in (*self.steps(tag), *([last] if last else [])):
            on_line(line)
        if not last:
            self.images.add(tag)
            facts = {"containerimage.digest": f"sha256:{tag}", "buildx.build.ref": f"x/y/{next(_RECORDS)}"}
            Path(words[words.index("--metadata-file") + 1]).write_text(json.dumps(facts))
        return Completed(command.argv, 1 if last else 0, b"", last)


def _config(image: str) -> dict[str, object]:
    return {"Id": f"sha256:{image}", "Size": 1000, "Config": {}, "RootFS": {"Layers": ["a", "b"]}}
