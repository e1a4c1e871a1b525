"""Services go behind the holder, or leave it: all of a lane at one moment, because its ports and names are one container's.

Whatever may run beside its old version is started and found good before that moment. Then the old ones end, all at once, the
lanes that are no more are stopped, the new lanes are started, and the rest starts. It is the one time that something is away.
"""

from dataclasses import dataclass
from functools import partial

from trimtab.deploy import steps
from trimtab.deploy.holder.behind import led
from trimtab.deploy.holder.holding import HolderPlan
from trimtab.deploy.holder.layout import SlotName
from trimtab.deploy.holder.station import start_holder, start_lane, stop_holder
from trimtab.deploy.plan import Move
from trimtab.deploy.ready import Bad, Good
from trimtab.deploy.site import Site
from trimtab.deploy.together import together


@dataclass(frozen=True)
class Exchange:
    """The services that change over, in an order in which each comes after what it needs."""

    site: Site
    moves: tuple[Move, ...]
    holder: HolderPlan

    async def forward(self) -> dict[str, Good | Bad]:
        """Change all of them over; up to the first that is not good, how each was found."""
        found: dict[str, Good | Bad] = {}
        early = [move for move in self.moves if move.early]
        # All at once: what they need runs, if only in its old version.
        for move in early:
            now = await steps.pair(self.site, move)
            if now.new is not None:
                await steps.start_new(self.site, move, now.new)
        for move in early:
            if isinstance(await self._begun(move, found), Bad):
                return found
        await self._ended()
        for number in self.holder.new:
            await start_lane(self.site, self.holder.holding, number, self._live(number, found))
        for move in self.moves:
            if move.slot.service in found:
                continue
            if isinstance(await self._begun(move, found), Bad):
                return found
            if move.letter:
                await led(self.site, move)
        return found

    def _live(self, number: int, found: dict[str, Good | Bad]) -> dict[str, SlotName | None]:
        """What a new lane leads to at first: whatever is good already."""
        letters: dict[str, SlotName | None] = {}
        for move in self.moves:
            if move.lane == number and move.letter:
                good = isinstance(found.get(move.slot.service), Good)
                letters[move.slot.service] = ("a" if move.letter == "a" else "b") if good else None
        return letters

    async def _begun(self, move: Move, found: dict[str, Good | Bad]) -> Good | Bad:
        now = await steps.pair(self.site, move)
        result: Good | Bad = Bad("its new container is gone")
        if now.new is not None:
            await steps.start_new(self.site, move, now.new)
            result = await steps.validated(self.site, move, now.new.id)
        found[move.slot.service] = result
        return result

    async def _ended(self) -> None:
        """The moment: the old ones end and give their names away, side by side."""
        await together(partial(self._aside, move) for move in self.moves)
        await stop_holder(self.site, self.holder.ends)

    async def _aside(self, move: Move) -> None:
        now = await steps.pair(self.site, move)
        if now.before is not None:
            await steps.restarts_off(self.site, move, now.before)
            await steps.stop_before(self.site, move, now.before)
            await steps.move_aside(self.site, move, now.before)
        if now.new is not None:
            await steps.take_name(self.site, move, now.new)

    async def back(self) -> dict[str, Good | Bad]:
        """Make all of it as it was before."""
        site = self.site
        await stop_holder(site, self.holder.makes(site.project, site.revision), "back")
        await together(partial(self._returned, move) for move in self.moves)
        await start_holder(site, self.holder.ends)
        found: dict[str, Good | Bad] = {}
        for move in self.moves:
            now = await steps.pair(site, move)
            found[move.slot.service] = (
                steps.none_before(move) if now.before is None else await steps.good_again(site, move, now.before)
            )
        return found

    async def _returned(self, move: Move) -> None:
        now = await steps.pair(self.site, move)
        await steps.stop_new(self.site, move, now.new)
        await steps.name_away(self.site, move, now.new)
        if now.before is not None:
            await steps.named_again(self.site, move, now.before, now.new)
            await steps.start_again(self.site, move, now.before)
