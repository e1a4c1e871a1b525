"""What people and programs read about what containers use."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from trimtab.fleet.sizes import size_text
from trimtab.history.usage import Subject, Usage
from trimtab.observe.sampler import Seen
from trimtab.observe.watch import Cost, Observation
from trimtab.report import figures

NEAR, HELD_BACK = 0.9, 0.05
"""From which share of its memory limit a container is near it, and of its periods it is held back noticeably."""

_WIDE = 110
"""Columns of a terminal from which there is room for rates."""


def share(used: float | None, limit: float | None) -> str:
    """A share of a limit; empty without one."""
    return "" if used is None or not limit else f"{used / limit:.0%}"


def seen_data(seen: Seen) -> dict[str, object]:
    """One container in one round, for programs."""
    reading, sample = seen.reading, seen.sample
    return {
        "service": reading.subject.service, "number": reading.subject.number, "container": reading.name,
        "state": reading.state, "health": reading.health, "seconds": round(sample.seconds, 3),
        "cores": None if sample.cores is None else round(sample.cores, 4), "cpu_limit": sample.cpu_limit,
        "periods": sample.periods, "throttled": sample.throttled, "memory": sample.memory,
        "memory_limit": sample.memory_limit, "ooms": sample.ooms, "restarts": sample.restarts,
        "health_changes": sample.health_changes, "received": sample.received, "sent": sample.sent,
        "read": sample.bytes_read, "written": sample.bytes_written,
    }  # fmt: skip


def round_table(project: str, seen: Sequence[Seen], width: int = 160) -> Table:
    """All containers in one round, for people. Rates are since the round before, and left out where it is narrow."""
    table = Table(box=None, pad_edge=False, title=escape(project), title_justify="left")
    rates = ("net in/out", "disk r/w") if width >= _WIDE else ()
    columns = ("service", "state", "cores", "of limit", "held back", "memory", "of limit", *rates, "restarts", "OOM")
    for column in columns:
        table.add_column(column, justify="left" if column in {"service", "state"} else "right", no_wrap=True)
    for each in seen:
        sample, state = each.sample, each.reading.health or each.reading.state
        style = "green" if state in {"healthy", "running"} else "bold red" if state != "starting" else "yellow"
        near = sample.memory and sample.memory_limit and sample.memory >= NEAR * sample.memory_limit
        held = sample.throttled / sample.periods if sample.periods else None
        table.add_row(
            _title(each.reading.subject), f"[{style}]{state}[/]",
            "" if sample.cores is None else f"{sample.cores:.2f}", share(sample.cores, sample.cpu_limit),
            _warned(None if held is None else f"{held:.0%}", warn=(held or 0) > HELD_BACK),
            "" if sample.memory is None else size_text(sample.memory),
            _warned(share(sample.memory, sample.memory_limit), warn=bool(near)),
            *(_both_rates(each) if rates else ()),
            str(each.reading.restarts or ""), _warned(str(sample.ooms or ""), warn=True),
        )  # fmt: skip
    return table


def _both_rates(seen: Seen) -> tuple[str, str]:
    sample = seen.sample
    network = _rates(sample.received, sample.sent, sample.seconds)
    return network, _rates(sample.bytes_read, sample.bytes_written, sample.seconds)


def _title(subject: Subject) -> str:
    return escape(subject.service if subject.number == 1 else f"{subject.service}-{subject.number}")


def _warned(text: str | None, *, warn: bool) -> str:
    return f"[bold red]{text}[/]" if warn and text else text or ""


def _rates(one: int, other: int, seconds: float) -> str:
    return f"{figures.size(one / seconds)}/s {figures.size(other / seconds)}/s" if seconds and (one or other) else ""


def round_lines(seen: Sequence[Seen]) -> list[str]:
    """What deserves a line of its own when no table is drawn: what has happened, not what is as ever."""
    found: list[str] = []
    for each in seen:
        name, sample = each.reading.name, each.sample
        if sample.ooms:
            limit = f" at a limit of {size_text(sample.memory_limit)}" if sample.memory_limit else ""
            found.append(f"{name}: {sample.ooms} process{'es' if sample.ooms > 1 else ''} killed for want of memory{limit}")
        if sample.restarts:
            found.append(f"{name}: restarted {sample.restarts} time{'s' if sample.restarts > 1 else ''}")
        if sample.health_changes:
            found.append(f"{name}: is {each.reading.health or each.reading.state}")
    return found


def result_data(watch: Observation) -> dict[str, object]:
    """A whole watch for programs."""
    return {
        "schema": "trimtab.observe/1", "project": watch.project, "seconds": round(watch.cost.seconds, 3),
        "rounds": watch.rounds, "missed": watch.missed, "kept": watch.history is not None,
        "services": [usage_data(subject, usage) for subject, usage in sorted(watch.found.items())],
        "cost": {"cpu_seconds": round(watch.cost.cpu, 3), "share_of_a_core": round(watch.cost.share, 5)},
    }  # fmt: skip


def usage_data(subject: Subject, usage: Usage) -> dict[str, object]:
    """What one container used, for programs."""
    ratio = usage.throttled_ratio
    return {
        "service": subject.service, "number": subject.number, "image": subject.image, "config": subject.config,
        "samples": usage.samples, "seconds": round(usage.seconds, 3),
        "cpu": {
            "mean": usage.cpu_mean, "p95": usage.cpu_p95, "max": usage.cpu_max, "limit": usage.cpu_limit,
            "throttled": None if ratio is None else round(ratio, 4),
        },
        "memory": {"max": usage.memory_max, "last": usage.memory_last, "limit": usage.memory_limit},
        "ooms": usage.ooms, "restarts": usage.restarts, "health_changes": usage.health_changes,
        "received": usage.received, "sent": usage.sent, "read": usage.bytes_read, "written": usage.bytes_written,
    }  # fmt: skip


def result_view(watch: Observation) -> RenderableType:
    """A whole watch for people."""
    table = Table(box=None, pad_edge=False)
    for column in (
        "service",
        "cores mean",
        "p95",
        "max",
        "limit",
        "held back",
        "memory max",
        "limit",
        "used",
        "restarts",
        "OOM",
    ):
        table.add_column(column, justify="left" if column == "service" else "right", no_wrap=True)
    for subject, usage in sorted(watch.found.items()):
        ratio = usage.throttled_ratio
        near = usage.memory_max and usage.memory_limit and usage.memory_max >= NEAR * usage.memory_limit
        table.add_row(
            _title(subject),
            *("" if each is None else f"{each:.2f}" for each in (usage.cpu_mean, usage.cpu_p95, usage.cpu_max)),
            "none" if usage.cpu_limit is None else f"{usage.cpu_limit:g}",
            _warned(None if ratio is None else f"{ratio:.0%}", warn=(ratio or 0) > HELD_BACK),
            "" if usage.memory_max is None else size_text(usage.memory_max),
            "none" if usage.memory_limit is None else size_text(usage.memory_limit),
            _warned(share(usage.memory_max, usage.memory_limit), warn=bool(near)),
            str(usage.restarts or ""), _warned(str(usage.ooms or ""), warn=True),
        )  # fmt: skip
    last = f"observed `{escape(watch.project)}` for {figures.seconds(watch.cost.seconds)} in {watch.rounds} rounds"
    last += f", {watch.missed} missed" if watch.missed else ""
    return Group(table, last + ("" if watch.history is not None else "; nothing of it is kept"))


def cost_line(cost: Cost) -> str:
    """What observing took, in a sentence."""
    of_a_core = f"{cost.share:.2%} of a core" if cost.seconds else "too short to say"
    return f"observing took {cost.cpu:.2f} s of processor time over {figures.seconds(cost.seconds)}: {of_a_core}"
