"""What an instruction makes of a fleet's configuration."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from trimtab.config import Config, load_config
from trimtab.crew.instructions import understand
from trimtab.crew.policy import changing_rules, config_text, configured
from trimtab.fleet import Fleet

Make = Callable[[Mapping[str, str]], Fleet]
FILES = {
    "compose.yaml": "services:\n  api: {build: api}\n  web: {build: web}\n",
    "api/Dockerfile": "FROM python:3.12-slim\nRUN pip install flask\n",
    "web/Dockerfile": "FROM node:24-slim\nRUN npm ci\n",
}


def test_bases_and_patterns_are_put_in(fleet: Make) -> None:
    own = Config.model_validate(
        {"standard": {"node": "node:24-slim", "python": "python:3.11"}, "ignore": ["DF301"], "repeats": 7}
    )
    words = "Standardize base images: use python:3.12-alpine for all Python services."
    found = configured(own, understand(words), fleet(FILES))
    assert found.standard == {"node": "node:24-slim", "python": ("python:3.12-alpine",)}
    assert (found.ignore, found.repeats) == (("DF301",), 7)
    more = configured(own, understand("Add exclusions: *.md, logs/."), fleet(FILES))
    assert more.exclude == ("*.md", "logs/")


def test_what_is_not_wanted_for_a_file_does_not_count_there(fleet: Make) -> None:
    instruction = understand("Add cache mounts for pip installs, except web.")
    assert instruction.except_ or any(each.reach.except_ or each.reach.only for each in instruction.intents), instruction
    found = configured(Config(), instruction, fleet(FILES))
    ignored = {path.match: set(path.ignore) for path in found.path}
    assert "DF101" in ignored["web/Dockerfile"]
    assert "api/Dockerfile" not in ignored


def test_managers_that_are_named_are_the_only_ones(fleet: Make) -> None:
    assert configured(Config(), understand("Add cache mounts for pip and npm installs."), fleet(FILES)).cache_mounts == (
        "npm",
        "pip",
    )
    assert configured(Config(), understand("Add cache mounts."), fleet(FILES)).cache_mounts == ()


def test_what_is_only_looked_at_changes_nothing() -> None:
    assert changing_rules(understand("Review the layer order.")) == ()
    assert "DF108" in changing_rules(understand("Optimize layer ordering."))


def test_a_compose_file_counts_where_all_of_its_services_are_meant(fleet: Make) -> None:
    found = configured(Config(), understand("Add memory limits to all services except web."), fleet(FILES))
    ignored = {path.match: set(path.ignore) for path in found.path}
    assert {"CM101", "CM102"} <= ignored["compose.yaml"]


def test_a_script_that_is_to_be_left_alone_is(fleet: Make) -> None:
    scripts = dict.fromkeys(("scripts/deploy.sh", "scripts/old.sh"), "#!/bin/bash\ndocker compose up -d\n")
    words = "Improve deployment scripts for all Python services. Do not touch scripts/old.sh."
    found = configured(Config(), understand(words), fleet({**FILES, **scripts}))
    ignored = {path.match: set(path.ignore) for path in found.path}
    assert "SC108" in ignored["scripts/old.sh"]
    assert "scripts/deploy.sh" not in ignored


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(st.dictionaries(TEXT, TEXT, max_size=3), st.lists(TEXT, max_size=3), st.booleans())
def test_reading_what_was_written_gives_the_same(standard: dict[str, str], exclude: list[str], offline: bool) -> None:
    config = Config.model_validate(
        {"standard": standard, "exclude": exclude, "offline": offline, "deploy": {"before": standard}}
    )
    assert Config.model_validate(tomllib.loads(config_text(config))) == config


def test_the_file_is_read_as_any_other(tmp_path: Path) -> None:
    config = Config.model_validate(
        {"gate": {"critical": ["api"], "path": [{"match": "a/**", "overall": 90}]}, "compose": [["a.yml"]]}
    )
    (tmp_path / "policy.toml").write_text(config_text(config))
    assert load_config(tmp_path, tmp_path / "policy.toml") == config
