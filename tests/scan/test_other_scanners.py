"""Trivy, Grype and osv-scanner: parsers only. None of them is run by these tests.

`records/trivy-0.59.1.json` is what Trivy said when it was run, on bills of materials of ours and a database made by hand. The
other records have the shape of published output (Trivy's integration test data, Grype's and osv-scanner's documentation),
reduced to what is read; names and numbers are made up.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from trimtab.docker import Command, Completed, ProcessRunner
from trimtab.errors import CommandTimedOut, UsageError
from trimtab.rules import Severity
from trimtab.scan import adapters
from trimtab.scan.adapters import SCANNERS, ask_scanner, merged
from trimtab.scan.advisory import Answer
from trimtab.scan.match import Vulnerability
from trimtab.scan.packages import Distro, Package
from trimtab.scan.spoken import Answered, ScannerName

RECORDS = Path(__file__).parent / "records"
RECORDED: dict[str, Any] = json.loads((RECORDS / "trivy-0.59.1.json").read_text())
OPENSSL = Package("deb", "libssl3", "3.0-1", source=("openssl", "3.0-1"), distro=Distro("debian", "12"))
FLASK = Package("pypi", "flask", "1.0")
TRIVY: dict[str, Any] = {
    "SchemaVersion": 2,
    "Results": [
        {
            "Target": "bom", "Class": "os-pkgs", "Type": "debian", "Packages": [{"Name": "libssl3"}],
            "Vulnerabilities": [{
                "VulnerabilityID": "CVE-2026-1", "PkgName": "libssl3", "InstalledVersion": "3.0-1", "FixedVersion": "3.0-2",
                "PkgIdentifier": {"PURL": OPENSSL.purl}, "Title": "bad", "Severity": "CRITICAL",
                "CVSS": {"nvd": {"V3Score": 9.8}, "ghsa": {"V40Score": 9.1}}, "VendorIDs": ["DSA-1"],
            }],
        },
        {"Target": "Python", "Class": "lang-pkgs", "Packages": [{"Name": "flask"}]},
    ],
}  # fmt: skip
GRYPE: dict[str, Any] = json.loads((RECORDS / "grype.json").read_text())["output"]
OSV: dict[str, Any] = json.loads((RECORDS / "osv-scanner.json").read_text())["output"]


def read(name: ScannerName, output: object) -> Answered:
    return SCANNERS[name].read(output, [OPENSSL, FLASK])


def test_trivy() -> None:
    answered = read("trivy", TRIVY)
    (found,) = answered.found
    assert answered.reason is None
    assert (found.package, found.id, found.ids) == (OPENSSL, "CVE-2026-1", ("CVE-2026-1", "DSA-1"))
    assert (found.severity, found.score, found.fixed, found.upgrade) == (Severity.CRITICAL, 9.8, ("3.0-2",), "3.0-2")


def test_grype() -> None:
    answered = read("grype", GRYPE)
    found, negligible = answered.found
    assert answered.reason is None
    assert answered.as_of == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (found.package, found.id, found.ids) == (FLASK, "CVE-2030-0002", ("GHSA-2222-3333-4444", "CVE-2030-0002"))
    assert (found.severity, found.score, found.fixed, found.upgrade) == (Severity.HIGH, 7.5, ("2.0",), "2.0")
    assert (negligible.package, negligible.id, negligible.severity) == (OPENSSL, "CVE-2030-0003", Severity.INFO)


def test_osv_scanner() -> None:
    answered = read("osv-scanner", OSV)
    system, found, again = answered.found
    assert answered.reason is None
    assert (system.package, system.id, system.severity, system.fixed) == (OPENSSL, "CVE-2030-0003", Severity.LOW, ("3.0-2",))
    assert (found.package, found.id, found.severity, found.score) == (FLASK, "CVE-2030-0002", Severity.HIGH, 7.5)
    assert (found.fixed, again.fixed) == (("2.0",), ("2.0",))
    assert set(found.ids) == set(again.ids) == {"CVE-2030-0002", "GHSA-2222-3333-4444", "PYSEC-2030-1"}
    # The second says nothing of how bad it is; what osv-scanner says of both together counts.
    assert (again.severity, again.score) == (Severity.HIGH, 7.5)


def osv_of(entry: dict[str, Any], packages: Sequence[Package] = (FLASK,)) -> Answered:
    return SCANNERS["osv-scanner"].read({"results": [{"packages": [entry]}]}, packages)


def test_what_nobody_gave_has_the_kind_of_its_ecosystem() -> None:
    affected = [{"package": {"ecosystem": "Alpine:v3.19", "name": "zlib"}, "ranges": [{"events": [{"fixed": "1.3-r9"}]}]}]
    named = {"name": "zlib", "version": "1.3-r0", "ecosystem": "Alpine:v3.19"}
    (found,) = osv_of({"package": named, "vulnerabilities": [{"id": "ALPINE-1", "affected": affected}]}).found
    assert (found.package.kind, found.package.ecosystem, found.fixed) == ("apk", "Alpine:v3.19", ("1.3-r9",))


def test_a_name_of_two_kinds_is_the_one_that_is_meant() -> None:
    npm = Package("npm", "flask", "1.0")
    (found,) = osv_of({"package": {"name": "flask", "version": "1.0", "ecosystem": "npm"}, "vulnerabilities": [{"id": "X"}]},
                      [FLASK, npm]).found  # fmt: skip
    assert found.package == npm
    entry = {"VulnerabilityID": "X", "PkgName": "flask", "InstalledVersion": "1.0", "PkgIdentifier": {"PURL": npm.purl}}
    (found,) = SCANNERS["trivy"].read({"Results": [{"Vulnerabilities": [entry]}]}, [FLASK, npm]).found
    assert found.package == npm
    both = merged([replace(found, package=FLASK)], [found])
    assert [each.package for each in both] == [FLASK, npm]


def test_a_finding_that_only_a_group_names_is_not_lost() -> None:
    named = {"name": "flask", "version": "1.0", "ecosystem": "PyPI"}
    (found,) = osv_of({"package": named, "groups": [{"ids": ["GHSA-y"], "max_severity": "9.1"}]}).found
    assert (found.id, found.package, found.severity, found.score) == ("GHSA-y", FLASK, Severity.CRITICAL, 9.1)


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("trivy", {"Results": [{"Packages": [{"Name": "flask"}, {"Name": "libssl3"}], "Vulnerabilities": [{"Title": "bad"}]}]}),
        ("grype", {**GRYPE, "matches": [{"artifact": {"name": "flask"}}]}),
        ("osv-scanner", {"results": [{"packages": [{"package": {"name": "a"}, "vulnerabilities": ["GHSA-y"], "groups": 1},
                                                   {"package": {"name": "b"}}]}]}),
        ("osv-scanner", {"results": [{"packages": [{"package": {"name": "a"}, "vulnerabilities": 5},
                                                   {"package": {"name": "b"}}]}]}),
    ],
)  # fmt: skip
def test_a_finding_that_cannot_be_read_is_not_clean(name: ScannerName, output: object) -> None:
    assert "of its findings" in (read(name, output).reason or "") or "findings that cannot" in (read(name, output).reason or "")


@pytest.mark.parametrize(
    ("said", "fixed", "upgrade"),
    [
        (">= 3.1.0, >= 2.1.3, < 3.0.0", ("2.1.3", "3.1.0"), "2.1.3"),
        (">=4.17.11", ("4.17.11",), "4.17.11"),
        ("~> 0.9, >= 1.0.3.1", ("1.0.3.1",), "1.0.3.1"),
        ("2.0, 0.9", ("2.0",), "2.0"),
    ],
)
def test_fixed_versions_that_are_ranges(said: str, fixed: tuple[str, ...], upgrade: str) -> None:
    entry = {"VulnerabilityID": "X", "PkgIdentifier": {"PURL": "pkg:gem/rack@1.0"}, "FixedVersion": said}
    (found,) = read("trivy", {"Results": [{"Vulnerabilities": [entry]}]}).found
    assert (found.fixed, found.upgrade) == (fixed, upgrade)


@pytest.mark.parametrize(
    ("said", "upgrade"), [("7.61.1-12.93.amzn1", "7.61.1-12.93.amzn1"), ("7.61.1-9.amzn1, 7.61.1-12.amzn1", None)]
)
def test_a_fixed_version_that_cannot_be_put_in_order_is_not_lost(said: str, upgrade: str | None) -> None:
    """Where only what has a fix counts, it would read as clean."""
    purl = "pkg:rpm/amazon/curl@7.61.1-11.91.amzn1?distro=amazon-2%20%28Karoo%29"
    entry = {"VulnerabilityID": "X", "PkgIdentifier": {"PURL": purl}, "FixedVersion": said, "Severity": "HIGH"}
    (found,) = read("trivy", {"Results": [{"Vulnerabilities": [entry]}]}).found
    assert (found.fixed, found.upgrade) == (tuple(said.split(", ")), upgrade)


def test_a_package_that_is_listed_twice_does_not_stand_for_another() -> None:
    flask = {"Name": "flask", "Version": "1.0"}
    assert "looked at 1" in (read("trivy", {"Results": [{"Type": "python-pkg", "Packages": [flask, flask]}]}).reason or "")
    named = {"package": {"name": "flask", "version": "1.0", "ecosystem": "PyPI"}}
    assert "looked at 1" in (read("osv-scanner", {"results": [{"packages": [named]}, {"packages": [named]}]}).reason or "")


def test_grype_warns_of_a_release_that_has_ended() -> None:
    alert = {"type": "distro-eol", "message": "Package is from end-of-life distro: debian 8", "metadata": {"name": "debian"}}
    warned = {"package": {"name": "libssl3"}, "alerts": [alert]}
    answered = read("grype", {**GRYPE, "matches": [], "alertsByPackage": [warned, warned]})
    assert answered.reason == "it warns: Package is from end-of-life distro: debian 8; what it lacks is not known"


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("trivy", {"SchemaVersion": 2}),
        ("trivy", {"SchemaVersion": 2, "Results": None}),
        ("trivy", {"Results": [{"Target": "x", "Class": "os-pkgs"}]}),
        ("trivy", {"Results": [{"Target": "x", "Packages": [{"Name": "flask"}]}]}),
        ("grype", {"matches": {}, "descriptor": {"db": {"status": {"valid": True}}}}),
        ("grype", {}),
        ("grype", {"matches": []}),
        ("grype", {"matches": [], "descriptor": {"db": {"status": {"valid": False}}}}),
        ("grype", {"matches": [], "descriptor": {"db": {"status": {"valid": True, "error": "too old"}}}}),
        ("osv-scanner", {"results": []}),
        ("osv-scanner", {}),
    ],
)
def test_a_scanner_that_looked_at_nothing_is_not_clean(name: ScannerName, output: object) -> None:
    answered = read(name, output)
    assert answered.found == ()
    assert answered.reason


@pytest.mark.parametrize("name", SCANNERS)
@pytest.mark.parametrize("output", [None, [], "x", 3, {"Results": "x", "matches": "y", "results": 4}])
def test_output_of_another_shape_is_no_crash(name: ScannerName, output: object) -> None:
    assert read(name, output).reason


@pytest.mark.parametrize(
    ("name", "output"),
    [
        (
            "trivy",
            {"Results": [{"Vulnerabilities": [{"VulnerabilityID": "CVE-9", "PkgName": "Flask", "InstalledVersion": "v1.0"}]}]},
        ),
        ("grype", {"matches": [{"vulnerability": {"id": "CVE-9"}, "artifact": {"name": "flask", "version": "1.0"}}]}),
        (
            "osv-scanner",
            {
                "results": [
                    {"packages": [{"package": {"name": "Flask", "version": "1.0"}, "vulnerabilities": [{"id": "CVE-9"}]}]}
                ]
            },
        ),
    ],
)
def test_a_package_by_another_spelling_is_ours(name: ScannerName, output: object) -> None:
    assert [(each.package, each.id) for each in read(name, output).found] == [(FLASK, "CVE-9")]


def test_what_is_said_of_a_package_that_nobody_knows_is_not_lost() -> None:
    output = {
        "Results": [
            {
                "Vulnerabilities": [
                    {"VulnerabilityID": "CVE-9", "PkgName": "other", "InstalledVersion": "3", "Severity": "CRITICAL"}
                ]
            }
        ]
    }
    (found,) = read("trivy", output).found
    assert (str(found.package), found.severity) == ("other 3", Severity.CRITICAL)


def test_offline_an_unknown_age_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    packages = [{"Name": "flask"}]
    output = json.dumps({"Results": [{"Packages": packages}]}).encode()
    assert asked(Program(0, output), "trivy", monkeypatch).reason is None
    assert "how old" in (asked(Program(0, output), "trivy", monkeypatch, offline=True).reason or "")


class Program:
    """A scanner that ends in a given way."""

    def __init__(self, code: int, stdout: bytes = b"", *, late: bool = False) -> None:
        self.code, self.stdout, self.late = code, stdout, late
        self.commands: list[Command] = []

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        self.commands.append(command)
        if self.late:
            raise CommandTimedOut(command.argv, timeout or 0)
        return Completed(command.argv, self.code, self.stdout, "first\nFATAL no database\n")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise AssertionError(command.argv)


def asked(program: Program, name: ScannerName, monkeypatch: pytest.MonkeyPatch, *, offline: bool = False) -> Answered:
    monkeypatch.setattr(adapters, "present", lambda name: True)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]

    async def ask() -> Answered:
        return await ask_scanner(program, name, "image", [FLASK], offline=offline)

    return anyio.run(ask)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (Program(1), "ended with 1: FATAL no database"),
        (Program(0, b"not json"), "cannot be read"),
        (Program(0, b""), "cannot be read"),
        (Program(0, late=True), "did not end"),
    ],
)
def test_a_scanner_that_fails_is_not_clean(program: Program, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = asked(program, "trivy", monkeypatch)
    assert answered.found == ()
    assert reason in (answered.reason or "")


@pytest.mark.parametrize("name", SCANNERS)
def test_ignore_files_of_the_fleet_are_not_read(name: ScannerName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `.trivyignore` where trimtab runs would make what it names clean, without a reason or a last day."""
    monkeypatch.chdir(tmp_path)
    program = Program(0, b"{}")
    asked(program, name, monkeypatch)
    folder = program.commands[0].folder
    assert folder
    assert Path(folder) != tmp_path


