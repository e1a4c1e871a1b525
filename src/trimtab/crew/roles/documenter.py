"""The documenter: a page about the fleet in the repository, and the run's report."""

import os

from trimtab.crew.conclude import conclude
from trimtab.crew.document import PATH, document
from trimtab.crew.model import Brief, Do, Left, Report, Role, Standing, Step
from trimtab.crew.results import reports
from trimtab.deploy.written import generated
from trimtab.errors import TrimtabError
from trimtab.fleet import DiskTree, FleetOptions, discover
from trimtab.rewrite import WriteError, write_file


async def documenter(brief: Brief, do: Do) -> Report:
    """Writes `docs/containers.md` where nobody else has written it, and the report of what the ledger knows."""
    # `report.json` is the role's own.
    page = await do(Step("report", ("report", str(brief.tree), *brief.settings), result="fleet-report.json"))
    fleet = discover(DiskTree(brief.tree), FleetOptions(environment=dict(os.environ)))
    text = document(fleet, brief.root.name, brief.run, reports(brief), (brief.tree, brief.root))
    try:
        written = generated(brief.tree / PATH, text, force=False)
        if written.is_written:
            write_file(written.path, text)
    except (TrimtabError, WriteError) as error:
        left = [Left(PATH, f"could not be written: {error}")]
        said = "the page about the containers could not be written"
        return conclude(Role.DOCUMENTER, said, [page], standing=Standing.FAILED, left=left)
    if written.is_written:
        await brief.commit("Describe the containers: services, commands, what was measured")
        return conclude(Role.DOCUMENTER, f"`{PATH}` is written", [page], files=[PATH])
    why = written.reason or "it says already what there is to say"
    left = [Left(PATH, why)] if written.reason else []
    return conclude(Role.DOCUMENTER, f"`{PATH}` stays: {why}", [page], standing=Standing.UNCHANGED, left=left)
