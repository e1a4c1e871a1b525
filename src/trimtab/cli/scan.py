"""`trimtab scan`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import anyio
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.table import Table
from rich.text import Text

from trimtab.build import Graph, Wanted, build_graph
from trimtab.build.bookkeeping import left_behind
from trimtab.build.target import Target
from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS
from trimtab.cli.live import LiveLines
from trimtab.cli.options import Common, Loaded, Offline, Paths, RuleChoice, load, show
from trimtab.docker import ProcessRunner, Runner, engine_version
from trimtab.errors import EngineMissing, UsageError
from trimtab.fleet import Fleet
from trimtab.fleet.model import Service
from trimtab.fleet.needed import normal_reference
from trimtab.git import head, ignored_paths, tracked_paths
from trimtab.history import ScanRow, new_run, opened, sealed
from trimtab.report.exchange import json_text
from trimtab.report.scan import scan_data, scan_github, scan_markdown, scan_sarif, scan_view
from trimtab.review import review as run_review
from trimtab.rules import Severity, all_rules
from trimtab.scan import Part, Scan, TargetScan, count_severities
from trimtab.scan.compliance import RULES
from trimtab.scan.ignore import read_ignores
from trimtab.scan.named import advisory_store
from trimtab.scan.ranking import read_ranking
from trimtab.scan.run import Bill, ImageTarget, Request
from trimtab.scan.run import scan as run_scan
from trimtab.scan.sbom import NoSbom, SbomFormat, read_sbom, write_sbom
from trimtab.scan.sources import is_below
from trimtab.scan.spoken import ScannerName
from trimtab.scan.stores import Store as Advisories
from trimtab.scan.verdict import Outcome, Policy, Verdict, judge_scan
from trimtab.syntax.data import read_json

Kind = Literal["all", "vulns", "secrets", "compliance"]
Level = Literal["info", "low", "medium", "high", "critical"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class What:
    """What is scanned."""

    type: Annotated[tuple[Kind, ...], Parameter(negative="", help="What is looked for; everything when left out.")] = ("all",)
    target: Annotated[str, Parameter(help="Only this folder of the fleet, and the services whose Dockerfiles lie in it.")] = ""
    image: Annotated[
        tuple[str, ...], Parameter(negative="", help="Images of the engine, instead of those that the fleet builds.")
    ] = ()
    sbom: Annotated[
        tuple[Path, ...],
        Parameter(negative="", help="Bills of materials instead of images: CycloneDX, SPDX or syft's JSON."),
    ] = ()
    images: Annotated[bool, Parameter(help="Look into the fleet's images, not only at its files.")] = True


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Sources:
    """Who is asked for vulnerabilities, and what is known beside them."""

    advisories: Annotated[
        str,
        Parameter(help="A folder or zip of OSV documents, or an address that speaks the OSV API; its own when left out."),
    ] = ""
    scanner: Annotated[tuple[ScannerName, ...], Parameter(negative="", help="Ask this program too; it has to be on PATH.")] = ()
    pending: Annotated[
        bool, Parameter(negative="", help="Ask each image's own package lists which updates wait; needs the network.")
    ] = False
    vex: Annotated[tuple[Path, ...], Parameter(negative="", help="OpenVEX documents.")] = ()
    epss: Annotated[Path | None, Parameter(help="FIRST's EPSS scores, a CSV file, for the order.")] = None
    kev: Annotated[Path | None, Parameter(help="CISA's catalogue of exploited vulnerabilities, a JSON file.")] = None
    offline: Offline = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What counts, and what is written besides."""

    fail_on: Annotated[
        Level, Parameter(help="The least severity that counts; an unknown one counts always, and so does a credential of high.")
    ] = "info"
    only_fixed: Annotated[
        bool, Parameter(negative="", help="Vulnerabilities without a fixed version are shown and do not count.")
    ] = False
    max_age: Annotated[
        int, Parameter(validator=Number(gte=0, lte=36_500), help="Days that advisories may be old for a clean result.")
    ] = 7
    write_sbom: Annotated[Path | None, Parameter(help="Write a bill of materials of each target into this folder.")] = None
    sbom_format: Annotated[SbomFormat, Parameter(help="Its format: CycloneDX 1.6 or SPDX 2.3.")] = "cyclonedx"

    @property
    def policy(self) -> Policy:
        return Policy(Severity[self.fail_on.upper()], self.only_fixed, timedelta(days=self.max_age))


