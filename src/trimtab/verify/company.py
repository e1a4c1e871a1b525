"""The volumes, networks and neighbours that a service's container is started with; all of them are thrown away."""

import posixpath
import shutil
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio

from trimtab.build import BuildRequest, build_image
from trimtab.docker import ImageTree, Runner, read_tree
from trimtab.docker import command as argv
from trimtab.errors import CommandFailed
from trimtab.fleet import Fleet, Mount, Service
from trimtab.verify.behave import StartOptions, observe, settled, start_command, start_options
from trimtab.verify.evidence import Behaviour
from trimtab.verify.laboratory import Laboratory

_LEFT_OUT = frozenset({".git", ".trimtab"})
_LARGEST_BIND = 64_000_000
"""Bytes; larger folders of the repository are not copied, and the image's own content is used."""
_MOST_NEIGHBOURS = 6


class Volumes:
    """The volumes of one service over several containers, so that what one has written the next one finds."""

    def __init__(self, runner: Runner, run: str, name: str, root: Path, folder: Path) -> None:
        self._runner = runner
        self._run = run
        self._name = name
        self._root = root
        self._folder = folder

    async def prepare(self, service: Service) -> tuple[str, ...]:
        """What `--volume` is to say: new volumes, and copies of what is bound from the repository.

        A path of the host is never mounted: where it may be a folder an empty volume takes its place, where it is a file
        the image's own one stays.
        """
        found: list[str] = []
        for index, mount in enumerate(service.mounts):
            mode = ":ro" if mount.read_only else ""
            copy = self._copied(service, mount, index)
            if copy is not None:
                found.append(f"{copy}:{mount.target}{mode}")
            elif mount.kind == "volume" or (mount.kind == "bind" and _may_be_folder(mount)):
                volume = f"trimtab-{self._run}-{self._name}-{index}"
                (await self._runner.run(argv.volume_create(volume, self._run))).checked()
                found.append(f"{volume}:{mount.target}{mode}")
        return tuple(found)

    def _copied(self, service: Service, mount: Mount, index: int) -> Path | None:
        source = bound(self._root, service, mount)
        if source is None:
            return None
        target = self._folder / f"bind-{index}"
        if target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        else:
            shutil.copy2(source, target)
        return target


def bound(root: Path, service: Service, mount: Mount) -> Path | None:
    """What of the repository a container gets in a mount; None for what is the host's, is not there, or is too large."""
    if mount.kind != "bind" or mount.source.startswith(("/", "~", "$")):
        return None
    relative = posixpath.normpath(posixpath.join(posixpath.dirname(service.origin), mount.source))
    source = root / relative
    return None if relative.startswith("..") or not source.exists() or _size(source) > _LARGEST_BIND else source


def files_of(source: Path) -> Iterator[Path]:
    """The files of what is bound, in order, but for those that no container gets of it."""
    found = source.rglob("*") if source.is_dir() else [source]
    yield from sorted(path for path in found if _LEFT_OUT.isdisjoint(path.relative_to(source).parts))


def _may_be_folder(mount: Mount) -> bool:
    name = posixpath.basename(mount.target)
    return "." not in name.lstrip(".") and not mount.source.startswith(("/var/run", "/run", "/dev", "/sys", "/proc", "/etc"))


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def neighbours(service: Service, fleet: Fleet) -> Iterator[Service]:
    """Everything that a service depends on, what is depended on first."""
    known = {other.name: other for other in fleet.services if other.origin == service.origin}
    seen: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in seen or name not in known:
            return
        for other in known[name].depends_on:
            visit(other)
        seen[name] = None

    for name in service.depends_on:
        visit(name)
    return (known[name] for name in list(seen)[:_MOST_NEIGHBOURS])


_CHEAP = 600.0
"""Seconds. What takes longer to build is not cheap: one whose package index did not answer was waited for longer."""
_NOT_STARTED = Behaviour("does not start", None, None, None, "what it depends on did not start again")


def _key(service: Service) -> str:
    return f"{service.origin}\0{service.name}"


