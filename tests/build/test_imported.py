"""Which of a builder's records a history takes over."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
import pytest
from fake_builder import progress

from trimtab.build.imported import Imported, import_records
from trimtab.docker import Command, Completed
from trimtab.history import FleetBuildRow, open_store


class Records:
    """A runner that lists builds and prints the log of each."""

    def __init__(self, **begun: str) -> None:
        self.lines = [
            json.dumps(
                {"ref": f"default/default/{name}", "name": name, "status": "Error", "created_at": at, "completed_at": at}
            )
            for name, at in begun.items()
        ]

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        text = self.lines if "ls" in command.argv else progress(("[1/2] FROM x", False), ("[2/2] RUN make", False))
        return Completed(command.argv, 0, "\n".join(text).encode(), "")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise AssertionError(command.argv)


def test_builds_of_the_folder_that_no_run_of_ours_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed build of ours has a record, too, and none in the ledger; an engine builds for other folders."""
    root, client = tmp_path / "fleet", tmp_path / "client"
    places = {"ours": root / "a", "theirs": root / "a", "elsewhere": tmp_path / "other", "resumed": root}
    for name, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        (client / "refs/default/default").mkdir(parents=True, exist_ok=True)
        (client / "refs/default/default" / name).write_text(json.dumps({"LocalPath": str(place)}))
    monkeypatch.setenv("BUILDX_CONFIG", str(client))
    store = open_store(root)
    ledger = store.ledger
    ledger.begin(FleetBuildRow("r1", "2026-01-01T00:00:00.000+00:00", None, 1, 1, None, "default", 1))
    ledger.end("r1", seconds=10, busy=1, bound=1, peak_memory=None, outcome="failed")
    records = Records(
        ours="2026-01-01T00:00:05.123456789Z",
        theirs="2026-01-01T00:01:00.123456789Z",
        elsewhere="2026-01-01T00:01:00.5Z",
        unknown="2026-01-01T00:01:00.5Z",
    )
    assert anyio.run(partial(import_records, records, ledger, root, None, 9)) == Imported(1, 2)
    (row,) = ledger.builds(run="imported")
    assert (row.target, row.outcome, row.cacheable) == ("theirs", "failed", 1)
    assert anyio.run(partial(import_records, records, ledger, root, None, 9)) == Imported(0, 2)