def scan(
    paths: Paths = (),
    /,
    *,
    what: What | None = None,
    sources: Sources | None = None,
    outcomes: Outcomes | None = None,
    common: Common | None = None,
) -> int:
    """Look for vulnerabilities, credentials, and how the CIS Docker Benchmark is met.

    Exits with 1 when something was found, and with 2 when nothing was found but not everything could be looked at: an image
    that is not there, packages that no advisories are about, advisories that are too old.
    """
    what, sources, outcomes, common = what or What(), sources or Sources(), outcomes or Outcomes(), common or Common()
    parts = frozenset(Part) if "all" in what.type else frozenset(Part(each) for each in what.type)
    needed = tuple(sorted(RULES)) if Part.COMPLIANCE in parts else ("FL001",)
    loaded = load(paths, common, RuleChoice(select=needed, offline=True))
    job = _Job(loaded, what, sources, outcomes, common, parts)
    result, run = anyio.run(_scanned, job)
    verdict = judge_scan(result, outcomes.policy)
    if outcomes.write_sbom:
        _write_bills(result, outcomes.write_sbom, outcomes.sbom_format)
    _keep(job, result, verdict, run)
    others = {
        "sarif": lambda: json_text(scan_sarif(result, verdict)) + "\n",
        "github": lambda: scan_github(result, verdict),
        "markdown": lambda: scan_markdown(result, verdict),
    }
    show(common, lambda: scan_data(result, verdict), lambda: scan_view(result, verdict, outcomes.policy), others)
    return {Outcome.CLEAN: CLEAN, Outcome.FINDINGS: FINDINGS, Outcome.INCOMPLETE: COULD_NOT_RUN}[verdict.outcome]


_BUILD = "`trimtab build` makes it"


@dataclass(frozen=True)
class _Job:
    loaded: Loaded
    what: What
    sources: Sources
    outcomes: Outcomes
    common: Common
    parts: frozenset[Part]

    @property
    def below(self) -> str:
        """The folder that is meant, from the fleet's root.

        Raises:
            UsageError: there is none.
        """
        folder = self.what.target.strip("/").removeprefix("./")
        entry = self.loaded.fleet.tree.entries.get(folder)
        if folder and folder != "." and (entry is None or entry.kind != "dir"):
            raise UsageError(f"There is no folder `{folder}` below `{self.loaded.root}`.")
        return "" if folder == "." else folder

    @property
    def fleet(self) -> Fleet:
        return self.loaded.fleet

    @property
    def offline(self) -> bool:
        return self.sources.offline or self.loaded.config.offline

    @property
    def store(self) -> Advisories | None:
        """The advisories that the command line or the configuration names, else the OSV API; none where the network is not
        to be used, or another scanner is asked instead.

        Raises:
            UsageError: they are somewhere on the network, and the network is not to be used.
        """
        given, config = self.sources.advisories, self.loaded.config.advisories or ""
        usual = "" if self.offline or self.sources.scanner else "osv"
        return advisory_store(given or config or usual, Path() if given else self.loaded.root, offline=self.offline)


async def _scanned(job: _Job) -> tuple[Scan, str]:
    runner = ProcessRunner()
    run = new_run()
    images = await _images(job, runner)
    request = await _request(job, runner, images)
    progress = _Progress(job.common)
    with progress.lines.shown(progress.table):
        return await run_scan(runner, request, run, progress.tell), run


class _Progress:
    """What is being done right now, on one line."""

    def __init__(self, common: Common) -> None:
        self.lines = LiveLines(common)
        self._now = "starting"

    def tell(self, text: str) -> None:
        self._now = text
        self.lines.line(text)

    def table(self) -> Table:
        table = Table.grid()
        table.add_row(Text(f"scanning: {self._now}", "dim"))
        return table


async def _images(job: _Job, runner: Runner) -> tuple[ImageTarget, ...]:
    """The images that are meant: those named, else those that the fleet's builds are called."""
    if job.what.image:
        await engine_version(runner)
        return tuple(ImageTarget(each, ()) for each in job.what.image)
    if not job.what.images or job.what.sbom:
        return ()
    graph = build_graph(job.fleet, job.loaded.root.name, Wanted(job.loaded.chosen, (), everything=False))
    with opened(job.loaded.root) as store:
        old = left_behind(job.loaded.root, graph, store.ledger)
    found = image_targets(job.fleet, graph, job.below, old)
    if found:
        try:
            await engine_version(runner)
        except EngineMissing as error:
            raise EngineMissing(f"{error} Or look at the files alone: `--no-images`.") from error
    return found