class Shared:
    """What the experiments of a run share: the files of bases, and the services that others depend on.

    Those are started where that is cheap: built from the fleet, or in the engine already.
    """

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._bases: dict[str, ImageTree | None] = {}
        self._images: dict[str, str | None] = {}
        self._dear: set[str] = set()
        # One for each thing: a neighbour whose build takes minutes holds nobody up who does not need it.
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    async def base(self, name: str) -> ImageTree | None:
        """The files of a base image, None when the engine does not have it by that name."""
        async with self._locks[f"base {name}"]:
            if name not in self._bases:
                try:
                    self._bases[name] = await read_tree(self._laboratory.runner, name, self._laboratory.run)
                except CommandFailed:
                    self._bases[name] = None
            return self._bases[name]

    async def behaviour(self, image: str, options: StartOptions, name: str, *, in_company: bool | None = None) -> Behaviour:
        """An image run alone, and with what it depends on when it does not work alone; or as `in_company` says."""
        laboratory, service = self._laboratory, options.service
        alone = None if in_company else await observe(laboratory.runner, image, laboratory.run, options)
        if alone is not None and (in_company is False or alone.works or service is None or not service.depends_on):
            return alone
        return await self._observe(image, options, name) or alone or _NOT_STARTED

    async def _observe(self, image: str, options: StartOptions, name: str) -> Behaviour | None:
        """How an image behaves beside the services that its own depends on; None when one of those is not to be had."""
        service = options.service
        others = list(neighbours(service, self._laboratory.fleet)) if service else []
        images = await self._images_of(others)
        if service is None or not others or images is None:
            return None
        laboratory = self._laboratory
        async with self._network(name) as network:
            started = [other.name for other in others if await self._start(other, images[other.name], network)]
            if len(started) < len(others):
                return None
            placement = replace(options.placement, network=network, alias=service.name, hosts=())
            options = replace(options, placement=placement, company=tuple(started))
            return await observe(laboratory.runner, image, laboratory.run, options)

    async def _images_of(self, others: Sequence[Service]) -> dict[str, str] | None:
        """The image of each service, None when one is not to be had; none is built for a company that never comes together."""
        images: dict[str, str] = {}
        for other in sorted(others, key=lambda each: each.build is not None):
            found = await self._cheap_image_of(other)
            if found is None:
                return None
            images[other.name] = found
        return images

    async def _cheap_image_of(self, other: Service) -> str | None:
        if _key(other) in self._dear:
            return None
        with anyio.move_on_after(_CHEAP):
            return await self.image_of(other)
        self._dear.add(_key(other))
        return None

    async def image_of(self, other: Service) -> str | None:
        """The image of a service: built from the fleet, or in the engine; None when it is not to be had."""
        key = _key(other)
        async with self._locks[key]:
            if key not in self._images:
                self._images[key] = await self._find(other)
            return self._images[key]

    async def _find(self, other: Service) -> str | None:
        laboratory = self._laboratory
        build = other.build
        if build is None:
            result = await laboratory.runner.run(argv.image_inspect(other.image or ""))
            return other.image if result.code == 0 else None
        if build.context is None or build.dockerfile is None or build.additional_contexts:
            return None
        request = BuildRequest(
            str(laboratory.root / build.context), str(laboratory.root / build.dockerfile),
            f"trimtab-{laboratory.run}:beside-{other.name.lower()}", laboratory.run, build.target, build.args,
        )  # fmt: skip
        built = await build_image(laboratory.runner, request)
        return built.image.id if built.image else None

    @asynccontextmanager
    async def _network(self, name: str) -> AsyncGenerator[str]:
        """A network of its own; everything in it is gone afterwards."""
        laboratory = self._laboratory
        network = f"trimtab-{laboratory.run}-{name}"
        (await laboratory.runner.run(argv.network_create(network, laboratory.run))).checked()
        try:
            yield network
        finally:
            with anyio.CancelScope(shield=True):
                found = (await laboratory.runner.run(argv.containers_in(network, laboratory.run))).text.split()
                if found:
                    await laboratory.runner.run(argv.remove(*found))
                await laboratory.runner.run(argv.remove_networks(network))

    async def _start(self, other: Service, image: str, network: str) -> bool:
        laboratory = self._laboratory
        options = start_options(other, laboratory.fleet.services)
        options = replace(options, placement=argv.Placement(network=network, alias=other.name, tmpfs=other.tmpfs))
        began = time.monotonic()
        done = await laboratory.runner.run(start_command(image, laboratory.run, options))
        if done.code != 0:
            return False
        state = await settled(laboratory.runner, done.text.splitlines()[-1], began)
        return state in {"healthy", "running"}
