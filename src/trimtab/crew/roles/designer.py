"""The designer: how builds and deployments are called, by people, by pipelines, and without trimtab."""

from trimtab.crew.conclude import Claims, conclude
from trimtab.crew.model import Brief, Do, Report, Role, Step


async def designer(brief: Brief, do: Do) -> Report:
    """Draws up the bake file, the scripts and the pipeline's jobs; nothing is written into the tree."""
    where = str(brief.tree)
    bake = await do(Step("bake", ("bake", where, *brief.settings), format="", result="docker-bake.json"))
    scripts = await do(Step("scripts", ("scripts", where, "--dry-run", *brief.settings)))
    jobs = await do(Step("pipeline", ("ci", where, "--dry-run", *brief.settings)))
    claims = Claims(brief, Role.DESIGNER)
    claims.add(bake, "targets of the bake file", "target", counted=True)
    claims.add(scripts, "scripts", "files", counted=True)
    claims.add(scripts, "scripts of the fleet's own that do the same jobs", "before", counted=True)
    claims.add(jobs, "files of the pipeline", "files", counted=True)
    said = "a bake file that needs no trimtab, and what scripts and pipeline would be"
    return conclude(Role.DESIGNER, said, [bake, scripts, jobs], claims=claims.found)
