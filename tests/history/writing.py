"""One of several processes that write to one history: `python writing.py FOLDER NAME ROUNDS`. Waits for a line before it starts."""

import sys
from pathlib import Path

from trimtab.history import BuildRow, FleetBuildRow, StepRow, open_store
from trimtab.history.containers import Place
from trimtab.history.usage import HOUR, MINUTE, MINUTES_KEPT, Subject, Usage


def main() -> None:
    folder, name, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    store = open_store(folder)
    steps = (StepRow("RUN make", "RUN", False, 0.0, 1.0), StepRow("COPY . .", "COPY", True, 0.0, 0.0))
    store.ledger.begin(FleetBuildRow(name, "2026-01-01", None, 1, 1, None, "default", rounds))
    subject = Subject("shop", "api", 1, "sha256:a", "c1")
    for number in range(rounds):
        started = f"2026-01-01T00:{number:02}:00+00:00"
        row = BuildRow(
            name, "api", "api", "default", None, started, 0.0, 1.0, 1.0, "built", record=f"{name}-{number}", steps=steps
        )
        store.ledger.add(row, {"by": name})
        # All processes add to the same minutes, which join.
        minute = Usage(MINUTE, number * MINUTE, number * 60.0 + 50, 1, 10.0, 0.5, ooms=1, memory_max=number)
        store.usage.add([(subject, minute)])
        store.usage.note([Place("shop", "api", 1, "sha256:a", "c1", 1.0, "running", "", ooms=1)])
        store.deployments.intend("one", name, "create", "forward", "")
        store.keep_proof(f"{name}-{number}", "{}")
        if number % 5 == 0:
            store.usage.compact(MINUTES_KEPT + HOUR)
        assert store.ledger.recent(1)["api"]
        assert store.usage.totals("shop")
    store.close()


if __name__ == "__main__":
    main()
