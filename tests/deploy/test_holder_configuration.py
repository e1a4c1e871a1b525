"""What HAProxy's configuration says for whom. Whether HAProxy takes it is tested on a real one."""

from dataclasses import replace

import pytest

from trimtab.deploy.holder.configuration import SERVER_FIRST, Settings, backend, haproxy_cfg, kinds
from trimtab.deploy.holder.layout import Entry, Held, Slot, SlotName

SETTINGS = Settings("shop-proxy-1", "/trimtab", 20000)
WEB = Held(
    "web", (Entry(8000, (20001, 20002), ("172.18.0.0/16", "172.19.0.0/16")),), (Slot("a", "web-r1"), Slot("b", "web-r2")), "a"
)


def section(text: str, title: str) -> list[str]:
    """The lines of one section, without its title."""
    for each in text.split("\n\n"):
        first, *lines = each.splitlines()
        if first == title:
            return [line.strip() for line in lines]
    raise AssertionError(f"no {title} in {text}")


def servers(text: str, name: str) -> dict[str, str]:
    lines = [line.split() for line in section(text, f"backend {name}") if line.startswith("server ")]
    return {words[1]: " ".join(words[2:]) for words in lines}


def test_only_the_live_slot_is_led_to_after_a_start() -> None:
    pairs: tuple[tuple[SlotName, SlotName], ...] = (("a", "b"), ("b", "a"))
    for live, dead in pairs:
        text = haproxy_cfg([replace(WEB, live=live)], SETTINGS)
        for kind in kinds(WEB.entries[0]):
            found = servers(text, backend("web", 8000, kind))
            assert found[dead].endswith(" disabled")
            assert "init-addr none" in found[dead]
            assert not found[live].endswith(" disabled")
            assert "init-addr last,libc,none" in found[live]
    nobody = servers(haproxy_cfg([replace(WEB, live=None)], SETTINGS), "web.8000.http")
    assert all(each.endswith(" disabled") for each in nobody.values())


def test_a_live_slot_without_a_version_is_not_led_to() -> None:
    text = haproxy_cfg([replace(WEB, slots=(Slot("a"), Slot("b", "web-r2")))], SETTINGS)
    assert (
        servers(text, "web.8000.http")["a"]
        == "nowhere.invalid:8000 resolvers engine resolve-prefer ipv4 init-addr none disabled"
    )


def test_callers_come_by_the_port_or_by_a_door() -> None:
    lines = section(haproxy_cfg([WEB], SETTINGS), "frontend web.8000")
    assert [line for line in lines if line.startswith("bind")] == ["bind *:8000", "bind *:20001", "bind *:20002"]
    assert "tcp-request connection reject if { dst_port 8000 } !{ src 172.18.0.0/16 172.19.0.0/16 }" in lines


def test_without_a_network_only_doors_are_open() -> None:
    held = replace(WEB, entries=(Entry(8000, (20001,)),))
    assert "tcp-request connection reject if { dst_port 8000 }" in section(haproxy_cfg([held], SETTINGS), "frontend web.8000")


def test_networks_of_ipv6_are_listened_to() -> None:
    held = replace(WEB, entries=(Entry(8000, (), ("172.18.0.0/16", "fd00:1::/64")),))
    lines = section(haproxy_cfg([held], SETTINGS), "frontend web.8000")
    assert [line for line in lines if line.startswith("bind")] == ["bind *:8000", "bind [::]:8000 v6only"]


@pytest.mark.parametrize(
    ("entry", "expected", "inspected"),
    [
        (Entry(8000), ("http", "h2", "tcp"), True),
        (Entry(8000, protocol="http"), ("http", "h2"), False),
        (Entry(8000, protocol="tcp"), ("tcp",), False),
        (Entry(3306), ("tcp",), False),
        (Entry(3306, protocol="http"), ("http", "h2"), False),
    ],
)
def test_how_a_port_is_passed_on(entry: Entry, expected: tuple[str, ...], inspected: bool) -> None:
    text = haproxy_cfg([replace(WEB, entries=(entry,))], SETTINGS)
    assert kinds(entry) == expected
    assert [name for name in ("http", "h2", "tcp") if f"backend web.{entry.port}.{name}\n" in text] == list(expected)
    assert any("inspect-delay" in line for line in section(text, f"frontend web.{entry.port}")) is inspected


def test_no_connection_to_a_server_that_speaks_first_is_delayed() -> None:
    for port in SERVER_FIRST:
        assert "inspect-delay" not in haproxy_cfg([replace(WEB, entries=(Entry(port),))], SETTINGS)


def test_only_services_that_may_be_held_wait() -> None:
    held = replace(WEB, service="store", hold_seconds=30, entries=(Entry(9000), Entry(5432, protocol="tcp")))
    text = haproxy_cfg([WEB, held], SETTINGS)
    assert "lua-load /trimtab/hold.lua" in text
    waiting = "lua.hold store.9000.http 30 if !{ stopping } { nbsrv(store.9000.http) eq 0 }"
    assert f"http-request {waiting}" in section(text, "backend store.9000.http")
    # Plain TCP waits at a server where nobody listens, which is tried again every second.
    plain = section(text, "backend store.5432.tcp")
    assert "retries 30" in plain
    assert any(line.startswith("server wait ") for line in plain)
    assert not any("hold" in line for line in section(text, "backend web.8000.http"))
    assert "lua-load" not in haproxy_cfg([WEB], SETTINGS)


def test_the_order_of_services_and_ports_is_of_no_account() -> None:
    one = replace(WEB, entries=(Entry(8000), Entry(9000)))
    two = replace(one, service="api", entries=(Entry(7000),))
    assert haproxy_cfg([one, two], SETTINGS) == haproxy_cfg([two, replace(one, entries=one.entries[::-1])], SETTINGS)


def test_the_runtime_api_is_for_the_holder_alone() -> None:
    lines = section(haproxy_cfg([WEB], SETTINGS), "# Written by trimtab; changes made here are lost.")
    assert [line for line in lines if line.startswith("stats socket")] == [
        "stats socket /trimtab/admin.sock mode 600 level admin expose-fd listeners",
        "stats socket ipv4@127.0.0.1:20000 level admin",
    ]
    assert "description shop-proxy-1" in lines


def test_nothing_keeps_an_address_that_a_version_no_longer_has() -> None:
    lines = section(haproxy_cfg([WEB], SETTINGS), "resolvers engine")
    assert {line.split()[1] for line in lines if line.startswith("hold ") and line.endswith("7d")} == {
        "nx", "other", "refused", "timeout",
    }  # fmt: skip
    assert not [line for line in lines if "obsolete" in line]
