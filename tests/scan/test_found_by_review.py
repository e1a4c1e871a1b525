"""Ways in which a scan once read as clean, or ended badly, and must not again."""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
import zstandard
from osv_server import serving
from samples import Files, digest_of, osv, save_image, tar_bytes, write_documents

from trimtab.docker.layers import read_saved
from trimtab.errors import ToolError, UsageError
from trimtab.fleet import Fleet
from trimtab.fleet.npm_upgrade import NodeRelease, Unfit, lock_edits
from trimtab.gate.measured import read_scan
from trimtab.scan import LEVELS, api
from trimtab.scan.advisory import Answer, judge, read_advisory
from trimtab.scan.api import Api
from trimtab.scan.binaries import Unread, go_modules
from trimtab.scan.ignore import read_ignores
from trimtab.scan.installed import installed, is_installed
from trimtab.scan.inventory import Inventory, Observer
from trimtab.scan.leaks import search
from trimtab.scan.match import key_of, match
from trimtab.scan.packages import Distro, Package, from_purl
from trimtab.scan.sbom import read_sbom
from trimtab.scan.sources import source_packages
from trimtab.scan.stores import Folder

EVERYTHING = [{"introduced": "0"}]
LAYERS: list[tuple[str, Files]] = [
    ("base", {"etc/os-release": b"ID=debian\nVERSION_ID=12\n"}),
    ("COPY", {"app/.env": b"DB_PASSWORD=correct-horse\n", "app/a-1.0.dist-info/METADATA": b"", "app/big": b"x" * 200_000}),
]


@pytest.mark.parametrize(
    ("ecosystem", "own", "fixed", "answer"),
    [
        ("Alpine:v3.20", "1.9-r0", "1.10-r0", Answer.AFFECTED),
        ("Alpine:v3.20", "1.36.1-r2", "1.36.1-r15", Answer.AFFECTED),
        ("Alpine:v3.20", "1.10-r0", "1.9-r0", Answer.NOT),
        ("Wolfi", "1.9-r0", "1.10-r0", Answer.AFFECTED),
        ("Packagist", "1.2.3.3", "1.2.3.4", Answer.UNSURE),
        ("PyPI", "2.0.1+cu118", "2.0.1", Answer.NOT),
    ],
)
def test_orders_that_a_library_gets_wrong(ecosystem: str, own: str, fixed: str, answer: Answer) -> None:
    part = read_advisory(osv("A-1", "x", ecosystem, events=[{"introduced": "0"}, {"fixed": fixed}])).affected[0]
    assert judge(part, own) is answer


def test_a_build_of_ours_is_the_version_that_it_is_a_build_of() -> None:
    last = read_advisory(osv("A-1", events=[{"introduced": "0"}, {"last_affected": "2.0.1"}])).affected[0]
    listed = read_advisory(osv("A-1", events=[{"introduced": "9"}], versions=["2.0.1"])).affected[0]
    assert judge(last, "2.0.1+cu118") is Answer.AFFECTED
    assert judge(listed, "2.0.1+cu118") is Answer.AFFECTED
    assert judge(listed, "2.0.1.0") is Answer.AFFECTED, "another spelling of a listed version, beside a range"


def test_an_advisory_is_found_by_what_it_is_derived_from() -> None:
    package = Package("deb", "a", "1", source=("a", "1"), distro=Distro("debian", "12"))
    advisory = read_advisory(osv("DEBIAN-CVE-2026-1", "a", "Debian:12", events=EVERYTHING, upstream=["CVE-2026-1"]))
    key = key_of(package)
    assert key is not None
    (found,) = match([package], {key: [advisory]}, "test")
    assert found.id == "CVE-2026-1"


def test_one_unreadable_fix_does_not_hide_the_others() -> None:
    advisory = read_advisory(
        osv("A-1", "flask", versions=["1.0"], events=[{"introduced": "0"}, {"fixed": "2.0"}, {"fixed": "soon"}])
    )
    (found,) = match([Package("pypi", "flask", "1.0")], {("PyPI", "flask"): [advisory]}, "test")
    assert found.fixed == ("2.0",)


