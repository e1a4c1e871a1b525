"""`trimtab score`."""

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, OUR_BUG
from trimtab.cli.options import Common, Paths, RuleChoice, load, overlooked, show
from trimtab.cli.review import exit_code, reviewed
from trimtab.report.data import score_data
from trimtab.report.terminal import score_view


def score(paths: Paths = (), /, *, choice: RuleChoice | None = None, common: Common | None = None) -> int:
    """Score every file, service and the fleet, and say which findings cost what."""
    common = common or Common()
    loaded = load(paths, common, choice)
    overlooked(loaded, common)
    result = reviewed(loaded)
    show(common, lambda: score_data(result), lambda: score_view(result))
    code = exit_code(result)
    return code if code in {COULD_NOT_RUN, OUR_BUG} else CLEAN
