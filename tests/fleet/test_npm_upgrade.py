"""Another version of one package in an npm lock: only its own lines change, and only where nothing else has to."""

import json
from typing import Any

import pytest

from trimtab.fleet.npm_upgrade import NodeRelease, Unfit, lock_edits
from trimtab.text import apply_edits

NEW = NodeRelease("2.1.3", "https://example.com/ms/-/ms-2.1.3.tgz", "sha512-new", {})


def entry(version: str, **more: object) -> dict[str, object]:
    return {"version": version, "resolved": f"https://example.com/x-{version}.tgz", "integrity": f"sha512-{version}", **more}


def lock(**more: Any) -> dict[str, Any]:
    packages: dict[str, Any] = {
        "": {"name": "own", "version": "2.1.2", "dependencies": {"ms": "^2.0.0", "debug": "^4.0.0"}},
        "node_modules/debug": entry("4.3.4", dependencies={"ms": "^2.1.1"}),
        "node_modules/ms": entry("2.1.2"),
        "node_modules/other": entry("2.1.2"),
    }
    return {"name": "own", "lockfileVersion": 3, "packages": {**packages, **more}}


def fits(wanted: str, version: str) -> bool:
    return wanted.startswith("^2") or wanted == version


def upgraded(data: dict[str, Any], new: NodeRelease = NEW, indent: int | str | None = 2) -> dict[str, Any]:
    text = json.dumps(data, indent=indent) + "\n"
    return json.loads(apply_edits(text, lock_edits(text, "ms", "2.1.2", new, fits)))


def test_only_the_package_itself_changes() -> None:
    after = upgraded(lock())
    expected = lock()
    expected["packages"]["node_modules/ms"] = {"version": "2.1.3", "resolved": NEW.resolved, "integrity": NEW.integrity}
    assert after == expected


def test_every_place_of_the_version_changes_and_no_other_version() -> None:
    nested = {"node_modules/debug/node_modules/ms": entry("2.1.2"), "node_modules/send/node_modules/ms": entry("2.0.0")}
    after = upgraded(lock(**nested))["packages"]
    assert after["node_modules/debug/node_modules/ms"]["version"] == "2.1.3"
    assert after["node_modules/send/node_modules/ms"] == entry("2.0.0")


def test_both_forms_of_a_lock_of_version_2_change() -> None:
    data = {
        **lock(),
        "lockfileVersion": 2,
        "dependencies": {"ms": entry("2.1.2"), "debug": entry("4.3.4", requires={"ms": "^2.1.1"})},
    }
    assert upgraded(data)["dependencies"]["ms"]["version"] == "2.1.3"


def test_tabs_stay_tabs() -> None:
    assert upgraded(lock(), indent="\t")["packages"]["node_modules/ms"]["version"] == "2.1.3"


@pytest.mark.parametrize(
    ("data", "new", "reason"),
    [
        (lock(**{"node_modules/debug": entry("4.3.4", dependencies={"ms": "2.1.2"})}), NEW, "wants `ms` 2.1.2"),
        (lock(**{"": {"dependencies": {"ms": "~1.0.0"}}}), NEW, "`package.json` wants"),
        (lock(), NodeRelease("2.1.3", "x", "y", {"dependencies": {"a": "1"}}), "other dependencies"),
        (lock(), NodeRelease("2.1.3", "x", "y", {"engines": {"node": ">=30"}}), "other engines"),
        (lock(), NodeRelease("2.1.3", "x", "y", {"scripts": {"postinstall": "x"}}), "other hasInstallScript"),
        (lock(), NodeRelease("2.1.3", "x", "y", {"bin": "cli.js"}), "other bin"),
        ({"lockfileVersion": 1, "dependencies": {"ms": entry("2.1.2")}}, NEW, "no entry of it"),
        (lock(**{"node_modules/ms": {"version": "2.1.2", "link": True}}), NEW, "no entry of it"),
        (lock(**{"node_modules/ms": {"version": "2.1.2"}}), NEW, "nor its hash"),
    ],
)
def test_what_npm_has_to_do_itself_is_refused(data: dict[str, Any], new: NodeRelease, reason: str) -> None:
    with pytest.raises(Unfit, match=reason):
        upgraded(data, new)


def test_a_lock_on_one_line_is_refused() -> None:
    with pytest.raises(Unfit, match="another way"):
        upgraded(lock(), indent=None)


def test_optional_dependencies_are_not_counted_twice() -> None:
    """The registry names them among the dependencies as well; a lock does not."""
    record = {"dependencies": {"fsevents": "1"}, "optionalDependencies": {"fsevents": "1"}}
    data = lock(**{"node_modules/ms": entry("2.1.2", optionalDependencies={"fsevents": "1"})})
    assert upgraded(data, NodeRelease("2.1.3", "x", "y", record))["packages"]["node_modules/ms"]["version"] == "2.1.3"


def test_who_asks_for_a_package_that_is_not_there_does_not_hold_it_back() -> None:
    data = lock(**{"node_modules/send": entry("1.0.0", optionalDependencies={"gone": "1"}, dependencies={"ms": "^2.0.0"})})
    data["packages"]["node_modules/debug/node_modules/ms"] = data["packages"].pop("node_modules/ms")
    assert upgraded(data)["packages"]["node_modules/debug/node_modules/ms"]["version"] == "2.1.3"