def test_two_versions_of_one_package_are_both_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAUSE", 0.0)
    old, new = Package("npm", "lodash", "4.17.20"), Package("npm", "lodash", "4.17.21")
    document = osv("GHSA-x", "lodash", "npm", kind="SEMVER", events=[{"introduced": "0"}, {"fixed": "4.17.21"}])
    for packages in ([old, new], [new, old]):
        with serving([document]) as server:
            known = anyio.run(Api(server.address).ask, packages)
        assert [each.id for each in known.advisories["npm", "lodash"]] == ["GHSA-x"]


@pytest.mark.parametrize("fault", ["no document", "no id", "endless"])
def test_an_api_that_answers_badly_is_an_error(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAUSE", 0.0)
    monkeypatch.setattr(api, "_PAGES", 3)
    documents = [osv(f"A-{number}", "flask", events=EVERYTHING) for number in range(9)]
    with serving(documents) as server:
        if fault == "endless":
            server.page = 1
        else:
            server.broken = fault
        with pytest.raises(ToolError, match="cannot be had"):
            anyio.run(Api(server.address).ask, [Package("pypi", "flask", "1.0")])


def test_a_credential_in_an_address_is_never_said() -> None:
    store = Api("https://user:SuperSecretTok3n@example.com/")
    assert store.address == "https://example.com"
    with pytest.raises(UsageError, match="no address"):
        Api("http://[::1")


@pytest.mark.parametrize(
    "distro", [Distro("rhel", "9.3"), Distro("sles", "15.5"), Distro("opensuse-leap", "15.5"), Distro("fedora", "40")]
)
def test_distributions_whose_names_are_not_known_are_not_asked_about(distro: Distro) -> None:
    assert Package("rpm", "bash", "5-1", source=("bash", "5-1"), distro=distro).ecosystem is None


def damaged(tmp_path: Path, change: Callable[[bytes], bytes]) -> Path:
    """The image of LAYERS, its second layer's blob changed."""
    blobs = {f"blobs/sha256/{n}": tar_bytes(files) for n, (_, files) in enumerate(LAYERS)}
    blobs["blobs/sha256/1"] = change(blobs["blobs/sha256/1"])
    config = {"rootfs": {"diff_ids": [digest_of(files) for _, files in LAYERS]}}
    blobs["blobs/sha256/c"] = json.dumps(config).encode()
    blobs["manifest.json"] = json.dumps([{"Config": "blobs/sha256/c", "Layers": ["blobs/sha256/0", "blobs/sha256/1"]}]).encode()
    path = tmp_path / "image.tar"
    path.write_bytes(tar_bytes(blobs))
    return path


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "half of a gzip": lambda blob: half(gzip.compress(blob)),
    "a gzip without its end": lambda blob: gzip.compress(blob)[:-4],
    "one block of a tar": lambda blob: blob[:1024],
    "nothing": lambda blob: b"" * len(blob),
    "garbage": lambda blob: b"garbage" * len(blob),
    "garbage that begins like a gzip": lambda blob: b"\x1f\x8b" + half(blob),
    "half of a zstd": lambda blob: half(zstd(blob)),
    "an unknown compression": zlib.compress,
    "other content": lambda blob: blob.replace(b"correct", b"CORRECT"),
}
WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip in two parts": lambda blob: gzip.compress(blob[:1024]) + gzip.compress(blob[1024:]),
    "zstd in two parts": lambda blob: zstd(blob[:1024]) + zstd(blob[1024:]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_layer_that_is_not_whole_is_not_read_by_half(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="damaged"):
        read_saved(damaged(tmp_path, BROKEN[name]), Observer())


@pytest.mark.parametrize("name", WHOLE)
def test_a_layer_in_several_parts_is_read_whole(name: str, tmp_path: Path) -> None:
    assert "/app/.env" in read_saved(damaged(tmp_path, WHOLE[name]), Observer()).visible()


@pytest.mark.parametrize(
    "files",
    [
        {"manifest.json": b"[]"},
        {"manifest.json": b"{}"},
        {"manifest.json": b'[{"Config": "c", "Layers": null}]', "c": b"{}"},
        {"manifest.json": b'[{"Config": "c", "Layers": ["missing"]}]', "c": b"{}"},
        {"index.json": b"[]"},
        {"index.json": b'{"manifests": []}'},
        {"index.json": b"[" * 100_000},
        {},
    ],
)
def test_an_archive_of_another_shape_is_a_message(files: Files, tmp_path: Path) -> None:
    (tmp_path / "image.tar").write_bytes(tar_bytes(files))
    with pytest.raises(ValueError, match=r"damaged|neither|no `"):
        read_saved(tmp_path / "image.tar")


def read(tmp_path: Path, files: Files) -> Inventory:
    from test_image_inventory import Engine

    path = save_image(tmp_path / "image.tar", [("base", files)])
    return anyio.run(Observer().inventory, Engine({"app": path}), "app")


def test_packages_by_records_of_every_kind(tmp_path: Path) -> None:
    found = read(tmp_path, {
        "usr/lib/python3/dist-packages/six-1.10.0-py3.11.egg-info": b"",
        "app/node_modules/alias/package.json": b'{"name": "lodash", "version": "4.17.20"}',
        "app/node_modules/broken/package.json": b"[" * 100_000,
        "usr/lib/ruby/gems/3.1.0/specifications/rack-2.2.4.gemspec": b"",
        "app/vendor/composer/installed.json": b'{"packages": [{"name": "a/b", "version": "v1.0"}]}',
        "app/app.deps.json": b'{"libraries": {"Newtonsoft.Json/12.0.1": {"type": "package"}, "app/1.0": {"type": "project"}}}',
        "opt/conda/conda-meta/numpy-1.26.json": b'{"name": "numpy", "version": "1.26"}',
    })  # fmt: skip
    assert {(each.kind, str(each)) for each in found.packages} == {
        ("pypi", "six 1.10.0"), ("npm", "lodash 4.17.20"), ("gem", "rack 2.2.4"), ("composer", "a/b 1.0"),
        ("nuget", "Newtonsoft.Json 12.0.1"), ("conda", "numpy 1.26"),
    }  # fmt: skip
    assert [each.path for each in found.unread] == ["/app/node_modules/broken/package.json"]
    assert is_installed("/x/vendor/composer/installed.json")
    assert isinstance(next(installed("/x/a.deps.json", b"{")), Unread)


def test_a_waiting_log_of_an_rpm_database_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, {"var/lib/rpm/rpmdb.sqlite-wal": b"x"})
    assert "not in it yet" in found.unread[0].reason


