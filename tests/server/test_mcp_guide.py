"""The configuration in the guide is what the server takes."""

import json
import re
from pathlib import Path
from typing import cast

import pytest

from trimtab.cli.app import app
from trimtab.fleet.plain import items, mapping
from trimtab.mcp.tools import TOOLS

GUIDE = (Path(__file__).parents[2] / "docs/guides/agents.md").read_text(encoding="utf-8")
BLOCKS = [cast("object", json.loads(text)) for text in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)]


def test_every_tool_is_in_the_guide() -> None:
    assert re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE) != []
    assert set(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)) == {tool.name for tool in TOOLS}


def test_the_guide_configures_both_ways_to_serve() -> None:
    servers = [mapping(each) for block in BLOCKS for names in mapping(block).values() for each in mapping(names).values()]
    assert {"url" if "url" in server else "command" for server in servers} == {"url", "command"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_configuration(number: int) -> None:
    (servers,) = mapping(BLOCKS[number]).values()
    server = mapping(mapping(servers)["trimtab"])
    if "url" in server:
        assert server["url"] == "http://127.0.0.1:8001/mcp"
        return
    assert server["command"] == "trimtab"
    command, bound, _ = app.parse_args([str(word) for word in items(server["args"])], exit_on_error=False, print_error=False)
    assert (command.__name__, len(bound.args)) == ("mcp", 1)
