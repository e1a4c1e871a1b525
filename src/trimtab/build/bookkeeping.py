"""From ends to rows of the ledger, and from the ledger to what a run may leave out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from trimtab.build.graph import Graph
from trimtab.build.inputs import knows_all, read_files
from trimtab.build.outcome import Done, Outcome
from trimtab.build.seen import look, seen_from
from trimtab.build.target import Target
from trimtab.docker import BuildLog, Runner
from trimtab.docker.command import image_id
from trimtab.history import BuildRow, Ledger, StepRow

_EVERY_BUILD, _INSTALL, _COMMAND = 2.0, 12.0, 2.0
_BYTES_A_SECOND = 50_000_000
"""The prediction for a target that was never built here: rough figures of builds on two cores with a near package index."""


def row_of(done: Done, target: Target, run: str, revision: str | None) -> BuildRow:
    """One end as the ledger keeps it."""
    log = done.log
    return BuildRow(
        run=run,
        target=done.name,
        services=",".join(target.services),
        builder=done.builder,
        revision=revision,
        started=_iso(done.started),
        begins=done.begins,
        seconds=done.seconds,
        worked=log.worked if log else 0.0,
        outcome=str(done.outcome),
        reason=done.reason,
        attempts=done.attempts,
        cacheable=log.cacheable_steps if log else 0,
        cached=log.cached_steps if log else 0,
        context_bytes=log.context_bytes if log else 0,
        pulled_bytes=log.pulled_bytes if log else 0,
        image=done.image,
        image_bytes=done.image_bytes,
        layers=done.layers,
        missed=done.missed,
        cause=done.cause,
        fingerprint=done.fingerprint,
        record=done.record.rpartition("/")[2],
        steps=step_rows(log, done.started) if log else (),
    )


def step_rows(log: BuildLog, started: float) -> tuple[StepRow, ...]:
    """The steps that were begun, by their labels; the beginning counts from the build's."""
    return tuple(
        StepRow(step.label, step.keyword, step.cached, max(0.0, step.started - started), step.seconds, step.error)
        for step in log.steps
        if step.completed or step.error
    )


def _iso(started: float) -> str:
    moment = datetime.fromtimestamp(started, UTC) if started else datetime.now(UTC)
    return moment.isoformat(timespec="milliseconds")


def estimates(graph: Graph, ledger: Ledger | None) -> Mapping[str, float]:
    """Seconds that each target is likely to take: measured where it was built before, predicted from its Dockerfile else."""
    known = ledger.estimates() if ledger else {}
    return {name: known.get(name) or _predicted(target) for name, target in graph.targets.items()}


def _predicted(target: Target) -> float:
    runs = [run for stage in target.stages for run in stage.runs]
    installs = sum(bool(run.installs) for run in runs)
    size = sum(entry.size for entry in read_files(target).values())
    return _EVERY_BUILD + _INSTALL * installs + _COMMAND * (len(runs) - installs) + size / _BYTES_A_SECOND


async def still_built(runner: Runner, root: Path, graph: Graph, ledger: Ledger) -> Mapping[str, str]:
    """The targets that the last runs, back to one that ended well, built from what is there now and that the engine has.

    Their names to the run. Whether a base has another digest in a registry is not asked; what reads more than the fleet's
    files is built anew.
    """
    found: dict[str, str] = {}
    for row in _last_built(ledger).values():
        target = graph.targets.get(row.target)
        before = seen_from(ledger.inputs(row.target)) if target else None
        if target is None or before is None or not row.image or before.fingerprint != row.fingerprint:
            continue
        if not knows_all(target):
            continue
        now = look(root, target, before.bases, before.builder, before)
        here = await runner.run(image_id(target.tags[0]))
        if now.fingerprint == row.fingerprint and here.text == row.image:
            found[row.target] = row.run
    # What is built from something that is built anew is not what it was.
    while stale := [name for name in found if any(each not in found for each in graph.needs[name])]:
        for name in stale:
            del found[name]
    return found


def left_behind(root: Path, graph: Graph, ledger: Ledger) -> Mapping[str, str]:
    """The targets whose last build here was from other files or another Dockerfile than those that are there now.

    Their names to the ids of the images that were made then. Arguments do not count: they may come from the environment of
    whoever builds. Nothing is said of targets that were never built here.
    """
    images: dict[str, str] = {}
    changed: set[str] = set()
    for name, target in graph.targets.items():
        last, before = next(iter(ledger.last(name, 1, ("built",))), None), seen_from(ledger.inputs(name))
        if last is None or before is None or not last.image or before.fingerprint != last.fingerprint:
            continue
        images[name] = last.image
        now = replace(look(root, target, before.bases, before.builder, before), arguments=before.arguments)
        if now.fingerprint != before.fingerprint:
            changed.add(name)
    # What is built from something that is no more what it was is not either.
    while more := {name for name in images if name not in changed and not changed.isdisjoint(graph.needs[name])}:
        changed |= more
    return {name: images[name] for name in graph.targets if name in changed}


def _last_built(ledger: Ledger) -> Mapping[str, BuildRow]:
    found: dict[str, BuildRow] = {}
    for run in ledger.runs(100):
        for row in ledger.builds(run=run.run):
            if row.outcome == Outcome.BUILT:
                found.setdefault(row.target, row)
        if run.outcome == "done":
            break
    return found
