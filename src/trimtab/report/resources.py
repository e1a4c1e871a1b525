"""What people and programs read about the sizes of services."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from trimtab.fleet import ComposeProject
from trimtab.fleet.sizes import size_text
from trimtab.observe.live import Changed
from trimtab.observe.proposals import Sized


@dataclass(frozen=True)
class ProjectSizes:
    """One compose project with a proposal for each service."""

    project: ComposeProject
    name: str
    """The name under which it was observed; empty where it was not."""
    sizes: tuple[Sized, ...]

    @property
    def limits(self) -> int:
        """Bytes of the limits of all containers together, of what starts without a profile."""
        return sum(each.together for each in self.sizes if not each.service.profiles)


def sizes_data(plans: Sequence[ProjectSizes], host: int | None, changed: Sequence[Changed]) -> dict[str, object]:
    """Sizes for programs."""
    return {
        "schema": "trimtab.resources/1",
        "host_memory": host,
        "projects": [
            {
                "files": list(plan.project.files), "observed": plan.name or None,
                "limits": plan.limits,
                "services": [_sized_data(each) for each in plan.sizes],
            }
            for plan in plans
        ],
        "live": [
            {"container": each.change.name, "service": each.change.service, "kept": each.kept, "reason": each.reason}
            for each in changed
        ],
    }  # fmt: skip


def _sized_data(each: Sized) -> dict[str, object]:
    advice = each.advice
    return {
        "service": each.service.name,
        "kind": each.default.kind,
        "basis": each.basis,
        "confidence": None if advice is None else str(advice.confidence),
        "reasons": [] if advice is None else list(advice.reasons),
        "held": [] if advice is None else list(advice.held),
        "before": asdict(each.given),
        "after": asdict(each.after),
        "cpu_shares": None if advice is None else advice.shares,
        "evidence": None if each.evidence is None else asdict(each.evidence),
    }


def sizes_view(
    plans: Sequence[ProjectSizes], host: int | None, changed: Sequence[Changed], written: Sequence[str], refused: Sequence[str]
) -> RenderableType:
    """Sizes for people."""
    parts: list[RenderableType] = []
    for plan in plans:
        total = plan.limits
        against = f" of the host's {size_text(host)}: {total / host:.0%}" if host else "; `host-memory` says what the host has"
        parts += [_table(plan), *_sentences(plan), f"limits together: {size_text(total)}{against}", ""]
    parts += [_live_line(each) for each in changed]
    parts += [f"written: {escape(path)}" for path in written]
    parts += [f"[yellow]left alone[/yellow]: {escape(reason)}" for reason in refused]
    return Group(*parts) if parts else "no compose project"


def _table(plan: ProjectSizes) -> Table:
    table = Table(title=", ".join(plan.project.files), title_justify="left", box=None, pad_edge=False)
    for column in ("service", "memory", "reserved", "cpus", "basis"):
        table.add_column(column, justify="left" if column in {"service", "basis"} else "right", no_wrap=True)
    for each in plan.sizes:
        given, after = each.given, each.after
        table.add_row(
            escape(each.service.name),
            _cell(_size(given.memory), _size(after.memory)),
            _cell(_size(given.reservation), _size(after.reservation)),
            _cell(_cores(given.cpus), _cores(after.cpus)),
            each.basis if each.wants or each.advice else "as it is",
        )
    return table


def _sentences(plan: ProjectSizes) -> list[str]:
    """Why, and what is held back, service by service."""
    found: list[str] = []
    for each in plan.sizes:
        if each.advice is not None:
            lines = [*each.advice.reasons, *(f"[dim]held back:[/dim] {escape(line)}" for line in each.advice.held)]
            found += [f"  {escape(each.service.name)}: {line}" for line in lines]
    return found


def _live_line(changed: Changed) -> str:
    head = "[green]kept[/green]" if changed.kept else "[yellow]taken back[/yellow]"
    return f"{head}: {escape(changed.change.name)}: {changed.change.says}: {escape(changed.reason)}"


def _size(size: int | None) -> str | None:
    return size_text(size) if size else None


def _cores(cores: float | None) -> str | None:
    return f"{cores:g}" if cores else None


def _cell(before: str | None, after: str | None) -> str:
    if before == after:
        return after or "none"
    return f"[dim]{before or 'none'} →[/dim] [bold]{after or 'none'}[/bold]"
