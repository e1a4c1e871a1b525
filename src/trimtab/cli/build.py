"""`trimtab build`."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.build import Done, Graph, RunResult, Wanted, build_graph
from trimtab.build.affected import Reach, affected
from trimtab.build.audit import judge_audit
from trimtab.build.bookkeeping import estimates, row_of, still_built
from trimtab.build.laid_out import laid_out, left_out
from trimtab.build.run import FleetBuild
from trimtab.build.seen import Seen
from trimtab.build.settings import Settings, find_builders
from trimtab.build.since import counts, fleet_before
from trimtab.build.triggers import asked_for_triggers
from trimtab.cli.app import CLEAN, FINDINGS, INTERRUPTED
from trimtab.cli.live import interruptible
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, load, show
from trimtab.cli.projects import of_the_rest, tell_unread
from trimtab.cli.watching import BuildWatcher, watching
from trimtab.docker import Builder, ProcessRunner, Runner
from trimtab.docker.command import image_id
from trimtab.docker.engine_socket import engine_runner
from trimtab.errors import UsageError
from trimtab.fleet import DiskTree, discover
from trimtab.git import changes_since, export_revision, head
from trimtab.history import FleetBuildRow, Ledger, Store, new_run, opened
from trimtab.report.build import audit_data, audit_view, build_page, build_view, explained_view, problem_lines, result_data


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Which:
    """Which targets are built."""

    service: Annotated[
        tuple[str, ...], Parameter(name=["--service", "-s"], negative="", help="Services or targets, with all that they need.")
    ] = ()
    all: Annotated[bool, Parameter(negative="", help="Variant compose files and Dockerfiles that nothing names, too.")] = False
    since: Annotated[str, Parameter(help="Build only what a change since this git revision reaches, with the reasons.")] = ""
    changed: Annotated[bool, Parameter(negative="", help="The same for what is not committed yet: since HEAD.")] = False
    explain: Annotated[bool, Parameter(negative="", help="Say why each target is in or out, and build nothing.")] = False
    audit: Annotated[
        bool,
        Parameter(
            negative="", help="Build everything as it was in the revision and as it is, and say what --since would have missed."
        ),
    ] = False
    resume: Annotated[
        bool, Parameter(negative="", help="Leave out what the last run has built, if it still is what would be built.")
    ] = False

    @property
    def revision(self) -> str:
        """The revision that is compared with; empty for none.

        Raises:
            UsageError: what is asked does not go together.
        """
        if self.since and self.changed:
            raise UsageError("--changed is --since HEAD: pass one of them.")
        if (self.explain or self.audit) and not (self.since or self.changed):
            raise UsageError("--explain and --audit are about a revision: pass --since REF, or --changed.")
        return self.since or ("HEAD" if self.changed else "")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class How:
    """How they are built."""

    jobs: Annotated[int, Parameter(name=["--jobs", "-j"], help="Builds at once on each builder; 0 means one per core.")] = 0
    fail_fast: Annotated[bool, Parameter(negative="", help="End the run at the first failure.")] = False
    retry: Annotated[bool, Parameter(help="Try again where the network or the engine failed, never where a build did.")] = True
    builder: Annotated[
        tuple[str, ...], Parameter(negative="", help="A buildx builder; several share the targets between them.")
    ] = ()
    pull: Annotated[bool, Parameter(negative="", help="Ask the registry for newer bases.")] = False
    push: Annotated[bool, Parameter(negative="", help="Push each image to its tags.")] = False
    by_digest: Annotated[bool, Parameter(negative="", help="Push without a tag, to be named by digest.")] = False
    platform: Annotated[tuple[str, ...], Parameter(negative="", help="`linux/amd64`; several need --push.")] = ()
    cache_from: Annotated[
        tuple[str, ...], Parameter(negative="", help="As for buildx; `{target}` is put in, or a scope for each target added.")
    ] = ()
    cache_to: Annotated[tuple[str, ...], Parameter(negative="", help="The same for exporting.")] = ()
    lay_out: Annotated[
        Path | None, Parameter(help="Lay each image out in this folder, too, for a run elsewhere to start from.")
    ] = None
    given: Annotated[
        Path | None, Parameter(help="Start from the images that such a run has laid out here, instead of building them.")
    ] = None
    sbom: Annotated[bool, Parameter(negative="", help="Attach an SBOM to each image.")] = False
    provenance: Annotated[str, Parameter(help="Attach provenance: `min` or `max`.")] = ""

    @property
    def platforms(self) -> tuple[str, ...]:
        """Each by itself: several may be said at once, with commas, as for buildx."""
        return tuple(each.strip() for said in self.platform for each in said.split(",") if each.strip())


@dataclass(frozen=True)
class _Job:
    """What one run is to do."""

    loaded: Loaded
    common: Common
    graph: Graph
    which: Which
    how: How
    reasons: Mapping[str, Reach]


def build(paths: Paths = (), /, *, which: Which | None = None, how: How | None = None, common: Common | None = None) -> int:
    """Build the images of a fleet: only what changed, in the best order, with a ledger of what each build really did.

    PATH is a folder, or compose files, bake files and Dockerfiles of one. A failing build does not end the others. With
    `--format json` each event is a line of its own, and the last line is the result.
    """
    which, how, common = which or Which(), how or How(), common or Common()
    revision = which.revision
    if how.jobs < 0:
        raise UsageError(f"`--jobs {how.jobs}` is none: it is how many are built at once, or 0 for one per core.")
    loaded = load(paths, common, RuleChoice(offline=True), reviews=False)
    unread = tell_unread(loaded.fleet, common, loaded.chosen)
    loaded = replace(loaded, fleet=anyio.run(asked_for_triggers, ProcessRunner(), loaded.fleet))
    graph = build_graph(loaded.fleet, loaded.root.name, Wanted(loaded.chosen, which.service, which.all))
    unknown = next((problem for problem in graph.problems if problem.startswith("nothing is built for")), None)
    if unknown or not graph.targets:
        raise UsageError(unknown or f"There is nothing to build below `{loaded.root}`.")
    if not common.quiet:
        for line in problem_lines(graph):
            common.messages.print(f"[yellow]note:[/yellow] {line}", soft_wrap=True)
    none: Mapping[str, Reach] = {}
    reasons = anyio.run(_reasons, loaded, common, graph, which, revision) if revision else none
    job = _Job(loaded, common, graph, which, how, reasons)
    if which.explain:
        data = {name: list(reach.reasons) for name, reach in reasons.items()}
        show(common, lambda: {"schema": "trimtab.affected/1", "targets": data}, lambda: explained_view(graph, reasons))
        return of_the_rest(CLEAN, unread)
    with opened(loaded.root) as store:
        return of_the_rest(anyio.run(_audited if which.audit else _run, job, store), unread)


async def _reasons(loaded: Loaded, common: Common, graph: Graph, which: Which, revision: str) -> Mapping[str, Reach]:
    runner = ProcessRunner()
    changes = await changes_since(runner, loaded.root, revision)
    fleet, changed = await fleet_before(runner, loaded.root, loaded.fleet, changes)
    before = build_graph(fleet, loaded.root.name, Wanted(loaded.chosen, which.service, which.all))
    found = affected(graph, before, changed)
    if not common.quiet:
        reached = sum(reach.affected for reach in found.values())
        text = f"since {changes.base[:12]}: {counts(changes.statuses)}; {reached} of {len(found)} targets are affected"
        common.messages.print(text, markup=False)
    return found


async def _run(job: _Job, store: Store) -> int:
    skip = {name: "no change reaches it" for name, reach in job.reasons.items() if not reach.affected}
    result = await _built(job, store, job.loaded.root, job.graph, skip)
    _tell(job, result)
    return INTERRUPTED if result.interrupted else FINDINGS if result.failed else CLEAN


async def _built(job: _Job, store: Store, root: Path, graph: Graph, skip: Mapping[str, str]) -> RunResult:
    """One run from its first note in the ledger to its last."""
    runner = await engine_runner()
    builders, folder = await find_builders(runner, job.how.builder)
    given = _given(job, graph)
    settings = _settings(job, builders, folder, given)
    settings.check()
    ledger, run = store.ledger, new_run()
    skip = {**skip, **await _resumed(job, runner, graph, ledger)}
    skip = await _without_missing(runner, graph, skip, settings)
    skip |= left_out(graph, _asked(job, graph), given)
    revision = await head(runner, root)
    where = store.folder / "runs" / run
    where.mkdir(parents=True)
    names = tuple(graph.targets)
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    ledger.begin(
        FleetBuildRow(
            run, started, None, os.getpid(), settings.jobs * len(builders), revision, ",".join(b.name for b in builders),
            len(names) - len(skip),
        )
    )  # fmt: skip

    def keep(done: Done, seen: Seen | None) -> None:
        ledger.add(row_of(done, graph.targets[done.name], run, revision), seen.data() if seen else None)

    known = estimates(graph, ledger)
    with watching(job.common, known, len(names) - len(skip)) as watcher:
        fleet_build = FleetBuild(
            runner, root, graph, names, settings, watcher, run, where, ledger, skip, known, keep
        )  # fmt: skip
        result = await _until_interrupted(fleet_build, watcher)
        outcome = "interrupted" if result.interrupted else "failed" if result.failed else "done"
        ledger.end(
            run, seconds=result.seconds, busy=result.busy, bound=result.bound, peak_memory=result.peak_memory, outcome=outcome
        )
        (where / "build.html").write_text(build_page(result, job.reasons), encoding="utf-8")
        watcher.finished(result_data(result, job.reasons))
    return result


async def _until_interrupted(fleet_build: FleetBuild, watcher: BuildWatcher) -> RunResult:
    with watcher.shown():
        return await interruptible(fleet_build.run) or fleet_build.partial()


def _given(job: _Job, graph: Graph) -> Mapping[str, str]:
    """What another run has laid out, without what is asked for by name: that is to be built here.

    Raises:
        UsageError: there is no such folder, or what it holds is no image.
    """
    others = [name for name in graph.targets if name not in _asked(job, graph)]
    return laid_out(job.how.given.resolve(), others) if job.how.given else {}


def _asked(job: _Job, graph: Graph) -> set[str]:
    """The targets that are asked for by name."""
    names = set(job.which.service)
    return {name for name, target in graph.targets.items() if not target.called.isdisjoint(names)}


def _settings(
    job: _Job, builders: tuple[Builder, ...], folder: Path | None, given: Mapping[str, str]
) -> Settings:  # fmt: skip
    how = job.how
    if how.provenance not in {"", "min", "max"}:
        raise UsageError(f"`--provenance {how.provenance}` is none: it is `min` or `max`.")
    return Settings(
        builders,
        jobs=how.jobs or job.loaded.config.jobs or os.cpu_count() or 2,
        fail_fast=how.fail_fast, retries=how.retry, no_cache=job.common.no_cache, pull=how.pull, push=how.push,
        by_digest=how.by_digest, platforms=how.platforms, cache_from=how.cache_from, cache_to=how.cache_to, sbom=how.sbom,
        provenance=how.provenance or None, lay_out=how.lay_out.resolve() if how.lay_out else None, given=given,
        engine_folder=folder,
    )  # fmt: skip


async def _resumed(job: _Job, runner: Runner, graph: Graph, ledger: Ledger) -> Mapping[str, str]:
    if not job.which.resume:
        return {}
    if not ledger.runs(1):
        raise UsageError("There is no run to resume: nothing was built here with trimtab yet.")
    found = await still_built(runner, job.loaded.root, graph, ledger)
    return {name: f"built in run {run}, and nothing of it changed since" for name, run in found.items()}


async def _without_missing(runner: Runner, graph: Graph, skip: Mapping[str, str], settings: Settings) -> dict[str, str]:
    """What may be left out: an image that others are built from has to be where they are built."""
    kept = dict(skip)
    local = all(builder.in_engine for builder in settings.builders)
    changed = True
    while changed:
        changed = False
        for name in list(kept):
            wanted = any(each not in kept for each in graph.dependants[name])
            if wanted and not (local and (await runner.run(image_id(graph.targets[name].tags[0]))).code == 0):
                del kept[name]
                changed = True
    return kept


def _tell(job: _Job, result: RunResult) -> None:
    if job.common.format != "json":
        show(job.common, dict, lambda: build_view(result, job.reasons))
    if not job.common.quiet:
        job.common.messages.print(f"waterfall: {result.folder / 'build.html'}", markup=False, soft_wrap=True)
    if result.interrupted:
        job.common.messages.print("interrupted: what is built stays, and `trimtab build --resume` goes on from there")


async def _audited(job: _Job, store: Store) -> int:
    """Builds everything twice, as it was and as it is, and holds the images that differ against what was expected."""
    runner = ProcessRunner()
    changes = await changes_since(runner, job.loaded.root, job.which.revision)
    folder = Path(tempfile.mkdtemp(prefix="trimtab-audit-"))
    try:
        before = folder / job.loaded.root.name
        await export_revision(runner, job.loaded.root, changes.base, before)
        fleet = discover(DiskTree(before), job.loaded.fleet.options)
        old_graph = build_graph(fleet, job.loaded.root.name, Wanted(job.loaded.chosen, job.which.service, job.which.all))
        quiet = replace(job, common=replace(job.common, format="text"), which=replace(job.which, resume=False))
        old = await _built(quiet, store, before, old_graph, {})
        new = await _built(quiet, store, job.loaded.root, job.graph, {})
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if old.interrupted or new.interrupted:
        return INTERRUPTED
    audit = judge_audit(old.done, new.done, job.reasons)
    show(job.common, lambda: audit_data(audit, changes.base), lambda: audit_view(audit))
    return FINDINGS if audit.missed or audit.unknown else CLEAN
