"""A fleet of any size with everything in its history that a report can show, written through the store's own functions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trimtab.fleet import DiskTree, discover
from trimtab.fleet.plain import mapping
from trimtab.gate import evaluate
from trimtab.gate.limits import GatePolicy
from trimtab.gate.measured import Measured, ServiceSeen
from trimtab.history import BuildRow, FleetBuildRow, ScanRow, ScoreRow, StepRow, Store, open_store
from trimtab.history.containers import Place
from trimtab.history.deployments import DeploymentRow, ServiceRow
from trimtab.history.usage import MINUTE, Subject, Usage
from trimtab.report.gate import gate_data
from trimtab.review import Review, review

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
MB = 1_000_000
PROJECT = "fleet"
BASES = ("python:3.12-slim", "python:3.12-slim", "python:3.12-slim", "node:22-slim", "python:3.11")
RUNS = ("cold-1", "edit-2", "last-3")
SCANS = ("scan-1", "scan-2")


def names_of(count: int) -> list[str]:
    """The services; the first three are what the others wait for."""
    return ["database", "cache", "auth", *(f"service-{number:03}" for number in range(3, count))][:count]


def write_files(root: Path, count: int) -> None:
    """The Dockerfiles and the compose file of a fleet in which most wait for the same few."""
    lines = [f"name: {PROJECT}", "services:"]
    for number, name in enumerate(names_of(count)):
        folder = root / "services" / name
        folder.mkdir(parents=True)
        base = BASES[number % len(BASES)]
        install = "RUN npm ci\n" if base.startswith("node") else "RUN pip install flask==3.0.0\n"
        user = "USER 1000\n" if number % 3 else ""
        (folder / "Dockerfile").write_text(
            f'FROM {base}\nWORKDIR /app\nCOPY . .\n{install}{user}EXPOSE 8000\nCMD ["python", "app.py"]\n'
        )
        (folder / "app.py").write_text("print('hello')\n")
        lines += [
            f"  {name}:",
            f"    build: {{context: services/{name}}}",
            "    healthcheck: {test: [CMD, 'true'], interval: 10s}",
            f"    deploy: {{resources: {{limits: {{memory: {128 + 64 * (number % 3)}M}}}}}}",
        ]
        needs = _needs(number, count)
        if needs:
            lines += ["    depends_on:", *(f"      {need}: {{condition: service_healthy}}" for need in needs)]
    (root / "compose.yaml").write_text("\n".join(lines) + "\n")


def _needs(number: int, count: int) -> list[str]:
    names = names_of(count)
    if number in {0, 1}:
        return []
    if number == 2:
        return ["database"]
    return ["database", "auth"] if number % 2 else ["auth", "cache", *([names[number - 2]] if number % 10 == 0 else [])]


def reviewed_files(root: Path) -> Review:
    return review(discover(DiskTree(root)))


def fill(root: Path, count: int) -> Review:
    """Two weeks of history; the review of the files, which some of it holds."""
    found = reviewed_files(root)
    store = open_store(root)
    # What is lost when the power goes is no matter here, and each row is otherwise waited for.
    store._connection.execute("PRAGMA synchronous = OFF")  # pyright: ignore[reportPrivateUsage]
    names = names_of(count)
    try:
        _builds(store, names)
        _optimisation(store, names)
        _scans(store, names)
        _gate(store, found)
        _deployments(store, names)
        _usage(store, names)
    finally:
        store.close()
    return found


def at(hours: float) -> str:
    """So many hours before `NOW`."""
    return (NOW - timedelta(hours=hours)).isoformat(timespec="seconds")


def _builds(store: Store, names: Sequence[str]) -> None:
    for order, run in enumerate(RUNS):
        hours = 300 - 100 * order
        store.ledger.begin(FleetBuildRow(run, at(hours), None, 1, 4, f"c0ffee{order}", "default", len(names)))
        begins = 0.0
        for number, name in enumerate(names):
            seconds = 20.0 + number % 7 if order == 0 else 4.0 + number % 3
            failed = order == 1 and number == 4
            cached = 0 if order == 0 else 3
            row = BuildRow(
                run, name, name, "default", f"c0ffee{order}", at(hours), begins, seconds, seconds,
                "failed" if failed else "built", "exit code: 1" if failed else "", 1, 4, cached, 2000 * number, 0,
                "" if failed else f"sha256:{number:04}{order}", None if failed else (300 - 40 * order + number % 50) * MB,
                None if failed else 9 - order, "COPY . .", "COPY .: `app.py` changed", f"f{order}", "", _steps(seconds, cached),
            )  # fmt: skip
            store.ledger.add(row)
            begins = round(begins + seconds / 4, 3)
        store.ledger.end(
            run, seconds=begins + 8, busy=begins * 4, bound=begins + 2, peak_memory=900 * MB, outcome="failed" if order == 1 else "done"
        )  # fmt: skip


def _steps(seconds: float, cached: int) -> tuple[StepRow, ...]:
    words = ("FROM", "WORKDIR /app", "COPY . .", "RUN pip install flask==3.0.0")
    return tuple(
        StepRow(f"[{n}/4] {word}", word.split()[0], n <= cached, n * 0.1, 0.0 if n <= cached else seconds / 4, "")
        for n, word in enumerate(words, 1)
    )


def _optimisation(store: Store, names: Sequence[str]) -> None:
    files = [_proof(name, number) for number, name in enumerate(names)]
    store.begin("opt-1", "optimize")
    for each in files:
        sizes = mapping(each["image_bytes"])
        before, after = (value if isinstance(value := sizes[side], int) else None for side in ("before", "after"))
        store.verdict("opt-1", str(each["path"]), str(each["verdict"]), str(each["reason"]), ("DF101",), (before, after))
    environment = {"engine": "28.5", "cores": 4, "repeats": 3}
    store.write_evidence(
        "opt-1", {"schema": "trimtab.optimize/1", "run": "opt-1", "environment": environment, "files": files}, "<p>x"
    )
    store.end("opt-1", "done")


def _layer(line: int | None, text: str, size: int, hidden: int) -> dict[str, object]:
    return {"line": line, "text": text, "bytes": size * MB, "hidden_bytes": hidden * MB, "hidden_paths": ()}


def _proof(name: str, number: int) -> dict[str, object]:
    accepted = number % 8 != 7
    before, after = (400 + number % 60) * MB, (150 + number % 40) * MB
    layers = [_layer(None, "ADD file", 80, 0), *(_layer(line, f"RUN step {line}", line * 20, 5) for line in (2, 3, 4))]
    return {
        "path": f"services/{name}/Dockerfile", "services": [name],
        "verdict": "accepted" if accepted else "rejected",
        "reason": "same behaviour" if accepted else "state: healthy → exited 1",
        "accepted": ["DF101", "DF201"] if accepted else [],
        "image_bytes": {"before": before, "after": after if accepted else None},
        "layers": {"before": 9, "after": 6 if accepted else None},
        "measurements": [
            {"scenario": "source edit", "before_seconds": 20.0, "after_seconds": 6.0, "conclusive": True, "pairs": [{}, {}, {}]}
        ] if accepted else [],
        "images": {"before": {"layers": layers}, "after": {"layers": layers[:2]}},
    }  # fmt: skip


def _scans(store: Store, names: Sequence[str]) -> None:
    for order, run in enumerate(SCANS):
        hours = 200 - 150 * order
        counts = [
            {"critical": int(n % 40 == 0) * (1 - order), "high": n % 3, "medium": n % 5, "low": 2} for n in range(len(names))
        ]
        store.scans.add([
            ScanRow(
                run, f"{PROJECT}-{name}", "image", at(hours), None, f"sha256:{n:04}2", (name,), ("vulns", "secrets", "compliance"),
                120, counts[n], 0, 0, at(hours + 3), "findings",
            )
            for n, name in enumerate(names)
        ])  # fmt: skip
        data = {
            "schema": "trimtab.scan/1", "started": at(hours), "sources": ["OSV"], "not_checked": [],
            "targets": [
                {"name": f"{PROJECT}-{name}", "services": [name], "counts": counts[n], "vulnerabilities": _found(counts[n], n)}
                for n, name in enumerate(names)
            ],
            "controls": [
                {"control": "4.1", "title": "A user for the container", "service": name, "reason": "runs as root",
                 "standing": "pass" if n % 3 or (order and n) else "fail"}
                for n, name in enumerate(names)
            ],
        }  # fmt: skip
        store.write_result(run, "scan", data)


def _found(counts: Mapping[str, int], number: int) -> list[dict[str, object]]:
    return [
        {"id": f"CVE-2026-{number:04}{turn}", "package": "libexample1", "version": "1.2-3", "severity": level, "upgrade": "1.2-4",
         "exploited": False, "summary": "A <b>crafted</b> file makes it write out of bounds"}
        for level, many in counts.items() for turn in range(many)
    ]  # fmt: skip


def _gate(store: Store, found: Review) -> None:
    for run, hours, less in (("gate-1", 250, 12.0), ("gate-2", 40, 3.0)):
        rows = [("", found.score), *found.service_scores.items()]
        store.scans.add_scores([
            ScoreRow(run, at(hours), None, name, each.overall - less, {str(key): value - less / 10 for key, value in each.categories.items()})
            for name, each in rows
        ])  # fmt: skip
    services = tuple(ServiceSeen(name, f"services/{name}/Dockerfile", score) for name, score in found.service_scores.items())
    checks = evaluate(Measured(found.score, services, {}, None, {}), GatePolicy(), NOW)
    store.write_result("gate-2", "gate", gate_data(checks))


def _deployments(store: Store, names: Sequence[str]) -> None:
    ends = (("deploy", "done", 60.0), ("deploy", "rolled-back", 95.0), ("deploy", "done", 41.0), ("rollback", "done", 12.0))
    for order, (kind, outcome, seconds) in enumerate(ends):
        key = f"{order + 1}-abc"
        plan: Mapping[str, object] = {"schema": "trimtab.plan/1"}
        row = DeploymentRow(
            key, PROJECT, order + 1, kind, at(160 - 50 * order), None, f"c0ffee{order}", 1, "preparing", None, "", plan
        )
        store.deployments.begin(row)
        for number, name in enumerate(names):
            bad = outcome == "rolled-back" and number == 1
            store.deployments.service(
                ServiceRow(
                    key, name, "recreate", "sha256:1", "sha256:2", "rolled-back" if bad else "deployed",
                    "was not healthy in time" if bad else "", 3.0, 1.5, None if bad else 10.0 + number % 4,
                    not bad,
                )
            )  # fmt: skip
        store.deployments.done(key, store.deployments.intend(key, names[0], "create", "forward", ""), 1.0)
        store.deployments.end(key, outcome, "cache was not healthy in time" if outcome == "rolled-back" else "", seconds)


def _usage(store: Store, names: Sequence[str]) -> None:
    start = int(NOW.timestamp()) // MINUTE * MINUTE - 3600
    rows: list[tuple[Subject, Usage]] = []
    places: list[Place] = []
    for number, name in enumerate(names):
        limit = (128 + 64 * (number % 3)) * 1024 * 1024
        used = int(limit * (0.3 + 0.13 * (number % 6)))
        subject = Subject(PROJECT, name, 1, "sha256:2", "c1")
        usage = Usage(
            MINUTE,
            start,
            start + 55.0,
            6,
            60.0,
            0.1,
            0.2 + 0.1 * (number % 8),
            0.9,
            1.0,
            600,
            6 * (number % 10),
            used,
            used,
            limit,
        )
        rows += [
            (subject, usage),
            (subject, replace(usage, start=start + MINUTE, last=start + 115.0, ooms=int(number % 50 == 5))),
        ]
        health = "unhealthy" if number % 60 == 7 else "healthy"
        places.append(Place(PROJECT, name, 1, "sha256:2", "c1", start + 115.0, "running", health, used, limit, 1.0))
    store.usage.add(rows)
    store.usage.note(places)
