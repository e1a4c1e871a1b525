"""Lanes: what holds for every project, and what people meet."""

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.deploy.holder.layout import FIRST_DOOR, Lane, Offer, Opening, Publication, assign, contested

SERVICES = [f"s{n}" for n in range(8)]
PORTS = st.sampled_from([80, 3000, 5432, 8000, FIRST_DOOR, FIRST_DOOR + 1, FIRST_DOOR + 2])


@st.composite
def projects(draw: st.DrawFn) -> list[Offer]:
    """Services with ports of which many are equal; no port of the host is published twice, as an engine demands."""
    free = iter(range(9000, 9200))
    offers = list[Offer]()
    for service in draw(st.lists(st.sampled_from(SERVICES), unique=True, min_size=1)):
        openings = tuple(
            Opening(port, tuple(Publication(next(free)) for _ in range(draw(st.integers(0, 2)))))
            for port in sorted(draw(st.sets(PORTS, min_size=1, max_size=3)))
        )
        offers.append(Offer(service, openings))
    return draw(st.permutations(offers))


def places(lanes: Sequence[Lane]) -> dict[str, int]:
    return {offer.service: lane.number for lane in lanes for offer in lane.offers}


@given(projects())
def test_every_service_is_in_one_lane_with_all_it_has(project: list[Offer]) -> None:
    lanes = assign(project)
    assert sorted(offer.service for lane in lanes for offer in lane.offers) == sorted(offer.service for offer in project)
    for lane in lanes:
        leads = {door.number: door.publication for door in lane.doors}
        for offer in lane.offers:
            entries = lane.entries(offer.service)
            assert [entry.port for entry in entries] == [each.port for each in offer.openings]
            for entry, opening in zip(entries, offer.openings, strict=True):
                assert {leads[door] for door in entry.doors} == set(opening.published)


@given(projects())
def test_no_two_in_a_lane_want_the_same_port(project: list[Offer]) -> None:
    for lane in assign(project):
        for one, two in combinations(lane.offers, 2):
            assert not one.ports & two.ports
        own = [lane.admin, *(door.number for door in lane.doors)]
        assert len(own) == len(set(own))
        assert not set(own) & {port for offer in lane.offers for port in offer.ports}
        assert lane.reserved_ports == ",".join(
            str(port) for port in sorted({*own, *(port for offer in lane.offers for port in offer.ports)})
        )


@given(projects(), projects(), st.randoms(use_true_random=False))
def test_a_service_never_moves_when_others_come_or_go(first: list[Offer], later: list[Offer], dice: st.DataObject) -> None:
    before = assign(first)
    staying = [offer for offer in first if dice.random() < 0.7]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    names = {offer.service for offer in staying}
    coming = [
        Offer(offer.service, tuple(Opening(each.port, tuple(Publication(p.port + 500) for p in each.published)) for each in offer.openings))
        for offer in later
        if offer.service not in {one.service for one in first}
    ]  # fmt: skip
    after = assign([*staying, *coming], before)
    assert {name: number for name, number in places(after).items() if name in names} == {
        name: number for name, number in places(before).items() if name in names
    }
    doors = {lane.number: (lane.admin, lane.doors) for lane in before}
    assert all(doors[lane.number] == (lane.admin, lane.doors) for lane in after if lane.number in doors)
    for name in names:
        (old,) = (lane.entries(name) for lane in before if lane.entries(name))
        assert [lane.entries(name) for lane in after if lane.entries(name)] == [old]


@given(projects(), st.randoms(use_true_random=False))
def test_the_order_of_the_services_is_of_no_account(project: list[Offer], dice: st.DataObject) -> None:
    mixed = list(project)
    dice.shuffle(mixed)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert assign(mixed) == assign(project)


@given(projects())
def test_a_second_time_changes_nothing(project: list[Offer]) -> None:
    lanes = assign(project)
    assert assign(project, lanes) == lanes
    assert contested(lanes) == ()


def offer(service: str, port: int, *published: int) -> Offer:
    return Offer(service, (Opening(port, tuple(Publication(each) for each in published)),))


def test_services_on_the_same_port_get_lanes_of_their_own() -> None:
    lanes = assign([offer("web", 8000, 80), offer("api", 8000), offer("db", 5432)])
    assert places(lanes) == {"api": 1, "db": 1, "web": 2}


def test_a_port_that_is_published_later_opens_a_lane() -> None:
    before = assign([offer("web", 8000), offer("db", 5432)])
    after = assign([offer("web", 8000, 80), offer("db", 5432)], before)
    assert places(before) == {"web": 1, "db": 1}
    assert places(after) == {"web": 2, "db": 1}
    assert contested(after) == ()


def test_a_door_that_nobody_uses_is_in_the_way_of_a_later_lane() -> None:
    before = assign([offer("web", 8000, 80), offer("db", 5432)])
    after = assign([offer("new", 8000, 80), offer("web", 8000), offer("db", 5432)], before)
    assert places(after) == {"web": 1, "db": 1, "new": 2}
    assert [(lane.number, publication.port) for lane, publication in contested(after)] == [(1, 80)]


def test_a_lane_that_exists_takes_nobody_new() -> None:
    before = assign([offer("web", 8000, 80), offer("db", 5432)])
    after = assign([offer("web", 8000, 80), offer("db", 5432), offer("cache", 6379), offer("queue", 5672)], before)
    assert places(after) == {"web": 1, "db": 1, "cache": 2, "queue": 2}
    assert after[0] == before[0]


def test_a_lane_that_nobody_is_in_is_left_out_and_its_number_not_given_again() -> None:
    before = assign([offer("web", 8000), offer("api", 8000)])
    after = assign([offer("api", 8000, 443)], before)
    assert [lane.number for lane in after] == [3]


@pytest.mark.parametrize(
    ("one", "two", "both"),
    [
        (Publication(80), Publication(80), True),
        (Publication(80), Publication(81), False),
        (Publication(80, "127.0.0.1"), Publication(80, "192.0.2.1"), False),
        (Publication(80, "127.0.0.1"), Publication(80, "0.0.0.0"), True),
        (Publication(80, "::"), Publication(80, "127.0.0.1"), True),
    ],
)
def test_which_published_ports_cannot_be_bound_at_once(one: Publication, two: Publication, both: bool) -> None:
    assert one.overlaps(two) is two.overlaps(one) is both
