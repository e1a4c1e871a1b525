"""Health checks that stand in Dockerfiles, which nobody runs where there is no Docker engine."""

from collections.abc import Mapping, Sequence

from trimtab.fleet import Fleet
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.plain import mapping
from trimtab.syntax.dockerfile.tree import Instruction

_TIMES = {"interval": "interval", "timeout": "timeout", "start-period": "start_period", "start-interval": "start_interval"}


def image_checks(fleet: Fleet, files: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
    """The checks of the images that a project's services are built from, in compose's words, by service.

    Args:
        fleet: What is known of the repository.
        files: The project's compose files, relative to it.
    """
    project = next((each for each in fleet.projects if each.files == tuple(files)), None)
    if project is None:
        return {}
    facts = ComposeFacts(fleet, project)
    images = {service.name: facts.image(service) for service in project.services}
    found = {name: image[0].last(image[1], "HEALTHCHECK") for name, image in images.items() if image is not None}
    checks = {name: image_check(instruction) for name, instruction in found.items() if instruction is not None}
    return {name: check for name, check in checks.items() if check}


def image_check(instruction: Instruction) -> Mapping[str, object]:
    """What a HEALTHCHECK says, as compose would; empty for `NONE`."""
    kind, _, text = instruction.arguments.partition(" ")
    if kind.upper() != "CMD":
        return {}
    test = ["CMD", *instruction.json] if instruction.json is not None else ["CMD-SHELL", text.strip()]
    flags = {flag.name: flag.value for flag in instruction.flags}
    times = {key: flags[name] for name, key in _TIMES.items() if flags.get(name)}
    retries = flags.get("retries") or ""
    return {"test": test, **times, **({"retries": int(retries)} if retries.isdigit() else {})}


def with_checks(data: Mapping[str, object], checks: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """A project in which a service without a test of its own has its image's; what it says about times goes before."""
    services = {name: _with_check(mapping(body), checks.get(name, {})) for name, body in mapping(data.get("services")).items()}
    return {**data, **({"services": services} if checks else {})}


def _with_check(body: Mapping[str, object], check: Mapping[str, object]) -> Mapping[str, object]:
    own = mapping(body.get("healthcheck"))
    if not check or own.get("test") or own.get("disable"):
        return body
    return {**body, "healthcheck": {**check, **own}}
