"""Commands that build a fleet's images and look at builders. Build arguments and secrets go by name, never by value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trimtab.docker.command import WORK, Command, by_name, docker


@dataclass(frozen=True)
class TargetCall:
    """One call of `docker buildx build`. Paths are absolute."""

    context: str
    dockerfile: str | None
    """None where the context, a URL, brings it."""
    tags: tuple[str, ...]
    metadata_file: str
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict[str, str])
    contexts: Mapping[str, str] = field(default_factory=dict[str, str])
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    network: str | None = None
    hosts: tuple[str, ...] = ()
    shm_size: str | None = None
    ulimits: tuple[str, ...] = ()
    entitlements: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """As for `--output`; empty loads the image into the engine."""
    builder: str | None = None
    no_cache: bool = False
    pull: bool = False
    sbom: bool = False
    provenance: str | None = None
    """`min` or `max`; None for no attestation, which keeps the image's digest the same from build to build."""


def target_build(call: TargetCall) -> Command:
    """A build with machine-readable progress on standard error."""
    words = ["buildx", "build", "--progress", "rawjson", "--metadata-file", call.metadata_file]
    words += ["--builder", call.builder] if call.builder else []
    words += ["--file", call.dockerfile] if call.dockerfile is not None else []
    words += ["--target", call.target] if call.target else []
    words += by_name("--build-arg", call.args)
    repeated = {
        "--tag": call.tags,
        "--build-context": tuple(f"{name}={value}" for name, value in sorted(call.contexts.items())),
        "--label": tuple(f"{name}={value}" for name, value in sorted(call.labels.items())),
        "--secret": call.secrets,
        "--ssh": call.ssh,
        "--add-host": call.hosts,
        "--ulimit": call.ulimits,
        "--allow": call.entitlements,
        "--cache-from": call.cache_from,
        "--cache-to": call.cache_to,
        "--output": call.outputs or ("type=docker",),
        "--platform": (",".join(call.platforms),) if call.platforms else (),
    }
    words += [word for flag, values in repeated.items() for value in values for word in (flag, value)]
    words += ["--network", call.network] if call.network else []
    words += ["--shm-size", call.shm_size] if call.shm_size else []
    words += ["--no-cache"] if call.no_cache else []
    words += ["--pull"] if call.pull else []
    words += ["--sbom=true"] if call.sbom else []
    words += [f"--provenance=mode={call.provenance}" if call.provenance else "--provenance=false"]
    return docker(*words, call.context, env=call.args, seconds=WORK)


def group_build(file: str, targets: Sequence[str], metadata_file: str, folder: str, env: Mapping[str, str]) -> Command:
    """A build of several targets of a bake file in one go; `folder` is where their contexts lie."""
    words = ["buildx", "bake", "--progress", "rawjson", "--file", file, "--metadata-file", metadata_file]
    return docker(*words, "--provenance=false", "--allow", f"fs.read={folder}", *targets, env=env, seconds=WORK)


def inspect_builder(name: str | None) -> Command:
    """What a builder is; the one in use when no name is given."""
    return docker("buildx", "inspect", *([name] if name else []))


def store_of_engine() -> Command:
    """The engine's storage driver and its state, as JSON: the containerd store calls itself by its snapshotter."""
    return docker("info", "--format", "{{json .DriverStatus}}")


def build_records(builder: str | None) -> Command:
    """The builder's own records of builds, one JSON object a line, the newest first."""
    return docker("buildx", "history", "ls", *(["--builder", builder] if builder else []), "--format", "json")


def build_record_log(reference: str, builder: str | None) -> Command:
    """The progress of a recorded build, as it was printed, on standard output or error by the version of buildx."""
    own = ["--builder", builder] if builder else []
    return docker("buildx", "history", "logs", *own, "--progress", "rawjson", reference)
