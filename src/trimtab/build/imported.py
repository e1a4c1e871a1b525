"""Builds that were made without trimtab, taken over from the builder's own records."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from trimtab.build.bookkeeping import step_rows
from trimtab.docker import Runner, read_progress
from trimtab.docker.building import build_record_log, build_records
from trimtab.docker.containers import timestamp
from trimtab.fleet.plain import mapping
from trimtab.history import BuildRow, Ledger
from trimtab.syntax.data import read_json

IMPORTED = "imported"
"""The run that all of them belong to."""
_RUNS = 1000


@dataclass(frozen=True, slots=True)
class Imported:
    """How many records were taken over, and how many stay where they are."""

    taken: int = 0
    elsewhere: int = 0
    """Of other folders, or of nobody knows which: an engine builds for whoever asks it."""


async def import_records(runner: Runner, ledger: Ledger, root: Path, builder: str | None, limit: int) -> Imported:
    """Take over finished builds of a folder that the ledger does not have.

    A record names no image and no service: the target is the name that buildx gave it, which is its context's folder and
    stage. Where the context was is in what the client keeps of its builds; what was begun while a run of ours went on was
    begun by it. Records that the builder has dropped, or cannot print, are left out.

    Raises:
        CommandFailed: buildx keeps no records, which it does from version 0.19 on.
    """
    listed = (await runner.run(build_records(builder), timeout=60)).checked()
    ours = _own_runs(ledger)
    found = elsewhere = 0
    for record in list(_records(listed.text))[:limit]:
        reference = str(record.get("ref") or "")
        identity = reference.rpartition("/")[2]
        if not identity or ledger.has_record(identity) or record.get("status") not in {"Completed", "Error"}:
            continue
        if not _is_below(reference, root):
            elsewhere += 1
            continue
        begun = timestamp(str(record.get("created_at")))
        if any(start <= begun <= end for start, end in ours):
            continue
        printed = await runner.run(build_record_log(identity, builder), timeout=60)
        if printed.code == 0:
            lines = [*printed.stdout.decode("utf-8", "replace").splitlines(), *printed.stderr.splitlines()]
            ledger.add(_row(record, identity, lines, builder))
            found += 1
    return Imported(found, elsewhere)


def _own_runs(ledger: Ledger) -> list[tuple[float, float]]:
    """From when to when our own runs went on. Their failed builds and earlier attempts have no record in the ledger."""
    spans: list[tuple[float, float]] = []
    for run in ledger.runs(_RUNS):
        start = timestamp(run.started)
        ends = [start + (run.seconds or 0.0)]
        if run.seconds is None:
            ends += [timestamp(row.started) + row.seconds for row in ledger.builds(run=run.run)]
        # Both clocks are this machine's, or nearly: the engine may be another one.
        spans.append((start - 1, max(ends) + 1))
    return spans


def _is_below(reference: str, root: Path) -> bool:
    """Whether a build's context was in a folder, by what the client has noted of it (buildx, `localstate`)."""
    try:
        state = mapping(read_json((_client_folder() / "refs" / reference).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False
    place = Path(str(state.get("LocalPath") or "-"))
    return place.is_absolute() and place.resolve().is_relative_to(root.resolve())


def _client_folder() -> Path:
    said = os.environ.get("BUILDX_CONFIG")
    return Path(said) if said else Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "buildx"


def _records(text: str) -> Iterator[Mapping[str, object]]:
    for line in text.splitlines():
        try:
            yield mapping(read_json(line))
        except ValueError:
            continue


def _row(record: Mapping[str, object], identity: str, lines: list[str], builder: str | None) -> BuildRow:
    log = read_progress(lines)
    started, ended = (timestamp(str(record.get(key))) for key in ("created_at", "completed_at"))
    missed = log.first_missed
    return BuildRow(
        run=IMPORTED,
        target=str(record.get("name") or "unnamed"),
        services="",
        builder=builder or str(record["ref"]).partition("/")[0],
        revision=None,
        started=str(record.get("created_at") or "")[:23] + "+00:00",
        begins=0.0,
        seconds=max(0.0, ended - started),
        worked=log.worked,
        outcome="built" if record.get("status") == "Completed" else "failed",
        reason=log.error,
        cacheable=log.cacheable_steps,
        cached=log.cached_steps,
        context_bytes=log.context_bytes,
        pulled_bytes=log.pulled_bytes,
        missed=missed.label if missed else "",
        cause="it was built without trimtab" if missed else "",
        record=identity,
        steps=step_rows(log, started),
    )
