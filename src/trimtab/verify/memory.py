"""What earlier runs have proven: found again when every input is the same."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from pydantic import TypeAdapter

from trimtab import __version__
from trimtab.docker import command as argv
from trimtab.fleet import Build, BuildContext, FleetFile
from trimtab.fleet.copies import sent_files
from trimtab.history import PROOFS_KEPT
from trimtab.rewrite import FileChange
from trimtab.verify.company import neighbours
from trimtab.verify.evidence import Evidence
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


_ADAPTER = TypeAdapter(Proof)
_AHEAD = timedelta(days=-1)
"""What is kept under a later time was kept by a clock that has been set back since: nobody knows how old it is."""


@dataclass(frozen=True)
class Memory:
    """Proofs in a store; without a store nothing is remembered."""

    store: Store | None
    engine: str

    async def recall(self, key: str) -> Proof | None:
        """What is known, unless it is too old, of a time that has not come yet, or of another form."""
        found = self.store.proof(key) if self.store else None
        if found is None or not _AHEAD <= datetime.now(UTC) - datetime.fromisoformat(found[1]) <= PROOFS_KEPT:
            return None
        try:
            proof = _ADAPTER.validate_json(found[0])
        except ValueError:
            return None
        return replace(proof, evidence=replace(proof.evidence, remembered=found[1]))

    def keep(self, key: str, proof: Proof) -> None:
        """Remember an end at once, so that a run that is killed is taken up where it was."""
        if self.store:
            self.store.keep_proof(key, _ADAPTER.dump_json(proof).decode())

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
            "services": [repr(service) for service in services],
            "smoke": {service.name: laboratory.smoke.get(service.name) for service in file.services},
            "measures": asdict(laboratory.measures),
            "bases": await _bases(laboratory, file),
            "context": [list(_context(laboratory, file, context)) for context in file.contexts],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()


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
        if entry.kind == "link" or not full.is_file():
            yield path, entry.kind
            continue
        with full.open("rb") as content:
            yield path, f"{full.stat().st_mode & 0o777:o} {hashlib.file_digest(content, 'sha256').hexdigest()}"


def builds_of(file: FleetFile) -> list[Build]:
    """The builds of a file that can be done from the fleet."""
    return [build for build in file.builds if build.context is not None and build.dockerfile is not None]
