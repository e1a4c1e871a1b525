"""Targets, what they are built from, and what is wrong with that."""

from collections.abc import Callable, Mapping

import pytest

from trimtab.build import Graph, Wanted, build_graph
from trimtab.fleet import Fleet
from trimtab.fleet.needed import normal_reference

Discover = Callable[[Mapping[str, str]], Fleet]
BASE = "FROM debian:12\n"


def graph(fleet: Discover, files: Mapping[str, str], wanted: Wanted | None = None) -> Graph:
    return build_graph(fleet(files), "Shop Floor", wanted)


def test_services_with_the_same_build_are_one_target(fleet: Discover) -> None:
    found = graph(fleet, {"compose.yaml": "services:\n  a: {build: .}\n  b: {build: ., image: b:2}\n", "Dockerfile": BASE})
    (target,) = found.targets.values()
    assert target.services == ("a", "b")
    assert target.tags == ("shopfloor-a", "b:2")


def test_a_project_is_named_as_compose_names_it(fleet: Discover) -> None:
    found = graph(fleet, {"compose.yaml": "name: Fleet\nservices: {a: {build: .}}\n", "Dockerfile": BASE})
    assert found.targets["a"].tags == ("fleet-a",)
    below = graph(fleet, {"My_App.2/compose.yaml": "services: {a: {build: .}}\n", "My_App.2/Dockerfile": BASE})
    assert below.targets["a"].tags == ("my_app2-a",)


def test_one_name_in_two_projects_is_two_targets(fleet: Discover) -> None:
    files = {f"{name}/compose.yaml": "services: {web: {build: .}}\n" for name in "xy"}
    found = graph(fleet, {**files, "x/Dockerfile": BASE, "y/Dockerfile": BASE})
    assert list(found.targets) == ["web", "web-y-compose-yaml"]


@pytest.mark.parametrize(
    ("dockerfile", "how"),
    [
        ("FROM acme/base:1\n", "FROM"),
        ("FROM docker.io/acme/base:1 AS x\nFROM x\n", "FROM"),
        ("FROM scratch\nCOPY --from=acme/base:1 /a /a\n", "COPY --from"),
        ("FROM debian\nRUN --mount=type=bind,from=acme/base:1,target=/m ls /m\n", "RUN --mount"),
        ("ARG TAG=1\nFROM acme/base:$TAG\n", "FROM"),
    ],
)
def test_an_image_of_the_fleet_is_a_link(fleet: Discover, dockerfile: str, how: str) -> None:
    compose = "services:\n  app: {build: app}\n  base: {build: base, image: 'acme/base:1'}\n"
    found = graph(fleet, {"compose.yaml": compose, "app/Dockerfile": dockerfile, "base/Dockerfile": BASE})
    (link,) = found.links
    assert (link.consumer, link.provider, link.how) == ("app", "base", how)
    assert found.problems == ()


def test_a_stage_that_is_not_needed_links_nothing(fleet: Discover) -> None:
    compose = "services:\n  app: {build: {context: app, target: out}}\n  base: {build: base, image: base}\n"
    text = "FROM debian AS out\nFROM base AS test\n"
    assert graph(fleet, {"compose.yaml": compose, "app/Dockerfile": text, "base/Dockerfile": BASE}).links == ()


def test_contexts_that_are_services_are_links_and_unknown_ones_problems(fleet: Discover) -> None:
    compose = (
        "services:\n  app:\n    build:\n      context: app\n      additional_contexts: {base: 'service:base', gone: 'service:gone'}\n"
        "  base: {build: base}\n"
    )
    files = {"compose.yaml": compose, "app/Dockerfile": "FROM base\nCOPY --from=gone / /\n", "base/Dockerfile": BASE}
    found = graph(fleet, files)
    assert [(link.consumer, link.provider, link.context) for link in found.links] == [("app", "base", "base")]
    assert "`service:gone`, which nothing here builds" in found.problems[0]


def test_bake_targets_link_too(fleet: Discover) -> None:
    bake = (
        'target "base" { context = "base" }\n'
        'target "app" {\n  context = "app"\n  contexts = { base = "target:base" }\n  tags = ["app:1", "app:2"]\n}\n'
    )
    found = graph(fleet, {"docker-bake.hcl": bake, "app/Dockerfile": "FROM base\n", "base/Dockerfile": BASE})
    assert found.needs["app"] == {"base"}
    assert found.targets["app"].tags == ("app:1", "app:2")


def test_a_circle_is_named_and_what_waits_for_it_is_in_it(fleet: Discover) -> None:
    compose = "services:\n" + "".join(f"  {name}: {{build: {name}, image: {name}}}\n" for name in "abcd")
    texts = {"a": "FROM b\n", "b": "FROM a\n", "c": "FROM a\n", "d": BASE}
    found = graph(fleet, {"compose.yaml": compose, **{f"{name}/Dockerfile": text for name, text in texts.items()}})
    assert found.circular == {"a", "b", "c"}
    assert "wait for each other" in found.problems[-1]


