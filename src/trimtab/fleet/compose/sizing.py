"""What each service is to be given of its host, as a proposal.

Without observed use it is a default by the kind of service, and is called that. The defaults are our choice: round numbers that
such services start and idle in, with room.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from trimtab.fleet.compose.apply import Want
from trimtab.fleet.compose.facts import ComposeFacts, image_name, is_web
from trimtab.fleet.compose.resources import resource_paths
from trimtab.fleet.compose.told import BESIDE_HEAP, heap_of
from trimtab.fleet.model import Service
from trimtab.fleet.requirements import python_installs
from trimtab.fleet.sizes import byte_size, size_text

_MODELS = frozenset(
    ["torch", "tensorflow", "transformers", "sentence-transformers", "openvino", "onnxruntime", "keras", "vllm", "optimum"]
)
"""Projects that load models into memory."""
_BY_BASE = (("node", "node"), ("python", "python"), ("openjdk", "jvm"), ("temurin", "jvm"), ("jre", "jvm"), ("nginx", "web"),
            ("httpd", "web"), ("caddy", "web"), ("golang", "native"), ("scratch", "native"), ("distroless", "native"),
            ("rust", "native"), ("php", "php"), ("ruby", "ruby"), ("dotnet", "dotnet"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sizes:
    """Memory in bytes, processors in cores."""

    limit: int
    reservation: int
    cpus: float


_MIB = 1024 * 1024
DEFAULTS: Mapping[str, Sizes] = {
    "web": Sizes(64 * _MIB, 16 * _MIB, 0.25),
    "native": Sizes(64 * _MIB, 16 * _MIB, 0.5),
    "python": Sizes(256 * _MIB, 96 * _MIB, 0.5),
    "node": Sizes(256 * _MIB, 96 * _MIB, 0.5),
    "php": Sizes(256 * _MIB, 64 * _MIB, 0.5),
    "ruby": Sizes(384 * _MIB, 128 * _MIB, 0.5),
    "dotnet": Sizes(384 * _MIB, 128 * _MIB, 0.5),
    "jvm": Sizes(768 * _MIB, 384 * _MIB, 1.0),
    "store": Sizes(512 * _MIB, 256 * _MIB, 1.0),
    "models": Sizes(2048 * _MIB, 1024 * _MIB, 2.0),
    "unknown": Sizes(256 * _MIB, 64 * _MIB, 0.5),
}


@dataclass(frozen=True)
class Proposal:
    """One service's sizes as they are and as they would be; None for what it has not."""

    service: Service
    kind: str
    before: tuple[int | None, int | None, float | None]
    after: Sizes
    basis: str
    heap: int = 0
    """Bytes that its runtime is told to use for its heap; 0 where it is not told."""

    @property
    def wants(self) -> tuple[Want, ...]:
        """The settings that are missing; what somebody has chosen stays."""
        limit, reservation, cpus = self.before
        found: list[Want] = []
        if limit is None:
            found += sized_wants(self.service, "limits", "memory", self.after.limit)
        if cpus is None:
            found += sized_wants(self.service, "limits", "cpus", self.after.cpus)
        if reservation is None:
            found += sized_wants(self.service, "reservations", "memory", self.after.reservation)
        return tuple(found)


def sized_wants(service: Service, kind: str, name: str, size: float) -> list[Want]:
    """A limit or reservation in the spelling that the service has already. Bytes, or cores."""
    found: list[Want] = []
    for path in resource_paths(service.body, kind, name):
        # The long form of processors is a text in compose's specification, the short one a number.
        cores = f"{size:.2f}" if len(path) > 1 else size
        found.append(Want(service.name, path, cores if name == "cpus" else _text(int(size))))
    return found


def _text(size: int) -> str:
    return f"{size // _MIB}M"


def propose(facts: ComposeFacts) -> Iterator[Proposal]:
    """A proposal for each service that keeps running. A limit that is there is kept, and nothing is proposed above it."""
    for service in facts.deployed:
        kind = kind_of(facts, service)
        default = DEFAULTS[kind]
        limit, reservation = byte_size(service.memory_limit), byte_size(service.memory_reservation)
        cpus = float(service.cpu_limit) if service.cpu_limit and _is_number(service.cpu_limit) else None
        heap = heap_of(facts, service)
        needed = -int(-heap * BESIDE_HEAP // _MIB) * _MIB
        most = limit or max(default.limit, reservation or 0, needed)
        after = Sizes(most, reservation or min(default.reservation, most // 2), cpus or default.cpus)
        basis = (
            f"its heap of {size_text(heap)} and room" if limit is None and heap and most == needed else f"default for {kind}"
        )
        yield Proposal(service, kind, (limit, reservation, cpus), after, basis, heap)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def kind_of(facts: ComposeFacts, service: Service) -> str:
    """What sort of program a service is, one of the keys of `DEFAULTS`."""
    if facts.store_port(service) is not None:
        return "store"
    if is_web(service):
        return "web"
    image = facts.image(service)
    if image is not None and any(
        canonicalize_name(requirement.name) in _MODELS
        for install in python_installs(image[0].file)
        for requirement in install.requirements
    ):
        return "models"
    base = image[0].outside_base(image[1]) if image else image_name(service)
    return next((kind for word, kind in _BY_BASE if word in base), "unknown")