_OWN_RULE = {"vulnerability": "", "package": {"name": "kernel-headers", "type": "rpm"}, "match-type": "exact-indirect-match"}
_TOLD = {"vulnerability": "CVE-2030-0002", "reason": "", "package": {"name": "", "type": ""}}


@pytest.mark.parametrize(
    ("rules", "counts"),
    [
        pytest.param([{"fix-state": "wont-fix", "namespace": ""}], True, id="only what is fixed was asked for"),
        pytest.param([{"vex-status": "not_affected", "namespace": ""}], True, id="a document of exceptions"),
        pytest.param([{"vulnerability": "CVE-2030-0002", "namespace": ""}], True, id="named in its settings"),
        pytest.param(
            [{"vulnerability": "CVE-2030-0009", "reason": "UnaffectedPackageEntry", "namespace": ""}], False, id="no match"
        ),
        pytest.param([{**_OWN_RULE, "namespace": ""}], False, id="headers of a kernel"),
        pytest.param([{"vulnerability": "CVE-2030-0002"}, {"reason": "DistroPackageFixed"}], False, id="no match, and named"),
        pytest.param([], True, id="nobody says why"),
    ],
)
def test_what_the_settings_of_grype_leave_out_counts(rules: list[dict[str, object]], counts: bool) -> None:
    match, *others = GRYPE["matches"]
    descriptor = {**GRYPE["descriptor"], "configuration": {"ignore": [_TOLD, _OWN_RULE]}}
    output = {**GRYPE, "matches": others, "descriptor": descriptor, "ignoredMatches": [{**match, "appliedIgnoreRules": rules}]}
    assert ("CVE-2030-0002" in {each.id for each in read("grype", output).found}) is counts


