"""Everything that a deployment can do before it touches what runs: images, models, and the new containers themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trimtab.deploy import names
from trimtab.deploy.bodies import Body, body_of, kept_body, service_body, templates
from trimtab.deploy.desired import Desired
from trimtab.deploy.fresh import make_fresh
from trimtab.deploy.holder.station import make_lane
from trimtab.deploy.observed import Observed
from trimtab.deploy.plan import Change, Plan, Strategy, move_of
from trimtab.deploy.project import PULL
from trimtab.deploy.site import Site
from trimtab.docker.command import Command, compose_models, pull, tag_image
from trimtab.docker.containers import Container
from trimtab.errors import CommandFailed, ToolError
from trimtab.fleet.plain import mapping

_COMPOSE = 600.0


class NotPrepared(ToolError):
    """A deployment could not be prepared; nothing that runs was touched."""


@dataclass(frozen=True)
class Preparation:
    """What a deployment is prepared from."""

    site: Site
    plan: Plan
    observed: Observed
    desired: Desired | None = None
    """None for a rollback, which needs no file."""

    async def run(self) -> None:
        """Make every container that the plan needs, and start none.

        Raises:
            NotPrepared: something is missing or refused.
            EngineMissing: the engine went away.
        """
        made = [change for change in self.plan.changes if change.strategy is not Strategy.START]
        await self._pull()
        firsts = {change.slot.service: change for change in reversed(made)}.values()
        for change in firsts:
            await self._adopt(change)
        await self._model([change for change in firsts if change.source is None])
        # Lanes first: what shares its ports is made in the network of its lane's anchor.
        for number in self.plan.holder.new:
            await make_lane(self.site, self.plan.holder.holding, number)
        for change in made:
            if not change.joins:
                await make_fresh(self.site, move_of(change))

    async def _pull(self) -> None:
        for image in self.plan.pulls:
            async with self.site.step("", f"pull {image}"):
                await self._run_or_say(pull(image), f"`{image}` cannot be pulled", PULL)

    async def _model(self, firsts: Sequence[Change]) -> None:
        """Keep what compose makes of each service."""
        if not firsts or self.desired is None:
            return
        desired, revision = self.desired, self.plan.revision
        wanted = {names.template(change.slot.service, revision): change for change in firsts}
        project = templates(desired, [change.slot.service for change in firsts], revision)
        async with self.site.step("", f"ask compose for {len(firsts)} containers"):
            command = compose_models(project, desired.project, desired.folder, list(wanted))
            await self._run_or_say(command, "compose cannot create the containers", _COMPOSE)
        found = {each.labels.get(names.COMPOSE_SERVICE, ""): each for each in (await self.site.observe()).templates}
        for name, change in wanted.items():
            if name not in found:
                raise NotPrepared(f"compose created no container for `{change.slot.service}`")
            await self._keep_model(found[name], change, desired)

    async def _keep_model(self, model: Container, change: Change, desired: Desired) -> None:
        if change.image_id and model.image != change.image_id:
            raise NotPrepared(f"`{change.image}` became another image while this was prepared; run this again")
        body = service_body(model, desired.services[change.slot.service], change.slot, desired)
        await self._keep(change.slot, model.image, body, self.plan.revision, change.image)
        await self.site.containers.remove(model.id, with_own_volumes=True)

    async def _run_or_say(self, command: Command, what: str, timeout: float) -> None:
        try:
            (await self.site.runner.run(command, timeout=timeout)).checked()
        except CommandFailed as error:
            lines = [line for line in error.stderr.splitlines() if line.strip() and "orphan containers" not in line]
            raise NotPrepared(f"{what}: {' / '.join(lines[-3:])}") from error
        except TimeoutError as error:
            raise NotPrepared(f"{what}: it did not end within {timeout:g} s.") from error

    async def _adopt(self, change: Change) -> None:
        """Keep what runs and was not made by a deployment as a revision of its own, to be gone back to."""
        if change.before is None or change.before.revision is not None:
            return
        container = change.before.container
        slot = replace(change.slot, name=container.name)
        reference = str(mapping(container.body.get("Config")).get("Image") or "")
        await self._keep(slot, container.image, body_of(container), self.plan.revision - 1, reference)

    async def _keep(self, slot: names.Slot, image: str, body: Body, revision: int, reference: str) -> None:
        """Keep a revision's configuration as a container that never starts, and its image by a tag."""
        site, project = self.site, self.plan.project
        ours = names.tag(project, slot.service, revision)
        async with site.step(slot.service, f"keep revision {revision}"):
            (await site.runner.run(tag_image(image, ours), timeout=60)).checked()
            marks = {
                names.PROJECT: project, names.SERVICE: slot.service, names.REVISION: str(revision), names.IMAGE: reference,
            }  # fmt: skip
            await site.containers.create(names.kept(project, slot.service, revision), kept_body(body, ours, slot.name, marks))
