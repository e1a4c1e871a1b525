"""An engine that only keeps count: every build works, every image is the same, every container stays up."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio.lowlevel

from trimtab.docker import Command, Completed

CONFIG = {"Cmd": ["a"], "Env": ["PATH=/bin"]}


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ROOT = archive({"bin/a": b"a", "app/a.py": b"print()"})
LAYER = archive({"app/a.py": b"print()"})
SAVED = archive(
    {
        "l": LAYER,
        "c": json.dumps({"history": [{"created_by": "COPY . . # buildkit"}]}).encode(),
        "manifest.json": json.dumps([{"Config": "c", "Layers": ["l"]}]).encode(),
    }
)


@dataclass
class FakeEngine:
    """A runner; `before` is called with the number of each command, counted from 1, before it is obeyed."""

    before: Callable[[int], None] = lambda _: None
    containers: dict[str, bool] = field(default_factory=dict[str, bool])
    images: set[str] = field(default_factory=set[str])
    networks: set[str] = field(default_factory=set[str])
    volumes: set[str] = field(default_factory=set[str])
    started: int = 0
    commands: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    build_error: Callable[[str], str] = lambda _: ""
    """The last words of a build by its tag; empty for one that succeeds."""

    @property
    def is_empty(self) -> bool:
        return not (self.containers or self.images or self.networks or self.volumes)

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        text = await self._obeyed(command)
        words = self.build_error(command.argv[command.argv.index("--tag") + 1]) if "--tag" in command.argv else ""
        if words and on_line:
            on_line(words)
        return Completed(command.argv, 1 if words else 0, text, words)

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        sink(await self._obeyed(command))
        return Completed(command.argv, 0, b"", "")

    async def _obeyed(self, command: Command) -> bytes:
        self.commands.append(command.argv)
        self.before(len(self.commands))
        await anyio.lowlevel.checkpoint()
        words = list(command.argv[1:])
        answer = self._answer(words)
        # The command has done its work; being cancelled now is like being killed before the answer was read.
        await anyio.lowlevel.checkpoint()
        return answer

    def _answer(self, words: list[str]) -> bytes:
        match words:
            case ["buildx", "build", *rest]:
                self.images.add(rest[rest.index("--tag") + 1])
            case ["image", "inspect", "--format", *_]:
                return b"sha256:1"
            case ["image", "inspect", *_]:
                data = {"Id": "sha256:1", "Size": 10, "Config": CONFIG, "RootFS": {"Layers": ["l"]}}
                return json.dumps([data]).encode()
            case ["create" | "run", *rest]:
                if "--rm" not in rest:
                    self.started += 1
                    name = f"c{self.started}"
                    self.containers[name] = True
                    return name.encode()
            case ["export", *_]:
                return ROOT
            case ["save", *_]:
                return SAVED
            case ["container", "inspect", name]:
                state = {"Running": self.containers.get(name, False), "ExitCode": 0}
                return json.dumps([{"State": state, "Config": {}}]).encode()
            case ["stop", *_, name]:
                self.containers[name] = False
            case _:
                return self._listed_or_removed(words)
        return b""

    def _listed_or_removed(self, words: list[str]) -> bytes:
        kinds: dict[str, set[str]] = {"network": self.networks, "volume": self.volumes}
        match words:
            case ["network" | "volume" as kind, "create", *_, name]:
                kinds[kind].add(name)
            case ["network" | "volume" as kind, "ls", *_]:
                return "\n".join(kinds[kind]).encode()
            case ["network" | "volume" as kind, "rm", *names]:
                kinds[kind].difference_update(names)
            case ["ps" | "images" as kind, *_]:
                return "\n".join(self.containers if kind == "ps" else self.images).encode()
            case ["rm", *names]:
                self.containers = {name: up for name, up in self.containers.items() if name not in names}
            case ["rmi", *names]:
                self.images.difference_update(names)
            case _:
                pass
        return b""