@pytest.mark.parametrize(
    "text",
    ["id: " + "[" * 200_000, "id: A\n? 2020-01-01\n: x\n", 'id: "\\ud800"\nmodified: 2026-01-01T00:00:00Z\n'],
)
def test_documents_that_end_whole_programs_are_told(text: str, tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", osv("A-1", "flask", events=EVERYTHING))
    (folder / "bad.yaml").write_text(text)
    known = anyio.run(Folder(folder).ask, [Package("pypi", "flask", "1.0")])
    assert len(known.unread) == 1
    assert len(known.advisories["PyPI", "flask"]) == 1


def test_a_vex_document_without_end_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "vex.json").write_text("[" * 200_000)
    with pytest.raises(UsageError, match=r"vex\.json"):
        read_ignores(tmp_path, (tmp_path / "vex.json",))


def test_trivy_says_in_its_own_words_which_source_a_package_has() -> None:
    properties = [
        {"name": f"aquasecurity:trivy:Src{key}", "value": value}
        for key, value in (("Name", "openssl"), ("Version", "3.0"), ("Release", "1"))
    ]
    document: Mapping[str, Any] = {
        "bomFormat": "CycloneDX",
        "components": [{"name": "libssl3", "purl": "pkg:deb/debian/libssl3@3.0-1?distro=debian-12", "properties": properties}],
    }
    assert [each.advised for each in read_sbom(document, "x")[0]] == [("openssl", "3.0-1")]
    epoch = from_purl("pkg:deb/debian/a@2.3?epoch=1&distro=debian-12")
    assert epoch is not None
    assert epoch.version == "1:2.3"


Make = Callable[[Mapping[str, str]], Fleet]


def test_an_address_is_never_said(fleet: Make) -> None:
    files = {
        "requirements.txt": "-r https://bob:tok9Zq81xRQ@example.com/r.txt\n",
        "Dockerfile": "FROM node:22\nRUN npm install git+https://bob:tok9Zq81xNP@example.com/y.git\n",
    }
    found = source_packages(fleet(files))
    assert "tok9Zq81" not in repr((found.problems, found.unresolved))
    assert found.problems.keys() == {"requirements.txt"}
    assert [each.name for each in found.unresolved] == ["an address"]


