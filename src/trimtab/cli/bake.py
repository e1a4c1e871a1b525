"""`trimtab bake`."""

from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from trimtab.build import Wanted, build_graph
from trimtab.build.bakefile import bake_file
from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.options import Common, Paths, RuleChoice, load, write_text
from trimtab.cli.projects import of_the_rest, tell_unread
from trimtab.errors import UsageError
from trimtab.report.build import problem_lines


def bake(
    paths: Paths = (),
    /,
    *,
    print_: Annotated[
        bool, Parameter(name="--print", negative="", help="Print the file, which is what this does anyway.")
    ] = True,
    service: Annotated[
        tuple[str, ...], Parameter(name=["--service", "-s"], negative="", help="Services or targets, with all that they need.")
    ] = (),
    all_: Annotated[
        bool, Parameter(name="--all", negative="", help="Variant compose files and Dockerfiles that nothing names, too.")
    ] = False,
    common: Common | None = None,
) -> int:
    """Print a bake file for the fleet, with images of the fleet that others start from linked; it needs no trimtab.

    Use it as `trimtab bake > docker-bake.json && docker buildx bake`. Exits with 1 when something is left out of it.
    """
    del print_
    common = common or Common()
    loaded = load(paths, common, RuleChoice(offline=True), reviews=False)
    unread = tell_unread(loaded.fleet, common, loaded.chosen)
    graph = build_graph(loaded.fleet, loaded.root.name, Wanted(loaded.chosen, service, all_))
    if not graph.targets:
        raise UsageError(f"There is nothing to build below `{loaded.root}`. {' '.join(graph.problems)}".strip())
    for line in problem_lines(graph) if not common.quiet else []:
        common.messages.print(f"[yellow]note:[/yellow] {escape(line)}", soft_wrap=True)
    write_text(common, bake_file(graph))
    return of_the_rest(FINDINGS if graph.circular else CLEAN, unread)
