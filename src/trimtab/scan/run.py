"""One scan: everything that was asked for, target by target, and what could not be looked at."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import anyio

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.errors import ToolError
from trimtab.fleet import Fleet
from trimtab.rules import Finding
from trimtab.scan.adapters import ask_scanner, merged
from trimtab.scan.compliance import Looked, check_controls
from trimtab.scan.ignore import Ignores
from trimtab.scan.inventory import Inventory, Observer
from trimtab.scan.leaks import Leak
from trimtab.scan.match import Vulnerability, key_of, match
from trimtab.scan.packages import Package
from trimtab.scan.pending import CannotAsk, pending_updates
from trimtab.scan.ranking import Ranking
from trimtab.scan.result import SOURCE_TREE, ControlResult, NotChecked, Part, Scan, Scope, TargetScan
from trimtab.scan.sources import SourcePackages, Unresolved, source_packages
from trimtab.scan.spoken import ScannerName
from trimtab.scan.stores import Known, Store
from trimtab.scan.tree_search import fingerprint, kinds_of, search_tree
from trimtab.scan.versions import can_order


@dataclass(frozen=True, slots=True)
class ImageTarget:
    """An image of the engine, and the services that run it."""

    reference: str
    services: tuple[str, ...]
    step: str = "`docker pull` may bring it"
    """What to do where the engine does not have it."""
    outdated: str = ""
    """The id of an image that was built from other files than the fleet has now; `""` where none is known."""
    names: tuple[str, ...] = ()
    """What else it is called, where several services run what one build makes."""


@dataclass(frozen=True)
class Bill:
    """A bill of materials that was given instead of an image."""

    name: str
    packages: tuple[Package, ...]
    unusable: tuple[str, ...]
    """Names of components that have no usable package URL."""


@dataclass(frozen=True)
class Request:
    """What is to be scanned, and how."""

    fleet: Fleet
    parts: frozenset[Part]
    below: str = ""
    services: frozenset[str] = frozenset()
    images: tuple[ImageTarget, ...] = ()
    bills: tuple[Bill, ...] = ()
    sources: bool = True
    store: Store | None = None
    scanners: tuple[ScannerName, ...] = ()
    ask_pending: bool = False
    ignores: Ignores = field(default_factory=Ignores)
    ranking: Ranking = field(default_factory=Ranking)
    findings: tuple[Finding, ...] = ()
    """Of the rules that the controls need."""
    unread: frozenset[str] = frozenset()
    """Files that the review could not read."""
    ignored_by_git: tuple[str, ...] = ()
    """Files, and folders with a `/` behind, that git is told to ignore: what they hold is not in the repository."""
    tracked: frozenset[str] | None = None
    """The files that git tracks; None without git."""
    offline: bool = False
    whole: bool = True
    """Whether all of the fleet's images are meant."""
    revision: str | None = None
    today: date = field(default_factory=lambda: datetime.now(UTC).date())


_ABSENT = "the engine has no such image"
_ADVISORIES = "advisories"


async def scan(runner: Runner, request: Request, run: str, tell: Callable[[str], None] = lambda _: None) -> Scan:
    """Scan everything that is asked for. What cannot be looked at is told, and everything else goes on."""
    work = _Work(runner, request, run, tell)
    return await work.done()