def test_what_dockerfiles_install_from_is_read_whatever_it_is_called(fleet: Make) -> None:
    files = {
        "Dockerfile": "FROM python:3.13\nCOPY . .\nRUN pip install -r deps.txt -r requirements/prod.txt\n",
        "deps.txt": "a==1\n", "requirements/prod.txt": "b==2\n", "dev-requirements.txt": "c==3\n",
    }  # fmt: skip
    assert {str(each) for each in source_packages(fleet(files)).packages} == {"a 1", "b 2", "c 3"}


@pytest.mark.parametrize("name", ["pom.xml", "build.gradle", "App.csproj", "bun.lock", "Pipfile", "yarn.lock"])
def test_a_manifest_that_is_not_read_is_told(name: str, fleet: Make) -> None:
    assert source_packages(fleet({f"a/{name}": "<<<<<<< HEAD\n"})).problems.keys() == {f"a/{name}"}


def test_aliases_and_addresses_in_old_locks(fleet: Make) -> None:
    lock = {"lockfileVersion": 1, "dependencies": {"l": {"version": "npm:lodash@4.17.20"}, "g": {"version": "git+https://x/y"}}}
    found = source_packages(fleet({"package-lock.json": json.dumps(lock)}))
    assert [str(each) for each in found.packages] == ["lodash 4.17.20"]
    assert [each.name for each in found.unresolved] == ["g"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.json", '{"x": "' + "y" * 6000 + '", "password": "correct-horse"}'),
        ("a.yaml", "x: 1\n" * 60_000 + "password: correct-horse\n"),
        ("Dockerfile", "ENV A=1 \\\n    DB_PASSWORD=correct-horse\n"),
    ],
)
def test_credentials_in_long_lines_large_settings_and_continued_lines(path: str, text: str) -> None:
    assert len(list(search(path, text.encode()))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".github/workflows/a.yml", "permissions:\n  id-token: write\n"),
        ("a.yml", "aws_secret_access_key: wJalrXUtnFEMIEXAMPLEKEY\n"),
        ("a.py", 'url = f"smtp://{username}:{password}@{server}"\n'),
        ("a.py", "header = '-----BEGIN PRIVATE " + "KEY-----'\nbody = read()\n"),
        ("a.mjs", "x = 'abcdAKIA" + "QYLPMN5HFIQR7XYAabcd'\n"),
    ],
)
def test_what_only_looks_like_a_credential(path: str, text: str) -> None:
    assert list(search(path, text.encode())) == []


def test_a_file_of_nothing_but_credentials_ends_in_time() -> None:
    text = "".join(f"K{number}_PASSWORD=correct-horse-{number}\n" for number in range(5000))
    found = list(search(".env", text.encode()))
    assert len(found) == 201
    assert "further" in found[-1].kind


def test_a_length_without_end_is_no_program() -> None:
    content = b"\x7fELF" + b"\xff Go buildinf:" + bytes([8, 2]) + b"\0" * 16 + b"\xff" * 3_000_000
    assert isinstance(go_modules("/bin/x", content), Unread)


def test_services_of_one_name_add_up() -> None:
    none = dict.fromkeys(LEVELS, 0)
    targets = [
        {"kind": "image", "name": n, "image": "i", "services": ["db"], "counts": {**none, "critical": c}}
        for n, c in (("a", 9), ("b", 0))
    ]
    scan = read_scan({"started": "2026-11-24T00:00:00+00:00", "targets": targets})
    assert scan is not None
    assert scan.counts["db"]["critical"] == 9


@pytest.mark.parametrize(
    ("packages", "reason"),
    [
        ({"node_modules/ms": {"inBundle": True}}, "archive of another package"),
        ({"node_modules/l2": {"name": "ms"}, "node_modules/ms": {}}, "under another name"),
        ({"node_modules/ms": {"name": "other"}, "node_modules/a/node_modules/ms": {}}, "another package under its name"),
    ],
)
def test_lock_entries_that_are_something_else_are_left_alone(packages: dict[str, dict[str, object]], reason: str) -> None:
    whole = {path: {"version": "1.0.0", "resolved": "x", "integrity": "y", **entry} for path, entry in packages.items()}
    text = json.dumps({"lockfileVersion": 3, "packages": whole}, indent=2)
    with pytest.raises(Unfit, match=reason):
        lock_edits(text, "ms", "1.0.0", NodeRelease("1.0.1", "x", "y", {}), lambda _, __: True)