def test_variables_that_leave_findings_out_do_not_reach_a_scanner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`TRIVY_SEVERITY=CRITICAL` of somebody's profile would make everything else clean, unseen."""
    (tmp_path / "trivy").write_text("#!/bin/sh\nenv | grep ^TRIVY_ >&2\nexit 7\n")
    (tmp_path / "trivy").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TRIVY_SEVERITY", "CRITICAL")
    monkeypatch.setenv("TRIVY_CACHE_DIR", "/cache")

    async def ask() -> Answered:
        return await ask_scanner(ProcessRunner(), "trivy", "image", [FLASK], offline=False)

    assert anyio.run(ask).reason == "ended with 7: TRIVY_CACHE_DIR=/cache"


@pytest.mark.parametrize("code", [127, 128])
def test_osv_scanner_says_no_packages_by_its_code(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(Program(code, b'{"results": []}'), "osv-scanner", monkeypatch).reason


def test_offline_says_so_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, tuple[tuple[str, ...], Mapping[str, str]]] = {}
    for name in SCANNERS:
        program = Program(0, b"{}")
        asked(program, name, monkeypatch, offline=True)
        said[name] = (program.commands[0].argv[:-1], program.commands[0].env)
    assert said["trivy"][0][-3:] == ("--skip-db-update", "--skip-java-db-update", "--offline-scan")
    assert said["grype"][1]["GRYPE_DB_AUTO_UPDATE"] == "false"
    assert "--offline" in SCANNERS["osv-scanner"].command("x", offline=True).argv


