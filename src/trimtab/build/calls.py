"""From a target to the call that builds it."""

import posixpath
from collections.abc import Mapping
from pathlib import Path

from trimtab.build.caches import cache_from, cache_to
from trimtab.build.graph import Graph
from trimtab.build.inputs import readings
from trimtab.build.settings import Settings
from trimtab.build.target import Target
from trimtab.docker import Builder
from trimtab.docker.building import TargetCall
from trimtab.fleet import Unreadable

_OWN_FOLDER = ".trimtab"


def target_call(
    root: Path, graph: Graph, name: str, settings: Settings, builder: Builder, folder: Path, provided: Mapping[str, str]
) -> TargetCall:
    """The call for one target.

    `folder` takes what has to be written for it; `provided` says by target where the images are that it is built from.

    Raises:
        OSError: the folder cannot be written.
    """
    target = graph.targets[name]
    options, build = target.options, target.build
    contexts = {key: _context(root, value) for key, value in build.additional_contexts.items()}
    contexts |= {link.context: provided[link.provider] for link in graph.links_of(name) if link.provider in provided}
    folder.mkdir(parents=True, exist_ok=True)
    return TargetCall(
        context=_location(root, target),
        dockerfile=_dockerfile(root, target, folder),
        tags=() if settings.by_digest else target.tags,
        metadata_file=str(folder / "metadata.json"),
        target=build.target,
        args=build.args,
        contexts=contexts,
        labels=options.labels,
        secrets=tuple(_secret(root, spec) for spec in options.secrets),
        ssh=options.ssh,
        network=options.network,
        hosts=options.hosts,
        shm_size=options.shm_size,
        ulimits=options.ulimits,
        entitlements=_entitlements(target),
        platforms=settings.platforms or build.platforms,
        cache_from=tuple(cache_from(spec, target) for spec in (*options.cache_from, *settings.cache_from)),
        cache_to=tuple(cache_to(spec, target) for spec in (*options.cache_to, *settings.cache_to)) if builder.keeps_all else (),
        outputs=_outputs(graph, name, settings, builder, folder),
        builder=builder.name if builder.chosen else None,
        no_cache=settings.no_cache or options.no_cache,
        pull=settings.pull or options.pull,
        sbom=settings.sbom,
        provenance=settings.provenance,
    )


def layout_folder(folder: Path) -> Path:
    """Where an image is laid out that other targets are built from on a builder that is not the engine."""
    return folder / "image"


def _outputs(graph: Graph, name: str, settings: Settings, builder: Builder, folder: Path) -> tuple[str, ...]:
    target = graph.targets[name]
    outputs: list[str] = []
    if settings.push:
        pushed = "type=image,push=true"
        if settings.by_digest:
            # Each tag's repository gets the image; a comma in the value needs quotes in buildx's own syntax.
            names = ",".join(dict.fromkeys(_repository(tag) for tag in target.tags))
            pushed += f',push-by-digest=true,name-canonical=true,"name={names}"'
        outputs.append(pushed)
    elif builder.in_engine or len(settings.platforms) <= 1:
        outputs.append("type=docker" if not builder.containerd else "type=image")
    if graph.dependants[name] and not builder.in_engine and not settings.push:
        outputs.append(f"type=oci,tar=false,dest={layout_folder(folder)}")
    if settings.lay_out is not None:
        outputs.append(f"type=oci,tar=false,dest={settings.lay_out / name}")
    return tuple(outputs)


def _repository(tag: str) -> str:
    head, colon, tail = tag.rpartition(":")
    return head if colon and "/" not in tail else tag


def _location(root: Path, target: Target) -> str:
    """The context as buildx takes it: a folder, or a URL."""
    if target.build.context is not None:
        return str(root / target.build.context)
    said = str(target.build.options.get("context") or ".")
    if "://" in said or said.startswith(("git@", "github.com/")):
        return said
    return str(Path(posixpath.normpath(root / posixpath.dirname(target.origin) / said)))


def _dockerfile(root: Path, target: Target, folder: Path) -> str | None:
    if target.options.inline is not None:
        if with_ignore_file := _without_own_folder(target, folder):
            return with_ignore_file
        path = folder / "Dockerfile"
        path.write_text(target.options.inline, encoding="utf-8")
        return str(path)
    if target.build.dockerfile is None:
        said = target.build.options.get("dockerfile")
        location = _location(root, target)
        if "://" in location or location.startswith(("git@", "github.com/")):
            return str(said) if said else None
        return str(Path(location) / str(said or "Dockerfile"))
    return _without_own_folder(target, folder) or str(root / target.build.dockerfile)


def _without_own_folder(target: Target, folder: Path) -> str | None:
    """A copy of the Dockerfile with an ignore file beside it that keeps our own folder back, where it would be sent.

    What a run notes there would else be an input of the next one, which then had nothing cached. BuildKit reads
    `<Dockerfile>.dockerignore` instead of the context's own file, so that one's patterns are repeated.
    """
    context = target.context
    if target.file is None or context is None or context.root or context.ignore.ignores(_OWN_FOLDER):
        return None
    if not any(reading.reads(_OWN_FOLDER) for reading in readings(target)):
        return None
    ignored = context.tree.read(context.ignore_path) if context.ignore_path else None
    own = "" if ignored is None or isinstance(ignored, Unreadable) else ignored.text
    path = folder / "Dockerfile"
    path.write_bytes(target.file.dockerfile.source.text.encode("utf-8", "surrogateescape"))
    path.with_name("Dockerfile.dockerignore").write_text(f"{own.rstrip()}\n{_OWN_FOLDER}\n", errors="surrogateescape")
    return str(path)


def _context(root: Path, value: str) -> str:
    return value if ":" in value else str(root / value)


def _secret(root: Path, spec: str) -> str:
    def placed(part: str) -> str:
        key, _, value = part.partition("=")
        return f"{key}={root / value}" if key in {"src", "source"} else part

    return ",".join(placed(part) for part in spec.split(","))


def _entitlements(target: Target) -> tuple[str, ...]:
    """What a build may do beyond the usual: said, or implied by the network of the host."""
    implied = ("network.host",) if target.options.network == "host" else ()
    return tuple(dict.fromkeys((*target.options.entitlements, *implied)))
