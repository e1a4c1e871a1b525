"""What an instruction means for one fleet: a configuration that every step of a run is given."""

from collections.abc import Collection
from typing import cast

from trimtab.config import Config
from trimtab.crew.instructions import Instruction, Topic, codes_of, names_of, runtimes_of
from trimtab.fleet import Fleet
from trimtab.fleet.plain import items, mapping
from trimtab.syntax.data import toml_key, toml_value


def configured(config: Config, instruction: Instruction, fleet: Fleet) -> Config:
    """The fleet's own configuration, with the instruction's bases, patterns and limits of reach put in.

    A rule that an instruction does not want for a file is one that does not count there. A compose file is one file for all
    of its services: where a rule is unwanted for one of them, it does not count for the file.
    """
    data = _said(config)
    if instruction.standard:
        data["standard"] = {**mapping(data.get("standard")), **instruction.standard}
    if instruction.exclude:
        data["exclude"] = [*dict.fromkeys((*map(str, items(data.get("exclude"))), *instruction.exclude))]
    tools = {tool for each in instruction.intents if each.topic is Topic.CACHE_MOUNTS for tool in each.reach.tools}
    if tools:
        data["cache-mounts"] = sorted(tools)
    narrowed = [{"match": _literal(path), "ignore": sorted(codes)} for path, codes in _unwanted(instruction, fleet) if codes]
    if narrowed:
        data["path"] = [*items(data.get("path")), *narrowed]
    return Config.model_validate(data)


def changing_rules(instruction: Instruction) -> tuple[str, ...]:
    """The rules that may change something: what is only to be looked at selects none."""
    asked = codes_of(each.topic for each in instruction.intents if not each.heading and not each.looks)
    return tuple(code for code in instruction.rules if code in asked)


def config_text(config: Config) -> str:
    """A configuration as TOML; reading it gives the same one."""
    return "".join(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in _said(config).items())


def _said(config: Config) -> dict[str, object]:
    """What a configuration says itself; whether a table is there at all counts, too, as for the gates of generated scripts."""
    return cast("dict[str, object]", config.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True))


def _unwanted(instruction: Instruction, fleet: Fleet) -> list[tuple[str, Collection[str]]]:
    """The codes that are selected for some file, but not for this one."""
    every = set(changing_rules(instruction))
    found: list[tuple[str, Collection[str]]] = [
        (file.path, every - set(instruction.rules_for(names_of(file), runtimes_of(file), looks=False))) for file in fleet.files
    ]
    for path in fleet.compose_files:
        services = [service for service in fleet.services if service.origin == path]
        wanted = [set(instruction.rules_for((path, service.name), (), looks=False)) for service in services]
        found.append((path, every.difference(every.intersection(*wanted)) if wanted else set[str]()))
    # A script is on no runtime: "for all Python services" says nothing about it.
    runtimes = {runtime for each in (*instruction.intents, *instruction.kept) for runtime in each.reach.runtimes}
    for path in dict.fromkeys(part.path for part in fleet.scripts):
        found.append((path, every - set(instruction.rules_for((path,), runtimes, looks=False))))
    return found


def _literal(path: str) -> str:
    """A pattern of an ignore file that means one path."""
    # What is no UTF-8 cannot be written into TOML; `?` is any one letter.
    shown = ("?" if "\udc80" <= letter <= "\udcff" else letter for letter in path)
    return "".join(f"\\{letter}" if letter in "*[]\\!#" else letter for letter in shown)
