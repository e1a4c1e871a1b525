"""The page about a fleet's containers that the documenter writes into the repository."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from trimtab.crew.model import Report, Role
from trimtab.crew.render import left_lines, value
from trimtab.deploy.written import mark, sealed
from trimtab.fleet import Fleet, Service
from trimtab.fleet.bases import outside_base
from trimtab.report.exchange import cell, code

PATH = "docs/containers.md"
_MOST = 60


def document(fleet: Fleet, name: str, run: str, reports: Sequence[Report], places: Sequence[Path] = ()) -> str:
    """What a newcomer has to know of a fleet: what it is made of, how it is built and deployed, what was measured and when.

    Figures come from the reports alone. The same fleet and reports give the same text. Paths below `places`, where the fleet
    was when the reports were made, are counted from there: the page is for other machines, too.
    """
    parts = [
        f"# Containers of {cell(name)}",
        "",
        f"<!--\n{mark('workflow')}\n-->",
        "",
        "## Services",
        "",
        "| service | built from | base | ports | memory limit | health check | waits for |",
        "|---|---|---|---|---|---|---|",
        *(_row(fleet, service) for service in _services(fleet)),
        "",
        "## Every day",
        "",
        "| to … | run |",
        "|---|---|",
        *(f"| {what} | `{command}` |" for what, command in _COMMANDS),
        "",
        *_measured(run, reports),
        *_open(reports, places),
    ]
    return sealed("\n".join(parts).rstrip() + "\n")


_COMMANDS = (
    ("see what is wrong", "trimtab review"),
    ("build what a change reaches", "trimtab build --changed"),
    ("build everything", "trimtab build"),
    ("see what a deployment would do", "trimtab deploy --dry-run"),
    ("deploy", "trimtab deploy --build"),
    ("go back to the version before", "trimtab rollback"),
    ("see what runs", "trimtab status"),
    ("scan images and sources", "trimtab scan"),
    ("hold it against the gates", "trimtab gate"),
)


def _services(fleet: Fleet) -> Iterable[Service]:
    meant = fleet.meant_projects
    return (service for project in meant for service in project.services)


def _row(fleet: Fleet, service: Service) -> str:
    path = service.build.dockerfile if service.build else None
    file = fleet.file(path) if path else None
    cells = (
        code(service.name),
        code(path) if path else f"image {code(service.image or '')}",
        code(_base(fleet, path)) if file else "–",
        ", ".join(map(code, service.ports)) or "–",
        cell(service.memory_limit or "none"),
        "own" if service.healthcheck else "the image's, if it has one",
        ", ".join(map(code, service.depends_on)) or "–",
    )
    return f"| {' | '.join(cells)} |"


def _base(fleet: Fleet, path: str | None) -> str:
    file = fleet.file(path or "")
    return outside_base(file, file.stages[-1]).base if file and file.stages else "–"


def _measured(run: str, reports: Sequence[Report]) -> list[str]:
    shown = (Role.IMPLEMENTER, Role.REVIEWER, Role.TESTER, Role.OPS)
    rows = [
        f"| {cell(claim.what)} | {cell(value(claim))} | {report.role}, step {claim.step} |"
        for report in reports if report.role in shown for claim in report.claims
    ]  # fmt: skip
    if not rows:
        return []
    head = ["## Measured", "", f"By run `{run}`; the results are in `.trimtab/runs/{run}/` where it ran.", ""]
    return [*head, "| what | value | where |", "|---|---|---|", *rows, ""]


def _open(reports: Sequence[Report], places: Sequence[Path]) -> list[str]:
    lines = [_moved(line, places) for line in left_lines(each for report in reports for each in report.left)]
    if not lines:
        return []
    more = [f"- and {len(lines) - _MOST} more in the run's reports"] if len(lines) > _MOST else []
    return ["## Not done, and why", "", *(f"- {cell(line)}" for line in lines[:_MOST]), *more, ""]


def _moved(line: str, places: Sequence[Path]) -> str:
    # The longest first: a work tree lies below the user's own.
    for place in sorted(map(str, places), key=len, reverse=True):
        line = line.replace(f"{place}/", "").replace(place, ".")
    return line
