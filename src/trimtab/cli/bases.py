"""`trimtab bases`."""

from dataclasses import replace
from functools import partial
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN
from trimtab.cli.options import Common, Offline, Paths, RuleChoice, load, show
from trimtab.cli.share import Sharing, share_bases
from trimtab.fleet.advice import base_advice
from trimtab.gather import find_wheels, questions
from trimtab.report.bases import bases_data, bases_view


def bases(
    paths: Paths = (),
    /,
    *,
    share: Annotated[bool, Parameter(negative="", help="Propose bases that several services share, instead.")] = False,
    sharing: Sharing | None = None,
    offline: Offline = False,
    common: Common | None = None,
) -> int:
    """Say which base each Python and Node service could have: Alpine, slim, or neither, and what decides.

    Reads what the images really install and asks the package index that pip or uv is set up to use. Exits with 2 when the
    index had no answer to anything. With `--share` it looks for system packages that three or more services of one base install
    for themselves, and exits with 1 when there is a proposal that was not written.
    """
    common = common or Common()
    if share:
        return share_bases(paths, common, sharing or Sharing())
    loaded = load(paths, common, RuleChoice(select=("FL001",), offline=True))
    asked = questions(loaded.fleet, every=True)
    ask = partial(find_wheels, asked, offline=offline or loaded.config.offline)
    wheels = anyio.run(ask)
    fleet = replace(loaded.fleet, outside=replace(loaded.fleet.outside, wheels=wheels))
    advice = [each for each in base_advice(fleet) if each.path in loaded.dockerfiles]
    show(common, lambda: bases_data(advice), lambda: bases_view(advice))
    return COULD_NOT_RUN if asked and not wheels else CLEAN
