"""The last optimisation, from the evidence that it kept."""

from collections.abc import Mapping

from trimtab.fleet.plain import items, mapping
from trimtab.report.overview.known import Known
from trimtab.report.overview.model import Empty, Layer, Measured, Optimised, Proof, Sourced, Where


def optimised_part(known: Known) -> Sourced[Optimised] | Empty:
    """Every changed file with its evidence, the largest saving first."""
    if known.optimised is None:
        return Empty("no optimisation was proven here yet", "trimtab optimize")
    run, data = known.optimised
    whole = mapping(data)
    proofs = sorted((_proof(mapping(each)) for each in items(whole.get("files"))), key=_order)
    environment = {name: str(value) for name, value in mapping(whole.get("environment")).items()}
    where = Where("trimtab optimize", run.ended or run.started, (run.id,))
    return Sourced(Optimised(run.id, proofs, environment), where)


def _order(proof: Proof) -> tuple[bool, int, str]:
    return proof.verdict != "accepted", (proof.bytes_after or 0) - (proof.bytes_before or 0), proof.path


def _proof(data: Mapping[str, object]) -> Proof:
    sizes, layers, images = (mapping(data.get(name)) for name in ("image_bytes", "layers", "images"))
    return Proof(
        str(data.get("path", "")), _words(data.get("services")), str(data.get("verdict", "")), str(data.get("reason", "")),
        _words(data.get("accepted")), whole(sizes.get("before")), whole(sizes.get("after")), whole(layers.get("before")),
        whole(layers.get("after")), tuple(_measured(mapping(each)) for each in items(data.get("measurements"))),
        _layers(images.get("before")), _layers(images.get("after")),
    )  # fmt: skip


def _measured(data: Mapping[str, object]) -> Measured:
    return Measured(
        str(data.get("scenario", "")), number(data.get("before_seconds")), number(data.get("after_seconds")),
        bool(data.get("conclusive")), len(items(data.get("pairs"))),
    )  # fmt: skip


def _layers(data: object) -> tuple[Layer, ...]:
    return tuple(
        Layer(str(row.get("text", "")), _count(row.get("bytes")), _count(row.get("hidden_bytes")), whole(row.get("line")))
        for row in map(mapping, items(mapping(data).get("layers")))
    )


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in items(value))


def whole(value: object) -> int | None:
    """A whole number; None for anything else."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(value: object) -> int:
    return whole(value) or 0


def number(value: object) -> float:
    """A number; 0 for anything else."""
    return float(value) if isinstance(value, int | float) else 0.0
