"""`trimtab ci`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab import __version__
from trimtab.build import Graph, Wanted, build_graph
from trimtab.build.affected import affected
from trimtab.build.since import counts, fleet_before
from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.fix import refuse_dirty, write
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, check_format, load, show
from trimtab.cli.projects import of_the_rest, tell_unread
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.git import Place, changes_since, place
from trimtab.pipelines.besides import Beside, besides
from trimtab.pipelines.blocks import Fate, merged
from trimtab.pipelines.pins import pin_table
from trimtab.pipelines.plan import Plan, deployed_project, github_outputs, gitlab_variables, plan, plan_data
from trimtab.pipelines.suites import suites
from trimtab.pipelines.texts import (
    MAIN_FILES,
    Pipeline,
    PipelineFile,
    Provider,
    Said,
    has_renovate,
    pipeline_files,
    read_fleet,
    read_said,
)
from trimtab.report.pipelines import Written, pipeline_view, pipelines_data, pipelines_view


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Texts:
    """What is written. What is left out is as it was when the files were written, else as the repository has it."""

    provider: Annotated[Provider, Parameter(help="Whose pipeline it is.")] = "github"
    output_dir: Annotated[Path | None, Parameter(help="Where the files are put, instead of the top of the repository.")] = None
    branch: Annotated[str, Parameter(help="The branch that images are kept of and that is deployed.")] = ""
    registry: Annotated[
        str, Parameter(help="What images are put below, `registry.example.com/acme`; else the provider's own.")
    ] = ""
    install: Annotated[str, Parameter(help="What pip installs trimtab from in the pipeline; else this version.")] = ""
    fail_on: Annotated[str, Parameter(help="The least severity that fails the scan of an image; else `high`.")] = ""
    dry_run: Annotated[bool, Parameter(negative="", help="Write nothing.")] = False
    diff: Annotated[bool, Parameter(negative="", help="Show the changes.")] = False
    check: Annotated[
        bool, Parameter(negative="", help="Write nothing, and exit with 1 when a file is not as it would be written.")
    ] = False
    force: Annotated[bool, Parameter(negative="", help="Replace what somebody has written or edited, too.")] = False
    allow_dirty: Annotated[bool, Parameter(negative="", help="With --force: what is not committed, too.")] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run has to do, instead of files."""

    plan: Annotated[
        bool, Parameter(negative="", help="Print what a run has to do: images in waves, tests, what is deployed.")
    ] = False
    since: Annotated[str, Parameter(help="With --plan: only what a change since this git revision reaches.")] = ""


def ci(paths: Paths = (), /, *, texts: Texts | None = None, run: Run | None = None, common: Common | None = None) -> int:
    """Write the pipeline of a fleet for GitHub Actions or GitLab CI, or print what one run of it has to do.

    What somebody has edited between the marks of a block, or written where a file belongs, is shown and stays unless --force is
    passed; where something else would be written there now, it exits with 1.
    """
    texts, run, common = texts or Texts(), run or Run(), common or Common()
    if run.since and not run.plan:
        raise UsageError("--since is about one run: pass --plan with it.")
    check_format(common, ("github", "gitlab") if run.plan else ())
    loaded = load(paths, common, RuleChoice(offline=True), reviews=False)
    unread = tell_unread(loaded.fleet, common)
    if loaded.chosen is not None:
        raise UsageError("A pipeline is for a whole fleet: name its folder.")
    graph = build_graph(loaded.fleet, loaded.root.name, Wanted())
    if not graph.targets:
        raise UsageError(f"There is nothing to build below `{loaded.root}`.")
    where = anyio.run(place, ProcessRunner(), loaded.root)
    if run.plan:
        return of_the_rest(_planned(loaded, graph, where, run, common), unread)
    return of_the_rest(_written(loaded, graph, where, texts, common), unread)


def _planned(loaded: Loaded, graph: Graph, where: Place, run: Run, common: Common) -> int:
    planned = anyio.run(_plan, loaded, graph, run.since, common)
    if common.format in {"github", "gitlab"} and not common.quiet:
        common.messages.print(pipeline_view(planned))
    others = {"github": lambda: github_outputs(planned, where.inside), "gitlab": lambda: gitlab_variables(planned)}
    show(common, lambda: plan_data(planned, run.since or None), lambda: pipeline_view(planned), others)
    return CLEAN


