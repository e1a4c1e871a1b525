"""The health check that is in effect for a service: its image's, with what the compose file says on top."""

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.service import duration
from trimtab.fleet.model import HealthCheck, Service

_UNKNOWN = HealthCheck(("CMD",))
"""One of which only that it is there is known."""


def check_in_effect(facts: ComposeFacts, service: Service) -> HealthCheck | None:
    """The check that the engine runs; None where there is none, or where nothing is known of it.

    The engine merges field by field: what the compose file leaves out, or sets to 0, is the image's (moby, `daemon/commit.go`,
    `merge`).
    """
    written = service.healthcheck
    if written is not None and written.disabled:
        return None
    own = _of_image(facts, service)
    if written is None or own is None:
        return written or own
    return HealthCheck(
        written.test or own.test,
        written.interval or own.interval,
        written.timeout or own.timeout,
        written.start_period or own.start_period,
        written.start_interval or own.start_interval,
        written.retries or own.retries,
    )


def _of_image(facts: ComposeFacts, service: Service) -> HealthCheck | None:
    image = facts.image(service)
    instruction = image[0].last(image[1], "HEALTHCHECK") if image is not None else None
    if instruction is None:
        return _UNKNOWN if service.healthcheck is None and facts.has_check(service) else None
    kind, _, command = instruction.arguments.partition(" ")
    if kind.upper() != "CMD":
        return None
    test = ("CMD", *instruction.json) if instruction.json is not None else ("CMD-SHELL", command.strip())
    options = {flag.name: flag.value for flag in instruction.flags}
    retries = options.get("retries") or ""
    return HealthCheck(
        test,
        duration(options.get("interval")),
        duration(options.get("timeout")),
        duration(options.get("start-period")),
        duration(options.get("start-interval")),
        int(retries) if retries.isdecimal() else None,
    )
