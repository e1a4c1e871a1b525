"""Making a revision's container for one place, from what is kept of the revision."""

import json
from collections.abc import Mapping

from trimtab.deploy import names
from trimtab.deploy.bodies import Body, behind_body, joined_body, placed_body, trial_body
from trimtab.deploy.holder.holding import anchor_of
from trimtab.deploy.plan import Move
from trimtab.deploy.site import Site
from trimtab.docker.command import image_id
from trimtab.docker.containers import Container
from trimtab.errors import ToolError
from trimtab.fleet.plain import mapping, mapping_of

POLICY = "io.trimtab.restart-before"
"""On a new container: the restart policy of the one before, which is switched off while both are there."""


class NotMade(ToolError):
    """A revision's container could not be made."""


def policy_before(container: Container) -> Mapping[str, object]:
    """The restart policy that the container before this one had."""
    return mapping_of(container.labels.get(POLICY) or "{}")


async def make_fresh(site: Site, move: Move) -> str:
    """Make the container that is to have a place, and start nothing; its id.

    Raises:
        NotMade: the revision is not kept any more, or its image is another one than planned.
    """
    body = await _body(site, move)
    async with site.step(move.slot.title, "create"):
        return await site.containers.create(move.slot.fresh(site.revision), joined_body(body, await _joined(site, move)))


async def make_trial(site: Site, move: Move) -> str:
    """Make a container that tries the new version where nobody asks for it, and start nothing; its id.

    Raises:
        NotMade: as above.
    """
    body = await _body(site, move)
    marks = {names.PROJECT: site.project, names.SERVICE: move.slot.service, names.REVISION: str(site.revision)}
    async with site.step(move.slot.title, "create one to try it by itself"):
        request = trial_body(body, names.host(move.slot.service, site.revision), marks)
        return await site.containers.create(move.slot.trial(site.revision), request)


async def _body(site: Site, move: Move) -> Body:
    slot = move.slot
    revision = site.revision if move.source is None else move.source
    kept = await site.containers.find(names.kept(slot.project, slot.service, revision))
    if kept is None:
        raise NotMade(f"revision {revision} of `{slot.service}` is not kept any more")
    if move.image_id and kept.image != move.image_id:
        raise NotMade(f"revision {revision} of `{slot.service}` has another image than was planned")
    before = await site.containers.find(move.before) if move.before else None
    policy = mapping(mapping(before.body.get("HostConfig") if before else None).get("RestartPolicy"))
    marks = {
        names.PROJECT: slot.project, names.SERVICE: slot.service, names.REVISION: str(site.revision),
        names.SOURCE: str(revision), names.ROLE: names.RUNS, names.STRATEGY: str(move.strategy),
        POLICY: json.dumps(dict(policy)),
    }  # fmt: skip
    body = placed_body(kept, slot, await _reference(site, kept, slot, revision), marks, before)
    if move.letter:
        body = behind_body(body, names.host(slot.service, site.revision), move.letter)
    return body


async def _reference(site: Site, kept: Container, slot: names.Slot, revision: int) -> str:
    """How the image is called: as the files call it while that is still the same one, else by our own tag."""
    own = kept.labels.get(names.IMAGE, "")
    found = await site.runner.run(image_id(own), timeout=60) if own else None
    same = found is not None and found.code == 0 and found.text == kept.image
    return own if same else names.tag(slot.project, slot.service, revision)


async def _joined(site: Site, move: Move) -> dict[str, str]:
    """The containers whose namespaces it joins, as they are now."""
    if move.shared:
        anchor = anchor_of(await site.observe(), move.lane, site.revision)
        if anchor is None:
            raise NotMade(f"the holder's lane {move.lane} is gone")
        return {"network_mode": anchor.id}
    if not move.joins:
        return {}
    now = await site.observe()
    found: dict[str, str] = {}
    for key, service in move.joins.items():
        running = [each for each in now.of(service) if each.container.running]
        if not running:
            raise NotMade(f"`{service}`, whose container `{move.slot.service}` joins, does not run")
        found[key] = running[-1].container.id
    return found