def image_targets(fleet: Fleet, graph: Graph, below: str = "", old: Mapping[str, str] | None = None) -> tuple[ImageTarget, ...]:
    """The images of a fleet: those that it builds, and those that its services take from elsewhere.

    Args:
        fleet: The fleet.
        graph: What it builds.
        below: The folder whose images are meant.
        old: By target, the image that was built from other files than those that are here now.
    """
    targets = [each for each in graph.targets.values() if each.tags and (each.file is None or is_below(each.file.path, below))]
    services: dict[str, list[str]] = {}
    for service in fleet.services:
        if service.build is None and service.image and not below:
            services.setdefault(service.image, []).append(service.name)
    # A service may run what another one builds: that is one image, and a scan keeps one row for each name.
    made = {normal_reference(tag) for each in targets for tag in each.tags}
    return (
        *(_made(each, services, (old or {}).get(each.name, "")) for each in targets),
        *(ImageTarget(image, tuple(names)) for image, names in services.items() if normal_reference(image) not in made),
    )


def _made(target: Target, services: Mapping[str, Sequence[str]], old: str) -> ImageTarget:
    """What a build makes, for the services that build it and those that name it as their image."""
    builders = target.services or (target.name,)
    return ImageTarget(target.tags[0], (*builders, *_users(target.tags, services)), _BUILD, old, target.tags[1:])


def _users(tags: Sequence[str], services: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The services that take one of these from the engine, by the image that they name."""
    called = {normal_reference(tag) for tag in tags}
    return tuple(name for image, names in services.items() if normal_reference(image) in called for name in names)


async def _request(job: _Job, runner: Runner, images: tuple[ImageTarget, ...]) -> Request:
    alone = bool(job.what.image or job.what.sbom)
    services = frozenset(each.name for each in job.fleet.services if is_below(_home(each), job.below))
    findings, unread = (), frozenset[str]()
    if Part.COMPLIANCE in job.parts:
        review = run_review(job.fleet, [rule for rule in all_rules() if rule.code in RULES])
        findings, unread = review.findings, frozenset(each.path for each in review.errors)
    ignored = await ignored_paths(runner, job.loaded.root)
    return Request(
        job.fleet,
        job.parts,
        job.below,
        frozenset() if alone else services,
        images,
        bills=tuple(_bill(path) for path in job.what.sbom),
        sources=not alone,
        store=job.store,
        scanners=job.sources.scanner,
        ask_pending=job.sources.pending,
        ignores=read_ignores(job.loaded.root, job.sources.vex),
        ranking=read_ranking(job.sources.epss, job.sources.kev),
        findings=findings,
        unread=unread,
        ignored_by_git=ignored,
        tracked=await tracked_paths(runner, job.loaded.root),
        offline=job.offline,
        whole=job.what.images and not alone and job.loaded.chosen is None,
        revision=await head(runner, job.loaded.root),
    )


def _home(service: Service) -> str:
    """Where a service is made: its Dockerfile, else the file that names it."""
    return (service.build.dockerfile if service.build else None) or service.origin


def _bill(path: Path) -> Bill:
    try:
        packages, unusable = read_sbom(read_json(path.read_bytes()), str(path))
    except NoSbom as error:
        raise UsageError(f"`{path}` is no bill of materials that is read: {error}.") from error
    except (OSError, UnicodeDecodeError, ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"`{path}` cannot be read: {error}") from error
    return Bill(str(path), tuple(packages), tuple(unusable))


def _write_bills(result: Scan, folder: Path, style: SbomFormat) -> None:
    suffix = {"cyclonedx": "cdx", "spdx": "spdx"}[style]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in result.targets:
            name = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in target.name)
            document = write_sbom(target.name, target.packages, style, result.started)
            (folder / f"{name}.{suffix}.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"`{folder}` cannot be written: {error.strerror or error}.") from error


def _keep(job: _Job, result: Scan, verdict: Verdict, run: str) -> None:
    """Into the fleet's history, for gates and for what changed over time."""
    with opened(job.loaded.root) as store:
        store.scans.add(_rows(result, verdict, run))
        store.write_result(run, "scan", sealed(scan_data(result, verdict)))


def _rows(result: Scan, verdict: Verdict, run: str) -> list[ScanRow]:
    """One for each target; a scan that had none leaves one that says so."""
    started = result.started.isoformat(timespec="seconds")
    as_of = result.as_of.isoformat(timespec="seconds") if result.as_of else None
    return [
        ScanRow(
            run, each.name, each.kind, started, result.scope.revision, each.image, each.services,
            tuple(sorted(str(part) for part in result.parts)), len(each.packages), count_severities(each.vulnerabilities),
            len(each.leaks), len(result.not_checked), as_of, str(verdict.outcome),
        )
        for each in result.targets or [TargetScan("nothing", "none")]
    ]  # fmt: skip
