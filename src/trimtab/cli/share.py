"""`trimtab bases --share`."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import anyio
from cyclopts import Parameter
from platformdirs import user_cache_path
from rich.console import Group, RenderableType
from rich.table import Table

from trimtab.build import Slots
from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.fix import refuse_dirty, write
from trimtab.cli.options import Common, Loaded, Paths, load, show
from trimtab.docker import ProcessRunner, engine_folder, engine_version
from trimtab.errors import UsageError
from trimtab.fleet import Fleet, rediscover
from trimtab.fleet.compose.apply import Settled, settle
from trimtab.fleet.shared_base import SharedBase, shared_bases
from trimtab.history import new_run
from trimtab.report import evidence as told
from trimtab.report import figures
from trimtab.verify import NOBODYS_FAULT, Laboratory, VerdictKind, broken_off, clean_up
from trimtab.verify.company import Shared
from trimtab.verify.sharing import SharingEvidence, SharingProof


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Sharing:
    """What is done about bases that services could share."""

    prove: Annotated[bool, Parameter(negative="", help="Build every member on both bases, compare and measure.")] = False
    apply: Annotated[bool, Parameter(negative="", help="Write the shared bases that are proven.")] = False
    only: Annotated[tuple[str, ...], Parameter(negative="", help="Shared bases, by name; all when left out.")] = ()
    repeats: Annotated[int, Parameter(help="Interleaved pairs of cold builds.")] = 2
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False


@dataclass(frozen=True)
class _Found:
    plan: SharedBase
    settled: Settled
    evidence: SharingEvidence | None = None

    @property
    def accepted(self) -> bool:
        return self.evidence is not None and self.evidence.verdict.kind is VerdictKind.ACCEPTED


def share_bases(paths: Paths, common: Common, sharing: Sharing) -> int:
    """Propose shared bases, prove them, and write those that hold.

    Raises:
        UsageError: something is to be written that was not proven.
    """
    if sharing.apply and not sharing.prove:
        raise UsageError("Only what is proven is written: pass --prove with --apply.")
    loaded = load(paths, common)
    plans = [plan for plan in shared_bases(loaded.fleet) if not sharing.only or plan.name in sharing.only]
    found = [_Found(plan, settle(loaded.fleet, plan.project, plan.wants)) for plan in plans]
    found = [each for index, each in enumerate(found) if not _overlaps(each, found[:index])]
    if sharing.prove:
        found = anyio.run(_proven, loaded, common, found, sharing.repeats)
    written = [each for each in found if each.accepted and not each.settled.refused] if sharing.apply else []
    texts = _together(loaded.fleet, written)
    there = [path for path in texts if path in loaded.fleet.tree.entries]
    refuse_dirty(loaded, there, allow_dirty=sharing.allow_dirty)
    write(loaded.root, texts)
    show(common, lambda: _data(found, written), lambda: _view(found, written))
    return FINDINGS if len(written) < len(found) else CLEAN


def _overlaps(one: _Found, others: list[_Found]) -> bool:
    """Whether another proposal, by another compose file, changes one of the same Dockerfiles."""
    taken = {path for other in others for path in other.plan.texts}
    return bool(taken & set(one.plan.texts))


def _together(fleet: Fleet, written: list[_Found]) -> Mapping[str, str | None]:
    """The texts of several shared bases, each wired on top of the one before."""
    texts: dict[str, str | None] = {}
    for each in written:
        texts.update(each.plan.texts)
        now = rediscover(fleet, texts)
        project = next((one for one in now.projects if one.files == each.plan.project.files), each.plan.project)
        texts.update(settle(now, project, each.plan.wants).texts)
    return texts


async def _proven(loaded: Loaded, common: Common, found: list[_Found], repeats: int) -> list[_Found]:
    runner = ProcessRunner()
    await engine_version(runner)
    run = new_run()
    folder = user_cache_path("trimtab") / "staging" / run
    folder.mkdir(parents=True)

    def tell(path: str, doing: str) -> None:
        if not common.quiet:
            common.messages.print(f"{path}: {doing}", markup=False)

    laboratory = Laboratory(
        runner, run, loaded.root, folder, Slots(1), loaded.fleet, tell, smoke=loaded.config.smoke_commands(),
        engine_folder=await engine_folder(runner),
    )  # fmt: skip
    proven: list[_Found] = []
    try:
        for each in found:
            try:
                evidence = await SharingProof(laboratory, Shared(laboratory), each.plan, repeats).run()
            except NOBODYS_FAULT as error:
                evidence = SharingEvidence(broken_off(error))
            proven.append(_Found(each.plan, each.settled, evidence))
    finally:
        with anyio.CancelScope(shield=True):
            await clean_up(runner, run)
        shutil.rmtree(folder, ignore_errors=True)
    return proven


def _data(found: list[_Found], written: list[_Found]) -> dict[str, object]:
    return {
        "schema": "trimtab.shared-bases/1",
        "bases": [
            {
                "name": each.plan.name,
                "from": each.plan.base,
                "packages": list(each.plan.packages),
                "dockerfile": each.plan.dockerfile,
                "members": [member.file.path for member in each.plan.members],
                "files": list(each.plan.project.files),
                "not_wired": [reason for _, reason in each.settled.refused],
                "verdict": str(each.evidence.verdict.kind) if each.evidence else None,
                "reason": each.evidence.verdict.reason if each.evidence else None,
                "unique_bytes": each.evidence.unique_bytes if each.evidence else None,
                "cold": [[pair.before, pair.after] for pair in each.evidence.cold.pairs]
                if each.evidence and each.evidence.cold
                else None,
            }
            for each in found
        ],
        "written": [each.plan.name for each in written],
    }


def _view(found: list[_Found], written: list[_Found]) -> RenderableType:
    if not found:
        return "no three services of one base install the same system packages in a way that could be shared"
    parts: list[RenderableType] = []
    for each in found:
        table = Table(title=each.plan.name, title_justify="left", box=None, pad_edge=False, show_header=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row("from", each.plan.base)
        table.add_row("with", ", ".join(each.plan.packages))
        table.add_row("shared by", ", ".join(member.file.path for member in each.plan.members))
        table.add_row("wired in", ", ".join(each.plan.project.files))
        table.add_row("a change of it", f"rebuilds {len(each.plan.members)} images")
        for _, reason in each.settled.refused:
            table.add_row("cannot be wired", reason)
        if each.evidence:
            if each.evidence.unique_bytes:
                table.add_row("unique bytes", _sizes(*each.evidence.unique_bytes))
            if each.evidence.cold:
                table.add_row("cold builds", told.times(each.evidence.cold))
            table.add_row("verdict", f"{each.evidence.verdict.kind}: {each.evidence.verdict.reason}")
        else:
            table.add_row("verdict", "a guess until it is built: --prove")
        parts += [table, ""]
    parts += [f"written: {', '.join([*each.plan.texts, *each.settled.texts])}" for each in written]
    return Group(*parts)


def _sizes(before: int, after: int) -> str:
    return f"{figures.size(before)} → {figures.size(after)} {figures.percent(before, after)}"