def test_a_base_under_another_tag_is_a_problem(fleet: Discover) -> None:
    compose = "services:\n  app: {build: app}\n  base: {build: base, image: 'acme/base:2'}\n"
    found = graph(fleet, {"compose.yaml": compose, "app/Dockerfile": "FROM acme/base:1\n", "base/Dockerfile": BASE})
    assert found.links == ()
    assert "`acme/base:1` is not what `base` is built as" in found.problems[0]


def test_variants_and_orphans_are_asked_for(fleet: Discover) -> None:
    files = {
        "docker-compose.yml": "services: {a: {build: .}}\n",
        "docker-compose.prod.yml": "services: {p: {build: prod}}\n",
        "Dockerfile": BASE,
        "prod/Dockerfile": BASE,
        "tools/Dockerfile": BASE,
        "tools/Dockerfile.extra": BASE,
    }
    found = graph(fleet, files)
    assert list(found.targets) == ["a"]
    assert found.left_out == ("tools/Dockerfile", "tools/Dockerfile.extra")
    assert set(graph(fleet, files, Wanted(everything=True)).targets) == {"a", "p", "tools", "tools-extra"}
    assert list(graph(fleet, files, Wanted(files=frozenset(["docker-compose.prod.yml"]))).targets) == ["p"]
    assert list(graph(fleet, files, Wanted(files=frozenset(["tools/Dockerfile"]))).targets) == ["tools"]


def test_variants_alone_are_the_fleet(fleet: Discover) -> None:
    files = {f"docker-compose.{name}.yml": f"services: {{{name}: {{build: .}}}}\n" for name in ("dev", "prod")}
    assert graph(fleet, {**files, "Dockerfile": BASE}).targets["dev"].services == ("dev", "prod")


def test_no_compose_file_builds_every_dockerfile(fleet: Discover) -> None:
    assert set(graph(fleet, {"Dockerfile": BASE, "b/Dockerfile": BASE}).targets) == {"shop-floor", "b"}


def test_services_bring_what_they_need(fleet: Discover) -> None:
    compose = "services:\n  app: {build: app}\n  base: {build: base, image: base}\n  other: {build: other}\n"
    texts = {"app": "FROM base\n", "base": BASE, "other": BASE}
    files = {"compose.yaml": compose, **{f"{name}/Dockerfile": text for name, text in texts.items()}}
    found = graph(fleet, files, Wanted(services=("app", "nothing")))
    assert set(found.targets) == {"app", "base"}
    assert found.problems == ("nothing is built for `nothing`; there are app, base, other",)


def test_build_options_are_read_from_compose(fleet: Discover) -> None:
    compose = """
services:
  a:
    build:
      context: .
      labels: [team=core]
      secrets: [token, {source: key, target: other}]
      ssh: [default]
      network: host
      extra_hosts: [h=10.0.0.1]
      shm_size: 128m
      ulimits: {nofile: {soft: 1, hard: 2}, nproc: 3}
      cache_from: ['type=local,src=c']
      privileged: true
      tags: [more:1]
secrets:
  token: {environment: TOKEN}
  key: {file: ./key.pem}
"""
    target = graph(fleet, {"compose.yaml": compose, "Dockerfile": BASE}).targets["a"]
    options = target.options
    assert options.labels == {"team": "core"}
    assert options.secrets == ("id=token,env=TOKEN", "id=other,src=key.pem")
    assert options.ssh == ("default",)
    assert (options.network, options.hosts, options.shm_size) == ("host", ("h:10.0.0.1",), "128m")
    assert set(options.ulimits) == {"nofile=1:2", "nproc=3"}
    assert options.cache_from == ("type=local,src=c",)
    assert options.entitlements == ("security.insecure",)
    assert target.tags == ("shopfloor-a", "more:1")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("python", "docker.io/library/python:latest"),
        ("python:3.12", "docker.io/library/python:3.12"),
        ("acme/app", "docker.io/acme/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("ghcr.io/a/b:1", "ghcr.io/a/b:1"),
        ("registry:5000/a", "registry:5000/a:latest"),
        ("a@sha256:" + "0" * 64, "docker.io/library/a@sha256:" + "0" * 64),
    ],
)
def test_references_are_completed_as_docker_does(text: str, normal: str) -> None:
    assert normal_reference(text) == normal


def test_an_image_from_its_own_tag_is_built_and_named(fleet: Discover) -> None:
    compose = "services:\n  db: {build: db, image: 'postgres:15'}\n"
    found = graph(fleet, {"compose.yaml": compose, "db/Dockerfile": "FROM postgres:15\n"})
    assert (found.links, found.circular) == ((), frozenset())
    assert found.problems == ("db: FROM `postgres:15` is its own tag, which the engine may have from the build before",)


def test_different_images_of_one_tag_are_named(fleet: Discover) -> None:
    compose = (
        "services:\n  a: {build: a, image: acme/x}\n  b: {build: b, image: 'acme/x:latest'}\n  c: {build: b, image: acme/c}\n"
    )
    found = graph(fleet, {"compose.yaml": compose, "a/Dockerfile": BASE, "b/Dockerfile": BASE})
    assert found.problems == ("a, b are different images of one tag, `acme/x`: the one that is built last keeps it",)
