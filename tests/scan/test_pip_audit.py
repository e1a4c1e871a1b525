"""Our matcher and pip-audit, on the same requirements and the same advisories.

The server goes by the versions that an advisory lists, where it lists them, and ours is given the ranges alone. pip-audit is
pointed at a server on the loopback. Set TRIMTAB_ADVISORIES to a checkout of pypa/advisory-database to hold both
against all of it; a small set written by hand is used otherwise.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
import yaml
from osv_server import serving
from samples import osv, write_documents

from trimtab.scan.match import match
from trimtab.scan.packages import Package
from trimtab.scan.stores import Folder

BY_HAND = [
    osv("PYSEC-1", "jinja2", events=[{"introduced": "0"}, {"fixed": "2.10.1"}], aliases=["CVE-2026-1"]),
    osv("PYSEC-2", "jinja2", events=[{"introduced": "0"}, {"fixed": "2.11.3"}]),
    osv("PYSEC-3", "flask", events=[{"introduced": "1.0"}, {"last_affected": "1.1"}]),
    osv("PYSEC-4", "requests", versions=["2.19.0", "2.19.1"]),
    osv("PYSEC-5", "urllib3", events=[{"introduced": "0"}, {"fixed": "1.24"}, {"introduced": "1.25"}, {"fixed": "1.26"}]),
    osv("PYSEC-7", "pyyaml", events=[{"introduced": "5.1"}, {"last_affected": "5.1"}]),
    osv("PYSEC-8", "lxml", events=[{"introduced": "4.6.0"}, {"last_affected": "4.6.0"}]),
    osv("PYSEC-6", "django", events=[{"introduced": "0"}], withdrawn="2026-01-01T00:00:00Z"),
]
REQUIREMENTS = {
    "jinja2": "2.10", "flask": "1.1", "requests": "2.19.1", "urllib3": "1.25.3", "django": "3.0", "click": "7.0",
    "pillow": "8.0.0", "pyyaml": "5.3", "cryptography": "3.2", "werkzeug": "0.15.0", "tornado": "6.0", "aiohttp": "3.7.0",
    "numpy": "1.16.0", "pip": "19.0", "setuptools": "50.0.0", "twisted": "20.3.0", "lxml": "4.6.0", "sqlalchemy": "1.2.0",
    "fastapi": "0.60.0", "starlette": "0.13.0", "gunicorn": "20.0.0", "certifi": "2022.5.18", "babel": "2.9.0",
    "pygments": "2.7.0", "paramiko": "2.4.0", "httpx": "0.20.0", "idna": "3.6", "ansible": "2.8.0", "celery": "5.0.0",
}  # fmt: skip


def documents() -> list[Mapping[str, Any]]:
    folder = os.environ.get("TRIMTAB_ADVISORIES")
    if not folder:
        return list(BY_HAND)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    names = {name.replace("-", "").lower() for name in REQUIREMENTS}
    found: list[Mapping[str, Any]] = []
    for path in sorted(Path(folder).glob("vulns/*/*.yaml")):
        if path.parent.name.replace("-", "").lower() in names:
            text = json.dumps(yaml.load(path.read_text(), Loader=loader), default=_time)
            found.append(cast("Mapping[str, Any]", json.loads(text)))
    return found


def _time(value: object) -> str:
    """YAML gives times; the API has them as text."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else str(value)


@pytest.fixture(scope="module")
def by_pip_audit(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    folder = tmp_path_factory.mktemp("audit")
    (folder / "requirements.txt").write_text("".join(f"{name}=={version}\n" for name, version in REQUIREMENTS.items()))
    with serving([each for each in documents() if not each.get("withdrawn")]) as server:
        words = [
            "-m",
            "pip_audit",
            "-r",
            "requirements.txt",
            "--no-deps",
            "--disable-pip",
            "-f",
            "json",
            "--progress-spinner=off",
        ]
        words += ["--vulnerability-service", "osv", "--osv-url", f"{server.address}/v1/query", "--cache-dir", str(folder / "c")]
        done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    assert done.stdout, done.stderr
    data = json.loads(done.stdout)
    assert not [each for each in data["dependencies"] if "skip_reason" in each], "what it skips it has not judged"
    return {each["name"]: _names(each["vulns"]) for each in data["dependencies"] if each["vulns"]}


def _names(found: list[dict[str, Any]]) -> set[str]:
    return {name for each in found for name in (each["id"], *each["aliases"])}


def _ranges_only(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without the versions that are listed, where ranges say the same."""
    affected: list[dict[str, Any]] = document["affected"]
    parts: list[dict[str, Any]] = [{**part, "versions": []} if part.get("ranges") else part for part in affected]
    return {**document, "affected": parts}


def test_both_find_the_same(by_pip_audit: dict[str, set[str]], tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "osv", *(_ranges_only(each) for each in documents()))
    packages = [Package("pypi", name, version) for name, version in REQUIREMENTS.items()]
    known = anyio.run(Folder(folder).ask, packages)
    ours: dict[str, set[str]] = {}
    for each in match(packages, known.advisories, "folder"):
        if each.counts:
            ours.setdefault(each.package.name, set()).update(each.ids)
    assert ours.keys() == by_pip_audit.keys()
    assert len(ours) >= 4
    differing = {name: ours[name] ^ by_pip_audit[name] for name in ours if ours[name] != by_pip_audit[name]}
    assert not differing
