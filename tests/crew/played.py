"""A stage for roles: results that commands would have left, and steps that fail as they are told to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trimtab.crew.instructions import understand
from trimtab.crew.model import Brief, Done, Role, Step

_NOTHING: list[object] = []
_THING: dict[str, object] = {}
RESULTS: Mapping[str, Mapping[str, object]] = {
    "review": {
        "files": [{"path": "a/Dockerfile"}],
        "findings": [
            {"fingerprint": "1", "severity": "high", "path": "a/Dockerfile", "line": 1, "rule": "DF201", "message": "m"}
        ],
        "contexts": _NOTHING,
        "errors": _NOTHING,
    },
    "score": {"score": 80.0, "scores": {"security": 7.5}},
    "review-before": {
        "files": [],
        "findings": [
            {"fingerprint": "1", "severity": "high", "path": "a/Dockerfile", "line": 1, "rule": "DF201", "message": "m"}
        ],
        "errors": [],
    },
    "score-before": {"score": 70.0},
    "plan": {"batches": [{"title": "safe", "items": ["one", "two"]}]},
    "builds": {"targets": {"a": _NOTHING}, "waves": [["a"]]},
    "deployment": {"moves": [_THING]},
    "resources": {"projects": [{"files": ["compose.yaml"], "services": [_THING], "limits": 100}]},
    "networks": {"projects": [{"files": ["compose.yaml"], "networks": _NOTHING}]},
    "startup": {"projects": [{"files": ["compose.yaml"], "predicted": {"before": 4.0}}]},
    "bases": {"files": _NOTHING},
    "pipeline": {"files": [{"path": "x.yml", "fate": "new"}]},
    "monitoring": {"files": _NOTHING},
    "bake": {"target": {"a": _THING}},
    "scripts": {"files": [{"path": "s.sh", "outcome": "new"}], "before": _NOTHING},
    "optimize": {
        "run": "r2",
        "files": [{"path": "a/Dockerfile", "verdict": "accepted", "reason": "same"}],
        "totals": [{"name": "image bytes", "images": 1, "before": 200, "after": 100, "unit": "bytes"}],
    },
    "scripts-mended": {"files": [{"path": "s.sh", "changed": True}]},
    "build": {"targets": [{"target": "a", "outcome": "built", "reason": None}], "seconds": 2.0, "cache_hit_rate": 0.5},
    "build-before": {"targets": _NOTHING},
    "start": {"projects": [{"measured": [[3.0, 3.0]]}]},
    "scan": {"counts": {"critical": 0}, "controls": _NOTHING, "not_checked": _NOTHING, "advisories_as_of": "2026-11-01"},
    "gate": {
        "passed": True,
        "checks": [{"gate": "overall", "subject": "fleet", "state": "passed", "measured": "80", "limit": "70"}],
    },
    "alerts": {"files": _NOTHING},
    "report": {"schema": "trimtab.report/1"},
}


@dataclass
class Stage:
    """Plays every step, one of them in the way that is said."""

    brief: Brief
    role: Role
    results: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: RESULTS)
    codes: dict[str, int] = field(default_factory=dict[str, int])
    silent: set[str] = field(default_factory=set[str])
    """Steps that leave no result."""
    asked: list[Step] = field(default_factory=list[Step])

    async def do(self, step: Step) -> Done:
        self.asked.append(step)
        data = None if step.name in self.silent else dict(self.results[step.name])
        if data is not None:
            path = self.brief.role_folder(self.role) / step.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(data))
        return Done(step, len(self.asked), self.codes.get(step.name, 0), data, "it said why")

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.asked]


def brief_of(folder: Path, words: str = "", **more: object) -> Brief:
    """A brief about a fleet with nothing in it."""
    root, tree = folder / "root", folder / "tree"
    for each in (root, tree):
        each.mkdir(exist_ok=True)
    (root / "compose.yaml").write_text("services: {}\n")

    async def before() -> Path:
        return folder / "before"

    more = {"branch": "trimtab/r1", "before": before, **more}
    return Brief("r1", root, tree, folder / "run", understand(words), **more)  # pyright: ignore[reportArgumentType]
