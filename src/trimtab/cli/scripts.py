"""`trimtab scripts`."""

import difflib
from collections.abc import Sequence
from typing import Annotated, TypeVar

from cyclopts import Parameter

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.fix import refuse_dirty, write
from trimtab.cli.options import Common, Paths, RuleChoice, check_format, load, show
from trimtab.cli.projects import of_the_rest, tell_unread
from trimtab.deploy.frontends import ENDINGS, JOBS, SHELLS, front_ends
from trimtab.deploy.predecessors import predecessors
from trimtab.deploy.written import Outcome, generated
from trimtab.errors import UsageError
from trimtab.report.scripts import Placed, scripts_data, scripts_view
from trimtab.review import review

_Word = TypeVar("_Word", bound=str)


def scripts(
    paths: Paths = (),
    /,
    *,
    output_dir: Annotated[str, Parameter(help="Where they are written, counted from PATH.")] = "scripts",
    only: Annotated[tuple[str, ...], Parameter(negative="", help="`deploy`, `build`, `rollback`; all when left out.")] = (),
    shell: Annotated[tuple[str, ...], Parameter(negative="", help="`bash`, `powershell`; both when left out.")] = (),
    dry_run: Annotated[bool, Parameter(negative="", help="Write nothing.")] = False,
    diff: Annotated[bool, Parameter(negative="", help="Show the changes.")] = False,
    force: Annotated[bool, Parameter(negative="", help="Replace scripts that somebody has written or edited, too.")] = False,
    allow_dirty: Annotated[bool, Parameter(negative="", help="With --force: those with uncommitted changes, too.")] = False,
    common: Common | None = None,
) -> int:
    """Write deploy, build and rollback scripts that call trimtab, for bash and PowerShell, in place of those a fleet has.

    What somebody has written or edited stays, and is named, unless --force is passed; then it exits with 1. The scripts that
    do the same job already are named with what is wrong with them, and with what becomes of their flags.
    """
    common = common or Common()
    check_format(common)
    jobs, shells = _chosen(only, JOBS, "--only"), _chosen(shell, SHELLS, "--shell")
    loaded = load(paths, common, RuleChoice(offline=True))
    unread = tell_unread(loaded.fleet, common)
    if loaded.chosen is not None:
        raise UsageError("Scripts are written for a whole fleet: name its folder.")
    gated = bool(loaded.config.gate.model_fields_set)
    fronts = front_ends(loaded.fleet, loaded.root.name, output_dir, jobs, shells, gated=gated)
    placed = [Placed(front, generated(loaded.root / front.path, front.text, force=force)) for front in fronts]
    found = review(loaded.fleet, [rule for rule in loaded.rules if rule.code.startswith("SC")]).findings
    texts = {each.front.path: each.front.text for each in placed if each.file.is_written}
    if not dry_run:
        lost = [each.front.path for each in placed if each.file.outcome is Outcome.REPLACED]
        refuse_dirty(loaded, lost, allow_dirty=allow_dirty)
        write(loaded.root, texts, {path for path in texts if path.endswith(ENDINGS["bash"])})
    old = predecessors(loaded.fleet, found, jobs)
    show(
        common,
        lambda: scripts_data(placed, old, written=not dry_run),
        lambda: scripts_view(placed, old, diff=diff, written=not dry_run),
    )
    return of_the_rest(FINDINGS if any(each.file.outcome is Outcome.LEFT for each in placed) else CLEAN, unread)


def _chosen(words: tuple[str, ...], known: Sequence[_Word], option: str) -> tuple[_Word, ...]:
    """What an option names, in the order of what it may name; all when it names nothing. `a,b` is two of them.

    Raises:
        UsageError: it names something else; the message gives the nearest that it may.
    """
    named = [part.strip() for word in words for part in word.split(",") if part.strip()]
    for name in named:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise UsageError(f"`{option} {name}` is none of {', '.join(known)}. Did you mean `{near}`?")
    return tuple(each for each in known if not named or each in named)