def test_a_scanner_that_is_not_there_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    async def ask() -> Answered:
        return await ask_scanner(Program(0), "trivy", "image", [FLASK], offline=False)

    with pytest.raises(UsageError, match="not on PATH"):
        anyio.run(ask)


def test_what_several_say_is_one_and_the_worse_word_counts() -> None:
    ours = Vulnerability(
        FLASK,
        "CVE-2030-0002",
        ("CVE-2030-0002", "PYSEC-2030-1"),
        None,
        None,
        "",
        "",
        Answer.AFFECTED,
        ("2.0",),
        "2.0",
        ("osv",),
    )
    both = merged([ours], [*read("grype", GRYPE).found, *read("trivy", TRIVY).found])
    assert [(each.id, each.severity, each.sources) for each in both] == [
        ("CVE-2030-0002", Severity.HIGH, ("osv", "grype")),
        ("CVE-2030-0003", Severity.INFO, ("grype",)),
        ("CVE-2026-1", Severity.CRITICAL, ("trivy",)),
    ]
    assert set(both[0].ids) == {"CVE-2030-0002", "PYSEC-2030-1", "GHSA-2222-3333-4444"}


class Recorded:
    """Trivy as it was recorded, by the name of a run."""

    def __init__(self, scan: str, version: str = "version") -> None:
        self.scan, self.version = scan, version

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        kept = RECORDED[self.version if "version" in command.argv else self.scan]
        output = kept["stdout"] if isinstance(kept["stdout"], str) else json.dumps(kept["stdout"])
        return Completed(command.argv, kept["code"], output.encode(), "\n".join(kept["stderr"]))

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise AssertionError(command.argv)


