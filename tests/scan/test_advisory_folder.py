"""Advisories from files: what is read, what is not, how old they are, and what they do not cover."""

import json
import os
import zipfile
from pathlib import Path

import anyio
import pytest
from samples import osv, write_documents

from trimtab.errors import UsageError
from trimtab.scan.packages import Distro, Package
from trimtab.scan.stores import Folder, Known

FLASK = Package("pypi", "flask", "1.0")
EVERYTHING = [{"introduced": "0"}]


def asked(path: Path, *packages: Package) -> Known:
    return anyio.run(Folder(path).ask, packages or (FLASK,))


def test_a_folder_of_json_and_yaml(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    (folder / "deep").mkdir()
    (folder / "deep" / "B-2.yaml").write_text(
        "id: B-2\nmodified: 2026-11-21T10:00:00Z\naffected:\n- package: {name: Flask, ecosystem: PyPI}\n"
        "  ranges:\n  - type: ECOSYSTEM\n    events:\n    - introduced: '0'\ndetails: |\n  * a list\n  *emphasis*\n"
    )
    known = asked(folder)
    assert sorted(each.id for each in known.advisories["PyPI", "flask"]) == ["A-1", "B-2"]
    assert known.as_of is not None
    assert known.as_of.date().isoformat() == "2026-11-21"
    assert not known.unread
    assert not known.unanswered


def test_a_zip_as_osv_gives_it(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A-1.json", json.dumps(osv("A-1", "flask", events=EVERYTHING)))
        archive.writestr("README.txt", "nothing")
    assert [each.id for each in asked(path).advisories["PyPI", "flask"]] == ["A-1"]


def test_a_folder_of_zips_as_osv_scanner_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "osv-scalibr" / "PyPI"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("A-1.json", json.dumps(osv("A-1", "flask", events=EVERYTHING)))
    assert len(asked(tmp_path / "osv-scalibr").advisories) == 1


def test_a_whole_repository_is_its_documents(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    for name in (".github/workflows/ci.yaml", ".pre-commit-config.yaml", "__MACOSX/._A-1.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("name: ci\n")
    packed = tmp_path / "main.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in folder.rglob("*.*"):
            archive.write(file, f"main/{file.relative_to(folder)}")
    assert asked(folder).unread == asked(packed).unread == ()


def test_archives_that_are_not_read_are_told(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as archive:
        archive.writestr("B-2.json", json.dumps(osv("B-2", "flask", events=EVERYTHING)))
    with zipfile.ZipFile(folder / "outer.ZIP", "w") as archive:
        archive.write(tmp_path / "inner.zip", "PyPI/all.zip")
        archive.writestr("C-3.JSON", json.dumps(osv("C-3", "flask", events=EVERYTHING)))
    (folder / "more.tar.gz").write_bytes(b"")
    known = asked(folder)
    assert [each.id for each in known.advisories["PyPI", "flask"]] == ["A-1", "C-3"]
    assert len(known.unread) == 2


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_of_one_document_twice_the_newer_counts(names: tuple[str, str], tmp_path: Path) -> None:
    new = osv("A-1", "flask", events=EVERYTHING, modified="2026-11-20T00:00:00Z", withdrawn="2026-11-20T00:00:00Z")
    old = osv("A-1", "flask", events=EVERYTHING, modified="2026-10-20T00:00:00Z")
    for name, document in zip(names, (new, old), strict=True):
        write_documents(tmp_path / "osv" / name, document)
    known = asked(tmp_path / "osv")
    assert [each.withdrawn for each in known.advisories["PyPI", "flask"]] == [True]


def test_a_byte_order_mark_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "osv").mkdir()
    (tmp_path / "osv" / "A-1.json").write_text(json.dumps(osv("A-1", "flask", events=EVERYTHING)), encoding="utf-8-sig")
    assert asked(tmp_path / "osv").unread == ()


def test_what_it_does_not_cover_is_named(tmp_path: Path) -> None:
    folder = write_documents(
        tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING), osv("D-1", "x", "Debian:11", events=EVERYTHING)
    )
    known = asked(folder, FLASK, Package("npm", "x", "1.0.0"), Package("deb", "a", "1", distro=Distro("debian", "12")))
    assert set(known.unanswered) == {"npm", "Debian:12"}


def test_a_changed_file_makes_a_new_index(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    assert len(asked(folder).advisories["PyPI", "flask"]) == 1
    assert len(list((tmp_path / "cache" / "trimtab" / "advisories").iterdir())) == 1
    write_documents(folder, osv("B-2", "flask", events=EVERYTHING))
    assert len(asked(folder).advisories["PyPI", "flask"]) == 2


def test_broken_documents_are_told_and_the_others_read(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    (folder / "broken.json").write_text("{")
    (folder / "binary.json").write_bytes(b"\xff\xfe\x00")
    (folder / "empty.yaml").write_text("")
    (folder / "list.yaml").write_text("- 1\n")
    (folder / "bomb.yaml").write_text("a: &a [x, x]\nb: &b [*a, *a]\nid: B-1\naffected: [*b, *b]\n")
    (folder / "tab.yaml").write_text("a:\n\t- b: [\n")
    known = asked(folder)
    assert len(known.advisories["PyPI", "flask"]) == 1
    assert len(known.unread) == 6
    assert any("refers to parts of itself" in each for each in known.unread)


def test_a_damaged_zip_is_told(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    (folder / "all.zip").write_bytes(b"PK\x03\x04 and then nothing")
    assert len(asked(folder).unread) == 1


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    (folder / "loop").symlink_to(folder)
    (folder / "B-2.json").symlink_to(folder / "A-1.json")
    assert len(asked(folder).advisories["PyPI", "flask"]) == 1


def test_nothing_to_read_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        asked(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no OSV document"):
        asked(tmp_path / "empty")


def test_without_a_cache_it_still_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(asked(folder).advisories["PyPI", "flask"]) == 1


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    asked(folder)
    (kept,) = (tmp_path / "cache" / "trimtab" / "advisories").iterdir()
    kept.write_bytes(b"not a database" * 100)
    assert len(asked(folder).advisories["PyPI", "flask"]) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_document_is_told(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING), osv("B-2", "flask", events=EVERYTHING))
    (folder / "B-2.json").chmod(0)
    assert len(asked(folder).unread) == 1
