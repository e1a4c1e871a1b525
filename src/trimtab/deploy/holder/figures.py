"""What the holder has counted, asked without changing anything."""

from collections.abc import Mapping

from trimtab.deploy.holder.holding import held, standing
from trimtab.deploy.holder.runtime import SHOW_STAT, Counters, Disobeyed, counted, servers
from trimtab.deploy.holder.speech import HolderFailed, speak
from trimtab.deploy.observed import Observed
from trimtab.docker.runner import Runner


async def holder_counters(runner: Runner, observed: Observed) -> Mapping[str, Counters | None]:
    """What each service behind the holder got, over both of its slots, since its HAProxy was started.

    None for a service whose lane does not answer: nobody knows then.
    """
    found: dict[str, Counters | None] = {}
    for each in standing(observed):
        if each.proxy is None:
            continue
        try:
            answer = (await speak(runner, each.proxy.id, each.track.lane.admin, [SHOW_STAT]))[0]
            stats = servers(answer)
            for behind in each.track.behind:
                one = held(behind, each.track.lane, observed.of(behind.service), None, {})
                found[behind.service] = counted(stats, one, "a") + counted(stats, one, "b")
        except (HolderFailed, Disobeyed):
            found.update(dict.fromkeys((behind.service for behind in each.track.behind), None))
    return found
