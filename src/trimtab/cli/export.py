"""`trimtab export`."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import anyio
from cyclopts import App, Parameter

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.deploying import Stack, find_stack
from trimtab.cli.options import Common, Paths, show
from trimtab.deploy.desired import Desired
from trimtab.deploy.project import ask_desired, project_of
from trimtab.deploy.targets.files import place_files
from trimtab.deploy.targets.image_checks import image_checks
from trimtab.deploy.targets.kubernetes import KubernetesOptions, export_kubernetes
from trimtab.deploy.targets.loss import Exported
from trimtab.deploy.targets.swarm import SwarmOptions, export_swarm
from trimtab.docker import ProcessRunner, Runner
from trimtab.errors import UsageError
from trimtab.fleet.plain import mapping, text
from trimtab.report.export import Export, export_data, export_view

export = App(name="export", help="Say a compose project in another orchestrator's words, and what is lost on the way.")
_QUANTITY = re.compile(r"[1-9]\d*([KMGT]i?|k)?")
_LARGEST = 1024 * 1024
"""What Kubernetes takes for one ConfigMap, in bytes (`Motivation` of its documentation on ConfigMaps)."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Where:
    """Options of every export."""

    output_dir: Annotated[Path, Parameter(help="The folder for the files; only files of an earlier export are replaced.")]
    image: Annotated[
        tuple[str, ...], Parameter(negative="", help="A service's image, best by digest: `web=registry/web@sha256:…`.")
    ] = ()
    strict: Annotated[bool, Parameter(negative="", help="Exit with 1 when something is lost.")] = False


@dataclass(frozen=True)
class _Asked:
    """An export as it was asked for."""

    stack: Stack
    where: Where
    common: Common
    runner: Runner


@export.command
def k8s(
    paths: Paths = (),
    /,
    *,
    where: Where,
    liveness: Annotated[bool, Parameter(negative="", help="Restart what is unhealthy, which compose does not.")] = False,
    wait_image: Annotated[
        str | None, Parameter(help="An image with `nc`, to wait until what a service needs is ready.")
    ] = None,
    volume_size: Annotated[str, Parameter(help="How much to claim for each volume.")] = "1Gi",
    common: Common | None = None,
) -> int:
    """Write Kubernetes manifests for a compose project, one file for each service, and say what they do not carry over.

    PATH is a folder, or the compose files in override order. Compose itself reads them. No value of a credential is written:
    Secrets hold placeholders. Exits with 1 when something is lost and `--strict` is passed, and with 2 when compose cannot read
    the project.
    """
    if not _QUANTITY.fullmatch(volume_size):
        raise UsageError(f"`{volume_size}` is no size; write `--volume-size 10Gi`.")
    common = common or Common()
    stack = find_stack(paths, common)

    def made(desired: Desired, images: Mapping[str, str]) -> Exported:
        fleet, root = stack.loaded.fleet, stack.loaded.root
        checks = image_checks(fleet, [os.path.relpath(file, root).replace(os.sep, "/") for file in stack.files])
        options = KubernetesOptions(images, _config_texts(desired), checks, liveness, wait_image, volume_size)
        return export_kubernetes(project_of(desired), options)

    return _export("kubernetes", _Asked(stack, where, common, ProcessRunner()), made)


@export.command
def swarm(
    paths: Paths = (),
    /,
    *,
    where: Where,
    endpoint_mode: Annotated[
        Literal["vip", "dnsrr"] | None, Parameter(help="How services are found: a kernel without IPVS needs `dnsrr`.")
    ] = None,
    monitor: Annotated[int | None, Parameter(help="Seconds a new task is watched for; by its check when left out.")] = None,
    common: Common | None = None,
) -> int:
    """Write a stack file for a Docker swarm, and say what it does not carry over.

    PATH is a folder, or the compose files in override order. Compose itself reads them. No value of a credential is written:
    the shell that deploys has to have it. Exits with 1 when something is lost and `--strict` is passed, and with 2 when compose
    cannot read the project.
    """
    if monitor is not None and monitor < 1:
        raise UsageError("`--monitor` is a number of seconds, at least 1.")
    common = common or Common()
    stack = find_stack(paths, common)

    def made(desired: Desired, images: Mapping[str, str]) -> Exported:
        return export_swarm(project_of(desired), SwarmOptions(images, endpoint_mode, monitor))

    return _export("swarm", _Asked(stack, where, common, ProcessRunner()), made)


def _export(target: str, asked: _Asked, made: Callable[[Desired, Mapping[str, str]], Exported]) -> int:
    desired = anyio.run(_desired, asked.runner, asked.stack)
    for warning in desired.warnings if not asked.common.quiet else ():
        asked.common.messages.print(f"[yellow]note:[/yellow] {warning}", soft_wrap=True)
    exported = made(desired, _images(asked.where.image, desired))
    placed = place_files(exported, asked.where.output_dir)
    result = Export(target, desired.project, str(asked.where.output_dir), exported, placed, tuple(sorted(desired.others)))
    show(asked.common, lambda: export_data(result), lambda: export_view(result))
    return FINDINGS if asked.where.strict and exported.lost else CLEAN


async def _desired(runner: Runner, stack: Stack) -> Desired:
    return await ask_desired(runner, stack.folder, stack.files)


def _images(given: tuple[str, ...], desired: Desired) -> Mapping[str, str]:
    """The images that were named for services.

    Raises:
        UsageError: a word is no `service=image`, or there is no such service.
    """
    found: dict[str, str] = {}
    for word in given:
        service, equals, image = word.partition("=")
        if not equals or not image:
            raise UsageError(f"`--image {word}` says no image; write `--image web=registry/web@sha256:…`.")
        if service not in desired.services:
            raise UsageError(f"There is no service `{service}`; there are {', '.join(desired.services)}.")
        found[service] = image
    return found


def _config_texts(desired: Desired) -> Mapping[str, str]:
    """The texts of configuration files by path; one that is not to be had, too large, or no text is left out."""
    found: dict[str, str] = {}
    for config in mapping(desired.top.get("configs")).values():
        path = text(mapping(config).get("file"))
        try:
            if path and Path(path).stat().st_size <= _LARGEST:
                found[path] = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    return found