@dataclass
class _Work:
    runner: Runner
    request: Request
    run: str
    tell: Callable[[str], None]
    observer: Observer = field(default_factory=Observer)
    missing: list[NotChecked] = field(default_factory=list[NotChecked])
    ages: list[datetime | None] = field(default_factory=list[datetime | None])
    notes: list[str] = field(default_factory=list[str])

    async def done(self) -> Scan:
        started = datetime.now(UTC)
        found = await self._images()
        found += [TargetScan(each.name, "sbom", each.packages) for each in self.request.bills]
        found += self._sources(covered=frozenset(name for each in found for name in each.services))
        for bill in self.request.bills:
            self._unusable(bill)
        self._broken()
        sources, as_of = (), None
        if Part.VULNERABILITIES in self.request.parts:
            found, sources, as_of = await self._vulnerable(found)
        controls = self._controls(found, bool(sources)) if Part.COMPLIANCE in self.request.parts else ()
        expired = self.request.ignores.expired(self.request.today)
        missing, accepted = self.request.ignores.gaps(self.missing, self.request.today)
        notes = (*self.notes, *accepted, *(f"ignore file: {each}" for each in expired))
        until = self.request.ignores.until(self.request.today)
        return Scan(started, self.request.parts, tuple(found), controls, missing, sources, as_of, notes, self._scope(), until)

    def _scope(self) -> Scope:
        request = self.request
        whole = request.sources and not request.below and not request.bills and request.whole
        return Scope(whole, request.revision, fingerprint(request.fleet.tree, request.tracked))

    def _broken(self) -> None:
        """Files that no control can be held against."""
        if Part.COMPLIANCE in self.request.parts:
            for path in sorted(self.request.unread):
                self._not(path, "cannot be read", Part.COMPLIANCE)

    def _not(self, what: str, reason: str, part: Part, services: Iterable[str] = ()) -> None:
        self.missing.append(NotChecked(what, reason, part, tuple(services)))

    async def _images(self) -> list[TargetScan]:
        """All images, as many at once as there are processors: the engine writes one while another is read."""
        found: dict[str, TargetScan | None] = {}
        limit = anyio.CapacityLimiter(os.cpu_count() or 1)

        async def one(asked: ImageTarget) -> None:
            async with limit:
                found[asked.reference] = await self._image(asked)

        async with anyio.create_task_group() as group:
            for asked in self.request.images:
                group.start_soon(one, asked)
        return [target for asked in self.request.images if (target := found[asked.reference]) is not None]

    async def _image(self, asked: ImageTarget) -> TargetScan | None:
        self.tell(f"reading {asked.reference}")
        held = await self.runner.run(argv.image_id(asked.reference))
        if held.code != 0:
            for part in sorted(self.request.parts):
                self._not(f"image {asked.reference}", f"{_ABSENT}; {asked.step}", part, asked.services)
            return None
        try:
            inventory = await self.observer.inventory(self.runner, asked.reference)
        except (ToolError, ValueError, OSError) as error:
            for part in sorted(self.request.parts):
                self._not(f"image {asked.reference}", str(error), part, asked.services)
            return None
        self._unread(asked, inventory)
        if held.text == asked.outdated:
            reason = f"it was built from other files than those that are here now; {asked.step}"
            for part in sorted(self.request.parts):
                self._not(f"what the files of {asked.reference} make now", reason, part, asked.services)
        names = [name for name in asked.names if await self._is_the_same(name, held.text, asked)]
        leaks = self._kept(inventory.leaks)
        target = TargetScan(
            asked.reference, "image", inventory.packages, (), leaks, asked.services, held.text, inventory.distro,
            setuid=inventory.setuid, names=tuple(names),
        )  # fmt: skip
        return await self._pending(target) if self.request.ask_pending else target

    async def _is_the_same(self, name: str, scanned: str, asked: ImageTarget) -> bool:
        """Whether a further name is of the image that was scanned: what only some of the services run was not looked at."""
        held = await self.runner.run(argv.image_id(name))
        if held.code == 0 and held.text == scanned:
            return True
        reason = f"it is not the image that `{asked.reference}` is, which was scanned" if held.code == 0 else _ABSENT
        for part in sorted(self.request.parts):
            self._not(f"image {name}", f"{reason}; {asked.step}", part, asked.services)
        return False

    def _unread(self, asked: ImageTarget, inventory: Inventory) -> None:
        for each in inventory.unread:
            self._not(f"{each.path} in {asked.reference}", each.reason, Part.VULNERABILITIES, asked.services)
        for path in inventory.unsearched:
            self._not(f"{path} in {asked.reference}", "is too large to be searched", Part.SECRETS, asked.services)
        if not inventory.packages:
            # A static program on nothing is a good image, and an image that nobody could read looks the same.
            reason = "no package database, no Python or Node packages and no program that names its modules were found in it"
            self._not(f"image {asked.reference}", reason, Part.VULNERABILITIES, asked.services)

    async def _pending(self, target: TargetScan) -> TargetScan:
        self.tell(f"asking for updates of {target.name}")
        try:
            return replace(target, pending=await pending_updates(self.runner, target.name, target.distro, self.run))
        except CannotAsk as error:
            self._not(f"pending updates of {target.name}", str(error), Part.VULNERABILITIES, target.services)
            return replace(target, pending=error.found) if error.found else target

    def _kept(self, leaks: Iterable[Leak]) -> tuple[Leak, ...]:
        if Part.SECRETS not in self.request.parts and Part.COMPLIANCE not in self.request.parts:
            return ()
        return self.request.ignores.kept(dict.fromkeys(leaks), self.request.today)

    def _sources(self, covered: frozenset[str]) -> list[TargetScan]:
        if not self.request.sources:
            return []
        packages: tuple[Package, ...] = ()
        if Part.VULNERABILITIES in self.request.parts:
            named = source_packages(self.request.fleet, self.request.below)
            packages = named.packages
            self._named(named, covered)
        leaks = self._kept(self._tree_leaks()) if Part.SECRETS in self.request.parts else ()
        return [TargetScan(self.request.below or SOURCE_TREE, "sources", packages, (), leaks)]

    def _named(self, named: SourcePackages, covered: frozenset[str]) -> None:
        for path, reason in named.problems.items():
            self._not(path, reason, Part.VULNERABILITIES)
        by_file: dict[str, list[Unresolved]] = {}
        for each in named.unresolved:
            by_file.setdefault(each.path, []).append(each)
        for path, each in by_file.items():
            names = ", ".join(dict.fromkeys(one.name for one in each[:4])) + (" …" if len(each) > 4 else "")
            text = f"{len(each)} packages without an exact version or release ({names})"
            if self.request.services and self.request.services <= covered:
                self.notes.append(f"{path}: {text}; the scanned images say which they got")
            else:
                self._not(path, f"{text}; only a built image says which it gets", Part.VULNERABILITIES)

    def _tree_leaks(self) -> Iterable[Leak]:
        request = self.request
        fleet = request.fleet
        found = search_tree(fleet.tree, request.below, request.ignored_by_git, request.tracked, kinds_of(fleet))
        if not found.searched and not found.problems:
            self._not(request.below or SOURCE_TREE, "no text file is there that git does not ignore", Part.SECRETS)
        for path, reason in found.problems.items():
            self._not(path, reason, Part.SECRETS)
        return found.leaks

    def _unusable(self, bill: Bill) -> None:
        if bill.unusable:
            names = ", ".join(bill.unusable[:4]) + (" …" if len(bill.unusable) > 4 else "")
            reason = f"{len(bill.unusable)} components have no package URL with a version ({names})"
            self._not(bill.name, reason, Part.VULNERABILITIES)
        if not bill.packages:
            self._not(bill.name, "it lists no packages", Part.VULNERABILITIES)
        for part in sorted(self.request.parts - {Part.VULNERABILITIES}):
            self._not(bill.name, "a bill of materials says nothing of that", part)

    async def _vulnerable(self, targets: Sequence[TargetScan]) -> tuple[list[TargetScan], tuple[str, ...], datetime | None]:
        known = await self._known([package for target in targets for package in target.packages])
        sources = (*([known.source] if known else []), *self.request.scanners)
        found: list[TargetScan] = []
        for target in targets:
            ours = self._matched(target, known) if known else []
            theirs: list[Vulnerability] = []
            for name in self.request.scanners:
                theirs += await self._asked(name, target)
            if self.request.store is None and not self.request.scanners and target.packages:
                reason = "no advisories: give `--advisories` or `--scanner`"
                self._not(target.name, reason, Part.VULNERABILITIES, target.services)
            every = self.request.ranking.marked(merged(ours, theirs))
            judged = self.request.ignores.judged(every, (target.name, target.image), self.request.today)
            self._unsure(target, judged)
            found.append(replace(target, vulnerabilities=judged))
        ages = [*([known.as_of] if known else []), *self.ages]
        return found, sources, min((each for each in ages if each is not None), default=None)

    async def _known(self, packages: Sequence[Package]) -> Known | None:
        if self.request.store is None:
            return None
        self.tell("reading advisories")
        try:
            known = await self.request.store.ask(packages)
        except ToolError as error:
            self._not(_ADVISORIES, str(error), Part.VULNERABILITIES)
            return None
        for text in known.unread:
            self._not(_ADVISORIES, text, Part.VULNERABILITIES)
        return known

    def _matched(self, target: TargetScan, known: Known) -> list[Vulnerability]:
        for reason, packages in _outside(target.packages, known).items():
            names = ", ".join(str(each) for each in packages[:3]) + (" …" if len(packages) > 3 else "")
            text = f"{len(packages)} packages ({names}): {reason}"
            self._not(target.name, text, Part.VULNERABILITIES, target.services)
        return match(target.packages, known.advisories, known.source)

    async def _asked(self, name: ScannerName, target: TargetScan) -> tuple[Vulnerability, ...]:
        if not target.packages:
            return ()
        self.tell(f"{name} looks at {target.name}")
        answered = await ask_scanner(self.runner, name, target.name, target.packages, offline=self.request.offline)
        self.ages.append(answered.as_of)
        if answered.reason:
            self._not(f"{target.name} by {name}", answered.reason, Part.VULNERABILITIES, target.services)
        return answered.found

    def _unsure(self, target: TargetScan, found: Iterable[Vulnerability]) -> None:
        for each in found:
            if each.answer != "affected" and each.ignored is None:
                reason = f"whether {each.id} affects it cannot be told from its version"
                self._not(f"{each.package} in {target.name}", reason, Part.VULNERABILITIES, target.services)

    def _controls(self, targets: Sequence[TargetScan], asked: bool) -> tuple[ControlResult, ...]:
        by_service: Mapping[str, TargetScan] = {name: each for each in targets for name in each.services}
        request = self.request
        missed = {
            part: frozenset(name for each in self.missing if each.part is part for name in each.services) for part in Part
        }
        # Advisories that could not be read may be about any package.
        asked = asked and not any(each.what == _ADVISORIES for each in self.missing)
        case = Looked(
            request.findings, by_service, request.services, request.unread, asked, missed[Part.VULNERABILITIES],
            missed[Part.SECRETS],
        )  # fmt: skip
        return tuple(check_controls(request.fleet, case))


def _outside(packages: Iterable[Package], known: Known) -> dict[str, list[Package]]:
    """The packages that no advisory could have been about, by the reason."""
    found: dict[str, list[Package]] = {}
    for package in packages:
        key, ecosystem = key_of(package), package.ecosystem
        if key is None:
            origin = package.distro.told if package.distro and package.distro.id else f"packages of kind {package.kind}"
            reason: str | None = f"there are no advisories of {origin}"
        else:
            reason = known.unanswered.get(key[0])
            if reason is None and not can_order(ecosystem or ""):
                reason = f"the order of versions of {ecosystem} is not known"
        if reason:
            found.setdefault(reason, []).append(package)
    return found
