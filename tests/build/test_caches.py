"""Caches: a scope for each target, a mode that fits, and what the user says stands."""

from collections.abc import Callable, Mapping

import pytest

from trimtab.build import build_graph
from trimtab.build.caches import cache_from, cache_to
from trimtab.build.settings import Settings
from trimtab.docker import Builder
from trimtab.errors import UsageError
from trimtab.fleet import Fleet

TEXTS = {"one/Dockerfile": "FROM debian\n", "two/Dockerfile": "FROM debian AS a\nFROM debian\nCOPY --from=a /x /x\n"}


@pytest.mark.parametrize(
    ("spec", "name", "expected"),
    [
        ("type=gha", "one", "type=gha,scope=one,mode=min,ignore-error=true"),
        ("type=gha,scope=ci", "two", "type=gha,scope=ci-two,mode=max,ignore-error=true"),
        ("r.example.com/cache", "two", "type=registry,ref=r.example.com/cache:two,mode=max,ignore-error=true"),
        ("type=registry,ref=r:5000/c:x,mode=min", "two", "type=registry,ref=r:5000/c:x-two,mode=min,ignore-error=true"),
        ("type=registry,ref=r/{target}:cache", "one", "type=registry,ref=r/one:cache,mode=min,ignore-error=true"),
        ("type=local,dest=/c", "one", "type=local,dest=/c/one,mode=min,ignore-error=true"),
        ("type=s3,bucket=b,region=r", "one", "type=s3,bucket=b,region=r,name=one,mode=min,ignore-error=true"),
        ("type=inline", "one", "type=inline"),
        ("type=gha,ignore-error=false", "one", "type=gha,ignore-error=false,scope=one,mode=min"),
    ],
)
def test_exports(fleet: Callable[[Mapping[str, str]], Fleet], spec: str, name: str, expected: str) -> None:
    assert cache_to(spec, build_graph(fleet(TEXTS), "x").targets[name]) == expected


def test_imports(fleet: Callable[[Mapping[str, str]], Fleet]) -> None:
    target = build_graph(fleet(TEXTS), "x").targets["one"]
    assert cache_from("type=local,src=/c", target) == "type=local,src=/c/one"
    assert cache_from("type=gha", target) == "type=gha,scope=one"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings((Builder("default", "docker"),), cache_to=("type=gha",)), "cannot export a cache"),
        (Settings((Builder("default", "docker"),), sbom=True), "cannot keep an SBOM"),
        (Settings((Builder("default", "docker"),), platforms=("linux/amd64", "linux/arm64")), "several platforms"),
        (Settings((Builder("k", "kubernetes"),), platforms=("linux/amd64", "linux/arm64")), "cannot be loaded"),
        (Settings((Builder("k", "kubernetes"),), by_digest=True), "pass --push"),
    ],
)
def test_what_a_builder_cannot_do_is_said_before_anything_is_built(settings: Settings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings.check()


def test_what_it_can_do_passes() -> None:
    Settings((Builder("default", "docker", containerd=True),), cache_to=("type=gha",), sbom=True, provenance="max").check()
    Settings((Builder("default", "docker"),), cache_to=("type=inline",)).check()
