"""Images that are handed from one run to another."""

import json
from pathlib import Path

import anyio
import pytest
from fake_builder import FakeBuilder
from test_fleet_run import Listener, fleet_of

from trimtab.build.laid_out import laid_out, left_out
from trimtab.build.run import FleetBuild
from trimtab.build.settings import Settings
from trimtab.docker import Builder
from trimtab.errors import UsageError

DIGEST = "sha256:" + "a" * 64
ELSEWHERE = Builder("ci", "docker-container")
FLEET = {"a": "FROM debian\n", "b": "FROM a\n"}


def lay_out(folder: Path, *digests: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "index.json").write_text(json.dumps({"manifests": [{"digest": each} for each in digests]}))
    return folder


def test_images_are_found_by_target_and_named_by_digest(tmp_path: Path) -> None:
    layout = lay_out(tmp_path / "a", DIGEST)
    assert laid_out(tmp_path, ["a", "b"]) == {"a": f"oci-layout://{layout}@{DIGEST}"}


@pytest.mark.parametrize("digests", [(), (DIGEST, "sha256:" + "b" * 64), ("sha256:short",)])
def test_what_is_no_one_image_is_refused(tmp_path: Path, digests: tuple[str, ...]) -> None:
    lay_out(tmp_path / "a", *digests)
    with pytest.raises(UsageError, match="holds no one image"):
        laid_out(tmp_path, ["a"])


def test_a_missing_folder_and_a_broken_index_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no folder"):
        laid_out(tmp_path / "none", ["a"])
    lay_out(tmp_path / "a", DIGEST)
    (tmp_path / "a" / "index.json").write_text("{")
    with pytest.raises(UsageError, match="is no image that was laid out"):
        laid_out(tmp_path, ["a"])


def run(root: Path, settings: Settings, skip: dict[str, str], *names: str) -> FakeBuilder:
    graph = fleet_of(root, FLEET)
    engine, folder = FakeBuilder(), root / ".trimtab" / "runs" / "one"
    folder.mkdir(parents=True)
    build = FleetBuild(engine, root, graph, names, settings, Listener(), "one", folder, None, skip)
    assert not anyio.run(build.run).failed
    return engine


def test_each_image_is_laid_out_beside_being_loaded(tmp_path: Path) -> None:
    engine = run(tmp_path, Settings((ELSEWHERE,), lay_out=tmp_path / "out"), {}, "a")
    words = next(list(each.argv) for each in engine.commands if "build" in each.argv)
    outputs = [words[number + 1] for number, word in enumerate(words) if word == "--output"]
    assert f"type=oci,tar=false,dest={tmp_path / 'out' / 'a'}" in outputs
    assert "type=docker" in outputs


def test_what_was_given_is_started_from_and_not_built(tmp_path: Path) -> None:
    given = {"a": f"oci-layout:///elsewhere/a@{DIGEST}"}
    engine = run(tmp_path, Settings((ELSEWHERE,), given=given), {"a": "given"}, "a", "b")
    assert engine.order == ["b"]
    words = next(list(each.argv) for each in engine.commands if "build" in each.argv)
    assert f"a={given['a']}" in words


def test_what_only_a_given_image_needs_is_left_out_and_what_is_asked_for_is_built(tmp_path: Path) -> None:
    graph = fleet_of(tmp_path, {"a": "FROM debian\n", "b": "FROM a\n", "c": "FROM b\n", "d": "FROM debian\n", "e": "FROM d\n"})
    assert set(left_out(graph, {"c", "e"}, {"b"})) == {"a", "b"}
    assert set(left_out(graph, {"a", "c"}, {"b"})) == {"b"}
    assert left_out(graph, {"c"}, ()) == {}


def test_an_engine_that_cannot_says_so_before_anything_is_built(tmp_path: Path) -> None:
    engine = (Builder("default", "docker"),)
    for settings in (Settings(engine, lay_out=tmp_path), Settings(engine, given={"a": "x"})):
        with pytest.raises(UsageError, match="classic store"):
            settings.check()
