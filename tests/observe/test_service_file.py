"""The compose file of an observer: what it grants, what our own review says of it, and when there is none."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from trimtab.cli.observe import observe
from trimtab.cli.options import Common
from trimtab.errors import UsageError
from trimtab.fleet import MemoryTree, discover
from trimtab.observe.service_file import Seat, service_file
from trimtab.review import review
from trimtab.rules import Severity, default_rules

SEAT = Seat('sh"op$x', "/srv/a b/.trimtab", "/run/docker.sock", 1000, 1001, 998, "trimtab:0.1.0", "30s")


def service(seat: Seat = SEAT) -> dict[str, Any]:
    found = yaml.safe_load(service_file(seat))
    return found["services"]["observe"]


def test_it_observes_one_project_into_its_own_history_and_may_do_nothing_else() -> None:
    found = service()
    assert found["command"] == ["observe", "--quiet", "--every", "30s", "--project", 'sh"op$$x']
    socket, history = found["volumes"]
    assert (socket["source"], socket["target"], socket["read_only"]) == ("/run/docker.sock", "/var/run/docker.sock", True)
    assert (history["source"], history["target"]) == ("/srv/a b/.trimtab", "/work/.trimtab")
    assert (found["user"], found["group_add"]) == ("1000:1001", ["998"])
    assert (found["network_mode"], found["read_only"], found["cap_drop"]) == ("none", True, ["ALL"])


def test_it_is_a_file_that_trimtab_has_little_to_say_about() -> None:
    fleet = discover(MemoryTree({"compose.yaml": service_file(SEAT)}))
    assert fleet.problems == ()
    done = review(fleet, default_rules())
    # The engine's socket is what it is for, and the file says so.
    assert [(each.rule, each.message) for each in done.findings if each.severity >= Severity.LOW] == []
    assert "ignore[CM201] observing asks the engine" in service_file(SEAT)


@pytest.mark.parametrize("more", [{"for_": "1m"}, {"once": True}, {"common": Common(format="json")}])
def test_what_observes_is_not_printed(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--snippet"):
        observe((tmp_path,), snippet=True, project="shop", **more)
    assert not (tmp_path / ".trimtab").exists()
