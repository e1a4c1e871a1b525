"""The generated bake file."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from trimtab.build import build_graph
from trimtab.build.bakefile import bake_file
from trimtab.fleet import Fleet

Discover = Callable[[Mapping[str, str]], Fleet]


def baked(fleet: Discover, files: Mapping[str, str]) -> dict[str, Any]:
    return json.loads(bake_file(build_graph(fleet(files), "shop")))


def test_links_paths_and_tags(fleet: Discover) -> None:
    compose = "services:\n  app: {build: {context: ., dockerfile: app/Dockerfile}}\n  base: {build: base, image: base}\n"
    found = baked(fleet, {"compose.yaml": compose, "app/Dockerfile": "FROM base\n", "base/Dockerfile": "FROM debian\n"})
    assert found["group"]["default"]["targets"] == ["app", "base"]
    assert found["target"]["app"] == {
        "context": ".",
        "dockerfile": "app/Dockerfile",
        "contexts": {"base": "target:base"},
        "tags": ["shop-app"],
    }
    assert found["target"]["base"] == {"context": "base", "dockerfile": "Dockerfile", "tags": ["base"]}


def test_no_credential_is_written_and_no_variable_is_made_of_text(fleet: Discover) -> None:
    compose = "services:\n  a:\n    build:\n      context: .\n      args: {API_TOKEN: hunter2hunter2, V: 'x$${Y}'}\n"
    found = baked(fleet, {"compose.yaml": compose, "Dockerfile": "FROM debian\n"})
    assert "hunter2" not in json.dumps(found)
    assert found["variable"] == {"API_TOKEN": {"default": ""}}
    assert found["target"]["a"]["args"] == {"API_TOKEN": "${API_TOKEN}", "V": "x$${Y}"}


def test_what_waits_for_itself_is_left_out(fleet: Discover) -> None:
    compose = "services:\n  a: {build: a, image: a}\n  b: {build: b, image: b}\n  c: {build: c}\n"
    texts = {"a/Dockerfile": "FROM b\n", "b/Dockerfile": "FROM a\n", "c/Dockerfile": "FROM debian\n"}
    assert list(baked(fleet, {"compose.yaml": compose, **texts})["target"]) == ["c"]
