"""Going back behind the holder from what both versions had callers on."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from trimtab.deploy import names
from trimtab.deploy.holder import behind
from trimtab.deploy.plan import Move, Strategy
from trimtab.deploy.ready import Bad, Good
from trimtab.deploy.steps import Pair

MOVE = Move(
    names.Slot("shop", "web", 1, "shop-web-1"), Strategy.SWITCH, "", "", before="c1", before_ran=True, letter="b", lane=1
)  # fmt: skip


@asynccontextmanager
async def nothing(*words: object) -> AsyncGenerator[None]:
    yield


@pytest.mark.parametrize("again", [Good(1.0, "healthy"), Bad("it ended with 1")])
@pytest.mark.parametrize("runs", [True, False])
def test_callers_are_led_back_whether_or_not_the_one_before_is_good(
    monkeypatch: pytest.MonkeyPatch, again: Good | Bad, runs: bool
) -> None:
    done: list[str] = []

    def noted(name: str, value: object = None) -> Callable[..., Coroutine[Any, Any, object]]:
        async def note(*words: object, **more: object) -> object:
            done.append(name)
            return value

        return note

    def no_steps(*words: object, **more: object) -> tuple[()]:
        return ()

    place = "trimtab.deploy.holder.behind"
    for name in ("stop_new", "name_away", "named_again"):
        monkeypatch.setattr(f"{place}.steps.{name}", noted(name))
    for name in ("held", "carried", "led_to"):
        monkeypatch.setattr(f"{place}._Work.{name}", noted(name))
    before: Any = SimpleNamespace(running=runs)
    monkeypatch.setattr(f"{place}.steps.pair", noted("pair", Pair(None, before)))
    monkeypatch.setattr(f"{place}.steps.good_again", noted("good_again", again))
    monkeypatch.setattr(f"{place}.station_of", noted("station"))
    monkeypatch.setattr(f"{place}.retreat", no_steps)
    site: Any = SimpleNamespace(step=nothing, lane=nothing, checks=SimpleNamespace(drain=0))
    assert anyio.run(behind.back, site, MOVE) == again
    led = ["led_to"] if isinstance(again, Good) and not runs else []
    assert done[2:] == ["good_again", *led, "held", "carried", "stop_new", "name_away", "named_again"]
