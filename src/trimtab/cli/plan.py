"""`trimtab plan`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, load, overlooked, show
from trimtab.cli.projects import of_the_rest, tell_unread
from trimtab.fleet import Fleet
from trimtab.fleet.compose.facts import ComposeFacts, replicas
from trimtab.fleet.compose.isolation import plan as network_plan
from trimtab.fleet.compose.sizing import propose
from trimtab.fleet.compose.startup import faster_checks, predict
from trimtab.fleet.script_jobs import job_of
from trimtab.fleet.sizes import size_text
from trimtab.report.exchange import cell, code
from trimtab.report.words import counted, one_line
from trimtab.rewrite import ChangeSet, FileChange, rewrite


@dataclass(frozen=True)
class Batch:
    """Changes that are made together, in the order in which they are best made."""

    title: str
    command: str
    risk: str
    proof: str
    predicted: str
    """What it should bring; empty where nobody can say before it is measured."""
    items: tuple[str, ...]


def plan(
    paths: Paths = (),
    /,
    *,
    choice: RuleChoice | None = None,
    common: Common | None = None,
) -> int:
    """List everything that could be changed over the fleet, in ordered batches: what, how risky, and how it will be proven.

    Nothing is written. What is predicted is called that; `trimtab optimize` measures. Exits with 1 when there is something to
    do.
    """
    common = common or Common()
    loaded = load(paths, common, choice)
    overlooked(loaded, common)
    unread = tell_unread(loaded.fleet, common)
    changes = rewrite(loaded.fleet, unsafe=True, proof=True, paths=loaded.chosen, rules=loaded.rules)
    safe = rewrite(loaded.fleet, paths=loaded.chosen, rules=loaded.rules)
    batches = [batch for batch in _batches(loaded, changes, safe) if batch.items]
    show(common, lambda: _data(batches), lambda: _view(batches), {"markdown": lambda: _markdown(batches)})
    return of_the_rest(FINDINGS if batches else CLEAN, unread)


def _batches(loaded: Loaded, changes: ChangeSet, safe: ChangeSet) -> Iterator[Batch]:
    fleet = loaded.fleet
    at_once = {change.path for change in safe.changed if change.after == _after(changes, change.path)}
    kinds = {"Dockerfiles": list[FileChange](), "ignore files": list[FileChange](), "compose files": list[FileChange](),
             "scripts": list[FileChange]()}  # fmt: skip
    for change in changes.changed:
        kinds[_kind(fleet, change)].append(change)
    yield _fixes(
        loaded, "files whose every fix is safe", "trimtab fix", "low", "each result is parsed and reviewed again",
        [change for change in changes.changed if change.path in at_once],
    )  # fmt: skip
    left = {kind: [change for change in found if change.path not in at_once] for kind, found in kinds.items()}
    unproven = ("trimtab optimize", "none is kept that is not proven")
    yield _fixes(
        loaded, "Dockerfiles", *unproven, "built, compared and run before and after; measured", left["Dockerfiles"]
    )  # fmt: skip
    yield _fixes(
        loaded, "ignore files", *unproven, "every image whose context changes is built and compared", left["ignore files"]
    )  # fmt: skip
    yield _fixes(
        loaded, "settings of services", *unproven, "each service is run with the old settings and the new ones",
        left["compose files"],
    )  # fmt: skip
    yield from _proposals(loaded)
    yield _fixes(
        loaded, "scripts", "trimtab fix --unsafe", "medium: a script's runs are not tried out", "each result is parsed again",
        left["scripts"],
    )  # fmt: skip
    yield _taken_over(loaded, changes)


def _taken_over(loaded: Loaded, changes: ChangeSet) -> Batch:
    """The scripts whose work `trimtab scripts` does; what no fix mends in them the new ones do not have."""
    files = {change.path: change for change in changes.files}
    found: dict[str, tuple[str, int]] = {}
    for part in loaded.fleet.scripts:
        job = job_of(part) if loaded.chosen is None or part.path in loaded.chosen else None
        left = sum(skip.finding.rule.startswith("SC") for skip in files[part.path].skipped) if part.path in files else 0
        if job is not None and left:
            found[part.path] = (job, left)
    total = sum(left for _, left in found.values())
    return Batch(
        "scripts that trimtab's own can replace", "trimtab scripts", "low: one that is there stays unless `--force` is given",
        "none: the new ones stand beside them, to be tried", f"{counted(total, 'finding')} fewer that no fix mends",
        tuple(f"{path}: {job}, {counted(left, 'finding')}" for path, (job, left) in found.items()),
    )  # fmt: skip


def _fixes(loaded: Loaded, title: str, command: str, risk: str, proof: str, changes: Sequence[FileChange]) -> Batch:
    categories = {rule.code: str(rule.category) for rule in loaded.rules}
    fewer = Counter(categories[fix.rule] for change in changes for fix in change.applied)
    parts = ", ".join(f"{category} {number}" for category, number in fewer.most_common())
    predicted = f"{counted(fewer.total(), 'finding')} fewer: {parts}" if fewer else ""
    return Batch(title, command, risk, proof, predicted, tuple(_line(change) for change in changes))


def _proposals(loaded: Loaded) -> Iterator[Batch]:
    """What commands of their own do for compose projects, where a rule that finds it is chosen, and a file of the project."""
    codes = {rule.code for rule in loaded.rules}
    for project in loaded.fleet.projects:
        if loaded.chosen is not None and loaded.chosen.isdisjoint(project.files):
            continue
        facts = ComposeFacts(loaded.fleet, project)
        name = ", ".join(project.files)
        if "CM122" in codes:
            yield _quicker_start(name, facts)
        if codes & _SIZES:
            yield _sizes(name, facts)
        if "CM301" in codes:
            yield _networks(name, facts)


_SIZES = {"CM101", "CM102", "CM103"}


def _quicker_start(name: str, facts: ComposeFacts) -> Batch:
    faster = faster_checks(facts)
    before, after = predict(facts, {}).seconds, predict(facts, {}, faster).seconds
    quicker = tuple(f"{service}: ask every second while it starts" for service in faster) if before - after > 0.5 else ()
    return Batch(
        f"start-up of {name}", "trimtab startup --prove --apply", "low", "the project is started before and after",
        f"{before:.0f} s → {after:.0f} s", quicker,
    )  # fmt: skip


def _sizes(name: str, facts: ComposeFacts) -> Batch:
    every = list(propose(facts))
    bounded = sum(each.before[0] is not None for each in every)
    together = size_text(sum(each.after.limit * replicas(each.service) for each in every))
    return Batch(
        f"sizes in {name}", "trimtab resources --apply", "medium: a default is not what was observed",
        "none before its use is observed",
        f"services with a memory limit {bounded} → {len(every)} of {len(every)}, {together} together",
        tuple(f"{each.service.name}: {counted(len(each.wants), 'size')} ({each.basis})" for each in every if each.wants),
    )  # fmt: skip


def _networks(name: str, facts: ComposeFacts) -> Batch:
    segments, services = network_plan(facts).segments, facts.project.services
    reach = ((each, _reaching(facts, each.store)) for each in segments)
    predicted = "; ".join(f"services that reach `{each.store}` {now} → {len(each.members)}" for each, now in reach)
    return Batch(
        f"networks of {name}", "trimtab networks --prove --apply", "high: an address made up at run time is not seen",
        "the project is started before and after with `--prove`; what no health check shows, somebody has to look at",
        f"{predicted}, of {len(services)}",
        tuple(f"{each.store}: with {len(each.members)} that talk to it" for each in segments),
    )  # fmt: skip


def _reaching(facts: ComposeFacts, store: str) -> int:
    """How many other services share a network with a store."""
    placed = {service.name: facts.networks(service) or frozenset[str]() for service in facts.project.services}
    return sum(bool(networks & placed[store]) for name, networks in placed.items() if name != store)


def _after(changes: ChangeSet, path: str) -> str | None:
    return next((change.after for change in changes.changed if change.path == path), None)


def _kind(fleet: Fleet, change: FileChange) -> str:
    if fleet.file(change.path):
        return "Dockerfiles"
    if change.effects.scripts:
        return "scripts"
    return "compose files" if change.path in fleet.compose_files else "ignore files"


def _line(change: FileChange) -> str:
    rules = ", ".join(change.rules)
    return f"{change.path}: {rules}" if rules else change.path


def _data(batches: Sequence[Batch]) -> dict[str, object]:
    return {
        "schema": "trimtab.plan/1",
        "batches": [
            {
                "title": batch.title,
                "command": batch.command,
                "risk": batch.risk,
                "proof": batch.proof,
                "predicted": batch.predicted or None,
                "items": list(batch.items),
            }
            for batch in batches
        ],
    }


def _view(batches: Sequence[Batch]) -> RenderableType:
    if not batches:
        return "nothing to do"
    parts: list[RenderableType] = []
    for number, batch in enumerate(batches, start=1):
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row("with", Text(batch.command, "bold"))
        table.add_row("risk", Text(batch.risk))
        table.add_row("proof", Text(batch.proof))
        if batch.predicted:
            table.add_row("predicted", Text(batch.predicted))
        for item in batch.items:
            table.add_row("", Text(one_line(item)))
        parts += [Text.assemble((one_line(f"{number}. {batch.title}"), "bold"), f" ({len(batch.items)})"), table, ""]
    return Group(*parts[:-1])


def _markdown(batches: Sequence[Batch]) -> str:
    lines = ["# Plan", ""]
    for number, batch in enumerate(batches, start=1):
        lines += [f"## {number}. {cell(batch.title)}", "", f"- with: {code(batch.command)}", f"- risk: {cell(batch.risk)}"]
        lines += [f"- proof: {cell(batch.proof)}", *([f"- predicted: {cell(batch.predicted)}"] if batch.predicted else []), ""]
        lines += [f"- [ ] {cell(item)}" for item in batch.items] + [""]
    return "\n".join(lines)
