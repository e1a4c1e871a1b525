"""Builds that were made without trimtab, taken over from the builder's own records."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from trimtab.build.bookkeeping import step_rows
from trimtab.docker import Runner, read_progress
from trimtab.docker.building import build_record_log, build_records
from trimtab.fleet.plain import mapping
from trimtab.history import BuildRow, Ledger
from trimtab.syntax.data import read_json

IMPORTED = "imported"
"""The run that all of them belong to."""


async def import_records(runner: Runner, ledger: Ledger, builder: str | None, limit: int) -> int:
    """Take over finished builds that the ledger does not have; their number.

    A record names no image and no service: the target is the name that buildx gave it, which is its context's folder and
    stage. Records that the builder has dropped, or cannot print, are left out.

    Raises:
        CommandFailed: buildx keeps no records, which it does from version 0.19 on.
    """
    listed = (await runner.run(build_records(builder), timeout=60)).checked()
    found = 0
    for record in list(_records(listed.text))[:limit]:
        identity = str(record.get("ref") or "").rpartition("/")[2]
        if not identity or ledger.has_record(identity) or record.get("status") not in {"Completed", "Error"}:
            continue
        printed = await runner.run(build_record_log(identity, builder), timeout=60)
        if printed.code == 0:
            lines = [*printed.stdout.decode("utf-8", "replace").splitlines(), *printed.stderr.splitlines()]
            ledger.add(_row(record, identity, lines, builder))
            found += 1
    return found


def _records(text: str) -> Iterator[Mapping[str, object]]:
    for line in text.splitlines():
        try:
            yield mapping(read_json(line))
        except ValueError:
            continue


def _row(record: Mapping[str, object], identity: str, lines: list[str], builder: str | None) -> BuildRow:
    log = read_progress(lines)
    started, ended = (_seconds(record.get(key)) for key in ("created_at", "completed_at"))
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


def _seconds(value: object) -> float:
    try:
        return datetime.fromisoformat(str(value)[:26].rstrip("Z") + "+00:00").timestamp()
    except ValueError:
        return 0.0
