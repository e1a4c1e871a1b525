"""Exported files beside what is somebody else's."""

from pathlib import Path

import pytest

from trimtab.deploy.targets.files import place_files
from trimtab.deploy.targets.loss import Exported
from trimtab.deploy.targets.manifest import MARK, manifest_text
from trimtab.errors import UsageError


def exported(**files: str) -> Exported:
    return Exported({f"{name}.yaml": manifest_text([{"kind": text}]) for name, text in files.items()}, ())


def test_files_are_written_once_and_replaced_when_they_change(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    assert place_files(exported(a="1", b="1"), folder).written == ("a.yaml", "b.yaml")
    again = place_files(exported(a="1", b="2"), folder)
    assert (again.written, again.unchanged, again.left) == (("b.yaml",), ("a.yaml",), ())
    assert 'kind: "2"' in (folder / "b.yaml").read_text()


def test_nothing_is_written_where_one_file_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("kind: Mine\n")
    with pytest.raises(UsageError, match=r"b\.yaml` was not written by an export"):
        place_files(exported(a="1", b="1"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.yaml"]
    assert (tmp_path / "b.yaml").read_text() == "kind: Mine\n"


def test_what_an_earlier_export_left_is_named_and_stays(tmp_path: Path) -> None:
    place_files(exported(a="1", gone="1"), tmp_path)
    (tmp_path / "mine.yaml").write_text("kind: Mine\n")
    (tmp_path / "notes.txt").write_text(MARK)
    assert place_files(exported(a="1"), tmp_path).left == ("gone.yaml",)
    assert (tmp_path / "gone.yaml").exists()


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(UsageError, match="is no folder"):
        place_files(exported(a="1"), tmp_path / "x")


def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        place_files(exported(a="1"), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "1e3",
        "0o17",
        "1_000",
        "12:30:45",
        "~",
        "",
        " x",
        "a: b",
        "a #b",
        "é",
        "tab\there",
        "two\nlines",
        "-",
        "=",
        "<<",
        ".inf",
    ],
)
def test_a_string_is_read_back_as_itself(text: str) -> None:
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(manifest_text([{"a": text}])) == {"a": text}
