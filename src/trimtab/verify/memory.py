"""What earlier runs have proven: found again when every input is the same."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import TypeAdapter

from trimtab import __version__
from trimtab.docker import command as argv
from trimtab.fleet import Build, BuildContext, FleetFile, Service
from trimtab.fleet.copies import sent_files
from trimtab.history import PROOFS_KEPT
from trimtab.rewrite import AppliedFix, FileChange
from trimtab.verify.company import bound, files_of, neighbours
from trimtab.verify.evidence import Evidence, Trial
from trimtab.verify.laboratory import Laboratory


class Store(Protocol):
    """Where proofs are kept: a text by its key, with the time it was put there (UTC, ISO 8601)."""

    def proof(self, key: str) -> tuple[str, str] | None: ...

    def keep_proof(self, key: str, text: str) -> None: ...


@dataclass(frozen=True)
class Proof:
    """The end of one Dockerfile's experiments, and the text that was accepted."""

    evidence: Evidence
    text: str | None


@dataclass(frozen=True)
class Settled:
    """The end of the experiments about one service's settings: the rules whose changes hold, and what was tried."""

    kept: tuple[str, ...]
    trials: tuple[Trial, ...]
    remembered: str | None = None
    """When it was found, where that was in an earlier run."""


T = TypeVar("T")
_ADAPTER = TypeAdapter(Proof)
_SETTLED = TypeAdapter(Settled)
_AHEAD = timedelta(days=-1)
"""What is kept under a later time was kept by a clock that has been set back since: nobody knows how old it is."""


@dataclass(frozen=True)
class Memory:
    """Proofs in a store; without a store nothing is remembered."""

    store: Store | None
    engine: str

    async def recall(self, key: str) -> Proof | None:
        """What is known, unless it is too old, of a time that has not come yet, or of another form."""
        found = self._found(key, _ADAPTER)
        return replace(found[0], evidence=replace(found[0].evidence, remembered=found[1])) if found else None

    def recall_settled(self, key: str) -> Settled | None:
        """The same of a service's settings."""
        found = self._found(key, _SETTLED)
        return replace(found[0], remembered=found[1]) if found else None

    def _found(self, key: str, adapter: TypeAdapter[T]) -> tuple[T, str] | None:
        found = self.store.proof(key) if self.store else None
        if found is None or not _AHEAD <= datetime.now(UTC) - datetime.fromisoformat(found[1]) <= PROOFS_KEPT:
            return None
        try:
            return adapter.validate_json(found[0]), found[1]
        except ValueError:
            return None

    def keep(self, key: str, proof: Proof) -> None:
        """Remember an end at once, so that a run that is killed is taken up where it was."""
        if self.store:
            self.store.keep_proof(key, _ADAPTER.dump_json(proof).decode())

    def keep_settled(self, key: str, settled: Settled) -> None:
        """The same of a service's settings: a compose file of thirty services takes an hour."""
        if self.store:
            self.store.keep_proof(key, _SETTLED.dump_json(settled).decode())

    async def key_of_settings(self, laboratory: Laboratory, service: Service, fixes: Sequence[AppliedFix]) -> str:
        """A digest of everything that the outcome for a service's new settings depends on and that can be known before it."""
        parts: dict[str, object] = {
            "trimtab": __version__,
            "engine": self.engine,
            "changes": [[fix.rule, [repr(setting) for setting in fix.effects.settings]] for fix in fixes],
            "smoke": laboratory.smoke.get(service.name),
            "services": [
                await _service(laboratory, each) for each in (service, *neighbours(service, laboratory.fleet))
            ],
        }  # fmt: skip
        return _digest(parts)

    async def key(self, laboratory: Laboratory, file: FleetFile, change: FileChange) -> str:
        """A digest of everything that an experiment's outcome depends on and that can be known before it.

        The package index is not part of it, which is why proofs are kept for some days only.
        """
        services = [*file.services, *(other for service in file.services for other in neighbours(service, laboratory.fleet))]
        parts: dict[str, object] = {
            "trimtab": __version__,
            "engine": self.engine,
            "before": change.before,
            "after": change.after,
            "rules": change.rules,
            "effects": asdict(change.effects),
            "builds": [repr(build) for build in file.builds],
            "services": [_said(service) for service in services],
            "smoke": {service.name: laboratory.smoke.get(service.name) for service in file.services},
            "measures": asdict(laboratory.measures),
            "bases": await _bases(laboratory, file),
            "context": [list(_context(laboratory, file, context)) for context in file.contexts],
        }
        return _digest(parts)


def _digest(parts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()


def _said(service: Service) -> str:
    """Everything that compose says of a service; what its own words show leaves out its body."""
    return f"{service!r} {service.body!r}"


async def _service(laboratory: Laboratory, service: Service) -> list[object]:
    """What a service's container is made of: what compose says, the files that it is given, and its image or what makes it."""
    files = [
        [mount.target, str(path.relative_to(source)), _content(path)]
        for mount in service.mounts
        if (source := bound(laboratory.root, service, mount)) is not None
        for path in files_of(source)
    ]
    build = service.build
    file = laboratory.fleet.file(build.dockerfile) if build and build.dockerfile else None
    if file is None:
        found = await laboratory.runner.run(argv.image_id(service.image or ""))
        return [_said(service), files, found.text if found.code == 0 else ""]
    contexts = [list(_context(laboratory, file, each)) for each in file.contexts]
    return [_said(service), files, await _bases(laboratory, file), _content(laboratory.root / file.path), contexts]


async def _bases(laboratory: Laboratory, file: FleetFile) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for stage in file.stages:
        if stage.parent is None and stage.base:
            result = await laboratory.runner.run(argv.image_id(stage.base))
            found[stage.base] = result.text if result.code == 0 else ""
    return found


def _context(laboratory: Laboratory, file: FleetFile, context: BuildContext) -> Iterator[tuple[str, str]]:
    """Every file that the build may read, with its content's digest."""
    bound = any(run.mounts("bind") for stage in file.stages for run in stage.runs)
    paths = list(context.files_below("")) if bound else list(sent_files(file, context))
    for path in paths:
        entry = context.visible[path]
        full = laboratory.root / context.tree_path(path)
        yield path, entry.kind if entry.kind == "link" else _content(full) or entry.kind


def _content(path: Path) -> str:
    """A file's mode and what is in it; empty for what is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as content:
        return f"{path.stat().st_mode & 0o777:o} {hashlib.file_digest(content, 'sha256').hexdigest()}"


def builds_of(file: FleetFile) -> list[Build]:
    """The builds of a file that can be done from the fleet."""
    return [build for build in file.builds if build.context is not None and build.dockerfile is not None]