def debian(release: str) -> list[Package]:
    version, distro = "3.0.17-1~deb12u2", Distro("debian", release)
    openssl = Package("deb", "libssl3", version, source=("openssl", version), distro=distro)
    return [openssl, Package("deb", "dash", "0.5.12-2", source=("dash", "0.5.12-2"), distro=distro)]


def recorded(
    program: Recorded, packages: Sequence[Package], monkeypatch: pytest.MonkeyPatch, *, offline: bool = True
) -> Answered:
    monkeypatch.setattr(adapters, "present", lambda name: True)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]

    async def ask() -> Answered:
        return await ask_scanner(program, "trivy", "image", packages, offline=offline)

    return anyio.run(ask)


def test_recorded_trivy_finds_what_its_database_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of a source package and one of Python; the age is what it says of its version."""
    packages = [*debian("12"), Package("pypi", "jinja2", "2.10"), Package("pypi", "click", "7.0")]
    answered = recorded(Recorded("known"), packages, monkeypatch)
    assert answered.reason is None
    assert [(each.package, each.id, each.severity, each.fixed) for each in answered.found] == [
        (packages[0], "CVE-2030-0001", Severity.CRITICAL, ("99.0-1",)),
        (packages[2], "CVE-2019-10906", Severity.HIGH, ("2.10.1",)),
    ]
    assert answered.as_of == datetime.fromisoformat(RECORDED["version"]["stdout"]["VulnerabilityDB"]["UpdatedAt"])
    assert answered.as_of is not None
    assert answered.as_of.tzinfo is UTC


@pytest.mark.parametrize(
    ("run", "packages", "reason"),
    [
        ("new", debian("99"), "does not know this release"),
        ("ended", debian("8"), "debian 8 gets no security updates any more"),
        ("conda", [Package("conda", "openssl", "1.0")], "of packages of kind conda"),
        ("nodb", debian("12"), "ended with 1: "),
        ("new", debian(""), "debian without the number of a release"),
        (
            "known",
            [*debian("12")] * 3 + [Package("pypi", f"p{n}", "1") for n in range(9)],
            "was given 11 packages and looked at 4",
        ),
    ],
)
def test_recorded_trivy_that_finds_nothing_without_having_looked(
    run: str, packages: list[Package], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reason in (recorded(Recorded(run), packages, monkeypatch).reason or "")


def test_recorded_trivy_that_does_not_say_how_old_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Recorded("known", "version without a database")
    assert "how old" in (recorded(program, debian("12"), monkeypatch).reason or "")
    assert recorded(program, debian("12"), monkeypatch, offline=False).reason is None