async def _plan(loaded: Loaded, graph: Graph, since: str, common: Common) -> Plan:
    found = suites(loaded.fleet, graph)
    if not since:
        return plan(loaded.fleet, graph, loaded.root.name, found, None)
    runner = ProcessRunner()
    changes = await changes_since(runner, loaded.root, since)
    fleet, changed = await fleet_before(runner, loaded.root, loaded.fleet, changes)
    reaches = affected(graph, build_graph(fleet, loaded.root.name, Wanted()), changed)
    if not common.quiet:
        common.messages.print(f"since {changes.base[:12]}: {counts(changes.statuses)}", markup=False)
    return plan(loaded.fleet, graph, loaded.root.name, found, reaches, changed.paths)


def _written(loaded: Loaded, graph: Graph, where: Place, texts: Texts, common: Common) -> int:
    top = (texts.output_dir or where.top).resolve()
    main = top / MAIN_FILES[texts.provider]
    asked = Said(texts.branch, texts.registry.rstrip("/"), texts.install, texts.fail_on)
    current = _read(main) or ""
    if not texts.force:
        _refuse_another(read_fleet(current), where, MAIN_FILES[texts.provider])
    said = asked.over(read_said(current))
    if said.fail_on not in {"", "info", "low", "medium", "high", "critical"}:
        raise UsageError(f"`--fail-on {said.fail_on}` is none of info, low, medium, high, critical.")
    pipeline = Pipeline(
        loaded.fleet, graph, suites(loaded.fleet, graph), loaded.root.name, where.inside, where.branch or "main",
        f"trimtab=={__version__}", said,
    )  # fmt: skip
    wanted = pipeline_files(pipeline, texts.provider, _beside(where.top))
    files = [_merged(top, each, force=texts.force) for each in wanted]
    others: tuple[Beside, ...] = () if where.inside else besides(loaded.fleet.tree, MAIN_FILES["github"])
    written = not (texts.dry_run or texts.check)
    if written:
        _write(replace(loaded, root=top), files, allow_dirty=texts.allow_dirty)
    show(
        common,
        lambda: pipelines_data(files, others, written=written),
        lambda: pipelines_view(files, others, _notes(pipeline, where), diff=texts.diff, written=written),
    )
    left = any(each.merged.fate is Fate.LEFT for each in files)
    return FINDINGS if left or (texts.check and any(each.changes for each in files)) else CLEAN


def _refuse_another(folder: str | None, where: Place, path: str) -> None:
    """Keep a pipeline that is for another fleet of the repository.

    Raises:
        UsageError: it is, and that fleet is still there.
    """
    if folder is None or folder == where.inside or not (where.top / folder).is_dir():
        return
    raise UsageError(
        f"`{path}` is the pipeline of the fleet in `{folder or '.'}`, and would be one of `{where.inside or '.'}` alone. "
        "Pass --force to replace it, or name the folder above both; --output-dir writes another one elsewhere."
    )


def _beside(top: Path) -> list[str]:
    """What lies at the repository's top and in `.github`."""
    return [path.name for folder in (top, top / ".github") if folder.is_dir() for path in folder.iterdir()]


def _merged(top: Path, file: PipelineFile, *, force: bool) -> Written:
    current = _read(top / file.path)
    return Written(file.path, current, merged(current, file.text, force=force))


def _write(loaded: Loaded, files: list[Written], *, allow_dirty: bool) -> None:
    """Write what changes; somebody's work that goes has to be in git.

    Raises:
        UsageError: it is not, or a file cannot be written.
    """
    lost = [each.path for each in files if any(block.fate is Fate.REPLACED for block in each.merged.blocks)]
    lost += [each.path for each in files if each.merged.fate is Fate.REPLACED and each.path not in lost]
    refuse_dirty(loaded, lost, allow_dirty=allow_dirty)
    write(loaded.root, {each.path: each.merged.text for each in files if each.changes})


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else None
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {error.strerror or error}.") from error


def _notes(pipeline: Pipeline, where: Place) -> list[str]:
    """What somebody has to know who uses the files."""
    notes = [] if where.branch or pipeline.said.branch else ["the default branch is not known and taken to be `main`: --branch"]
    without = [name for name in pipeline.graph.targets if all(suite.target != name for suite in pipeline.suites)]
    if without:
        shown = ", ".join(without[:5]) + (f" and {len(without) - 5} more" if len(without) > 5 else "")
        notes.append(f"no tests were found for {shown}")
    if has_renovate(_beside(where.top)):
        notes.append("Renovate is set up, so there is no file for Dependabot")
    if deployed_project(pipeline.fleet) is None:
        notes.append("nothing says which compose project is deployed, so there is no job for it")
    notes.append(f"actions are pinned as of {pin_table().as_of}")
    return notes
