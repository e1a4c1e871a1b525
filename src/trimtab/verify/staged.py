"""One build of a Dockerfile whose context is staged: any text of it can be built there, any number of times."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import anyio.to_thread

from trimtab.build import BuildRequest, BuildResult, Slots, build_image
from trimtab.build.patience import patiently
from trimtab.docker import ImageTree, Runner, read_tree
from trimtab.docker.command import images_named, remove_names
from trimtab.docker.layers import Image, read_layers
from trimtab.errors import ToolError
from trimtab.fleet import Build, BuildContext, FleetFile
from trimtab.verify.laboratory import Laboratory
from trimtab.verify.workspace import Workspace

_REMOVAL = 300.0


@dataclass
class Staged:
    """A context in a folder of its own, and the means to build from it. Builds take a slot of the laboratory."""

    laboratory: Laboratory
    file: FleetFile
    build: Build
    context: BuildContext
    number: int
    texts: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    """Files of the fleet that are to be staged with another text."""
    workspace: Workspace = field(init=False)

    def __post_init__(self) -> None:
        folder = self.laboratory.folder / str(self.number)
        self.workspace = Workspace(folder, self.laboratory.root, self.context, self.texts)

    @property
    def runner(self) -> Runner:
        return self.laboratory.runner

    @property
    def slots(self) -> Slots:
        return self.laboratory.slots

    def tell(self, doing: str) -> None:
        """Say what is being done."""
        self.laboratory.progress(self.file.path, doing)

    async def stage(self) -> None:
        """Copy the context.

        Raises:
            OSError: the disk is full, or a file cannot be read.
        """
        async with self.slots.one():
            self.tell("staging the context")
            await anyio.to_thread.run_sync(self.workspace.stage)

    async def built(self, name: str, text: str, *, no_cache: bool = False) -> BuildResult:
        """Build a text of the Dockerfile, again after a pause where the network failed."""
        attempt = partial(self._built_once, name, text, no_cache=no_cache)
        result, _ = await patiently(self.runner, attempt, self.tell)
        return result

    async def _built_once(self, name: str, text: str, *, no_cache: bool) -> BuildResult:
        async with self.slots.one():
            return await self.build_now(name, text, no_cache=no_cache)

    async def build_now(
        self, name: str, text: str, *, no_cache: bool = False, proxies: Mapping[str, str] | None = None
    ) -> BuildResult:
        """The same for a caller that holds slots already. `proxies` are predefined build arguments, which no cache sees."""
        request = BuildRequest(
            context=str(self.workspace.context_path),
            dockerfile=self.workspace.dockerfile(name, text),
            tag=self._tag(name),
            run=self.laboratory.run,
            target=self.build.target,
            args={**self.build.args, **(proxies or {})},
            contexts={key: self._context_value(value) for key, value in self.build.additional_contexts.items()},
            no_cache=no_cache,
        )
        return await build_image(self.runner, request)

    async def forget_all(self) -> None:
        """Remove everything that was built here, but what is in use under another name, too. What cannot be stays: it carries
        the run's label, by which everything goes at the end.
        """
        with suppress(ToolError):
            found = (await self.runner.run(images_named(self._tag("*")))).text.split()
            if found:
                await self.runner.run(remove_names(*found), timeout=_REMOVAL)

    async def forget(self, name: str) -> None:
        """The same of what was built last under one name."""
        with suppress(ToolError):
            await self.runner.run(remove_names(self._tag(name)), timeout=_REMOVAL)

    def _tag(self, name: str) -> str:
        return f"trimtab-{self.laboratory.run}:{self.number}-{name}"

    def _context_value(self, value: str) -> str:
        return value if ":" in value else str(self.laboratory.root / value)

    async def sent(self, name: str, text: str) -> BuildResult:
        """A build to which the whole context has to be sent; with everything else cached, it costs little."""
        async with self.slots.one():
            self.workspace.make_unknown()
            return await self.build_now(name, text)

    async def tree(self, image: str) -> ImageTree:
        """An image's files."""
        async with self.slots.one():
            return await read_tree(self.runner, image, self.laboratory.run)

    async def layers(self, image: str) -> Image:
        """An image's layers."""
        async with self.slots.one():
            return await read_layers(self.runner, image)
