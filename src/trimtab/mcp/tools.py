"""The tools, in the order in which a client is shown them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import mcp_types as types

from trimtab.mcp import order
from trimtab.mcp.arguments import (
    Arguments,
    BuildArguments,
    DeployArguments,
    ExplainArguments,
    FixArguments,
    GateArguments,
    OptimizeArguments,
    PlanArguments,
    ReviewArguments,
    ScanArguments,
    StatusArguments,
)

_CLEAN_UP = 60.0
"""Seconds. Removing what twenty experiments had started takes some ten."""
_GO_BACK = 900.0
"""Seconds. A deployment that is interrupted puts back what was there, and old versions may have time to end."""

Schema = Mapping[str, object]


@dataclass(frozen=True)
class Tool:
    """One of trimtab's commands, as a client sees it."""

    name: str
    title: str
    description: str
    arguments: type[Arguments]
    results: tuple[Schema, ...]
    """What the command may print, as JSON Schema."""
    when_one: str
    """What exit code 1 means."""
    is_reading: bool = False
    grace: float = _CLEAN_UP
    lists: Mapping[str, order.Order] = field(default_factory=dict[str, order.Order])
    """Lists of the result of which only the first are shown, and which come first."""
    has_own_texts: bool = False
    """Its result is made of trimtab's own texts: there is nothing of the project in it to conceal."""

    def listed(self) -> types.Tool:
        """As the protocol has it."""
        hints = types.ToolAnnotations(
            title=self.title, read_only_hint=self.is_reading, destructive_hint=self.name in {"fix", "optimize", "deploy"},
            open_world_hint=not self.is_reading,
        )  # fmt: skip
        return types.Tool(
            name=self.name, title=self.title, description=self.description, annotations=hints,
            input_schema=self.arguments.model_json_schema(), output_schema=self.output_schema(),
        )  # fmt: skip

    def output_schema(self) -> dict[str, object]:
        """Of the structured result: what the command prints, with how it has ended."""
        return {
            "type": "object",
            "required": ["outcome", "exit_code", "result", "left_out", "messages"],
            "properties": {
                "outcome": {"enum": ["done", self.when_one, "incomplete", "could-not-run", "bug", "interrupted"]},
                "exit_code": {"type": "integer"},
                "result": {"anyOf": [*self.results, {"type": "null"}]},
                "left_out": {
                    "type": "object",
                    "additionalProperties": {"type": "integer"},
                    "description": "How many entries of a list `limit` has left out.",
                },
                "messages": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "The last lines that the command said to people.",
                },
            },
        }


def _schema(name: str, required: Mapping[str, object]) -> Schema:
    """Of one kind of result. Fields are added and never renamed, so others may be there as well."""
    own: Schema = {"const": f"trimtab.{name}"}
    return {"type": "object", "required": ["schema", *required], "properties": {"schema": own, **required}}


_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_YES: Schema = {"type": "boolean"}
_MAP: Schema = {"type": "object"}
_ITEMS: Schema = {"type": "array", "items": {"type": "object"}}
_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
_MAYBE: Schema = {"type": ["string", "null"]}

TOOLS = (
    Tool(
        "review", "Review the fleet",
        "Find what is wrong in Dockerfiles, build contexts, compose files and scripts, across files. Worst findings first."
        " Writes nothing.",
        ReviewArguments,
        (
            _schema(
                "review/1",
                {"score": _NUMBER, "scores": _MAP, "files": _ITEMS, "findings": _ITEMS, "contexts": _ITEMS, "errors": _ITEMS},
            ),
        ),
        "findings", is_reading=True, lists={"findings": order.severity, "files": order.score, "contexts": order.size},
    ),
    Tool(
        "explain", "Explain a rule", "What a rule finds, why it matters, and when its fix is safe; or a list of all rules.",
        ExplainArguments,
        (
            _schema("rule/1", {"code": _TEXT, "name": _TEXT, "severity": _TEXT, "documentation": _TEXT}),
            _schema("rules/1", {"rules": _ITEMS}),
        ),
        "failed", is_reading=True, has_own_texts=True,
    ),
    Tool(
        "fix", "Fix what can be fixed safely",
        "Show the changes of every safe fix as diffs; with `apply` write them. Each result is parsed and reviewed again.",
        FixArguments, (_schema("fix/1", {"written": _YES, "files": _ITEMS}),), "failed", lists={"files": order.change},
    ),
    Tool(
        "plan", "Plan changes", "Everything that could be changed, in ordered batches: what, how risky, how it will be proven.",
        PlanArguments, (_schema("plan/1", {"batches": _ITEMS}),), "findings", is_reading=True,
        lists={"batches": order.as_it_is},
    ),
    Tool(
        "optimize", "Optimise with proof",
        "Build and run every touched service before and after each change, and keep what is proven; with `apply` write it."
        " Takes minutes to hours, reports progress, can be cancelled. Needs a Docker engine.",
        OptimizeArguments,
        (_schema("optimize/1", {"run": _TEXT, "environment": _MAP, "files": _ITEMS, "written": _TEXTS}),),
        "nothing-accepted", lists={"files": order.verdict},
    ),
    Tool(
        "build", "Build images",
        "Build the fleet's images in the best order, only what changed where `since` or `changed` is given. Needs an engine.",
        BuildArguments,
        (
            _schema("build/1", {"run": _TEXT, "seconds": _NUMBER, "targets": _ITEMS, "interrupted": _YES}),
            _schema("affected/1", {"targets": _MAP}),
        ),
        "failed", lists={"targets": order.build},
    ),
    Tool(
        "scan", "Scan for vulnerabilities and secrets",
        "Look for vulnerabilities, credentials, and how the CIS Docker Benchmark is met. `incomplete` is not clean: it says"
        " what could not be looked at.",
        ScanArguments,
        (_schema("scan/1", {"outcome": _TEXT, "reasons": _TEXTS, "counts": _MAP, "targets": _ITEMS, "not_checked": _ITEMS}),),
        "findings", lists={"targets": order.scanned, "controls": order.control, "not_checked": order.as_it_is},
    ),
    Tool(
        "gate", "Ask the quality gates", "Hold the fleet against its gates. What was not measured does not pass.",
        GateArguments, (_schema("gate/1", {"passed": _YES, "checks": _ITEMS}),), "not-passed",
    ),
    Tool(
        "status", "What runs", "What runs of a compose project: state, health, revision, image. Needs a Docker engine.",
        StatusArguments, (_schema("status/1", {"project": _TEXT, "services": _ITEMS}),), "not-well", is_reading=True,
    ),
    Tool(
        "deploy", "Deploy a compose project",
        "Show what a deployment would do and why; with `apply` replace what has changed, one service after the other, and go"
        " back where the new version is not good. Needs a Docker engine.",
        DeployArguments,
        (
            _schema("plan-of-deployment/1", {"project": _TEXT}),
            _schema("deployment/1", {"project": _TEXT, "outcome": _MAYBE}),
        ),
        "failed", grace=_GO_BACK,
    ),
)  # fmt: skip


def offered(*, allow_deploy: bool) -> Mapping[str, Tool]:
    """The tools of a server by name; `deploy` only where that was allowed when it was started."""
    return {tool.name: tool for tool in TOOLS if allow_deploy or tool.name != "deploy"}
