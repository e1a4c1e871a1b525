"""What a service of a stack mounts: volumes, memory, secrets and configuration files."""

import re
from collections.abc import Iterator

from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.reading import Reading
from trimtab.deploy.targets.swarm.wanted import Wanted
from trimtab.fleet.sizes import byte_size

Part = dict[str, object]


def mounts(service: Reading) -> list[Part]:
    """Everything that is mounted, in the long form. `tmpfs` and `shm_size` become mounts: a stack file's own are not heeded."""
    found = [mount for volume in service.each("volumes") for mount in _mount(volume)]
    for entry in service.texts("tmpfs"):
        path, _, options = entry.partition(":")
        size = re.search(r"(?:^|,)size=(\w+)", options)
        rest = [option for option in options.split(",") if option and not option.startswith("size=")]
        if rest:
            service.approximated("tmpfs", f"{path} is memory, without the options {', '.join(rest)}.")
        found.append(_memory(path, size[1] if size else None))
    shm = service.text("shm_size")
    if shm:
        found.append(_memory("/dev/shm", shm))  # noqa: S108  the path is the kernel's
    return found


def _memory(path: str, size: str | None) -> Part:
    return filled({"type": "tmpfs", "target": path, "tmpfs": filled({"size": byte_size(size)})})


def _mount(volume: Reading) -> Iterator[Part]:
    kind, source, target = volume.text("type"), volume.text("source"), volume.text("target") or "/"
    read_only = True if volume.take("read_only") is True else None
    volume.take("consistency")
    if kind == "tmpfs":
        yield _memory(target, volume.under("tmpfs").text("size"))
    elif kind == "volume":
        details = volume.under("volume")
        kept = {"nocopy": True if details.take("nocopy") is True else None}
        yield filled({"type": kind, "source": source, "target": target, "read_only": read_only, "volume": filled(kept)})
    elif kind == "bind":
        details = volume.under("bind")
        details.take("create_host_path")
        why = f"{source} has to be there on every node that a task may run on; a swarm makes no folders."
        volume.approximated("source", why, "Copy it into the image, make it a config, or pin the service to a node.")
        kept = filled({"propagation": details.text("propagation")})
        yield filled({"type": kind, "source": source, "target": target, "read_only": read_only, "bind": kept})
    else:
        volume.lost("", f"A mount of the type `{kind}` at {target} is not for a stack file.", "Say it by hand.")


def files(service: Reading, kind: str) -> list[Part]:
    """The secrets or configuration files of a service."""
    found: list[Part] = []
    for reference in service.each(kind):
        mode = str(reference.take("mode") or "")
        part = {key: reference.text(key) for key in ("source", "target", "uid", "gid")}
        found.append(filled({**part, "mode": int(mode, 8) if re.fullmatch(r"0?[0-7]{3,4}", mode) else None}))
    return found


def top_volumes(whole: Reading, project: str, wanted: Wanted) -> Part:
    """The stack's volumes; names that compose made up are left to the stack, which makes up the same for the same name."""
    found: Part = {}
    for name, volume in whole.named("volumes").items():
        external = bool(volume.take("external"))
        given = given_name(volume, project, name, external=external)
        parts = {
            "driver": volume.text("driver"),
            "driver_opts": wanted.all_hidden(volume, "driver_opts"),
            "labels": wanted.all_hidden(volume, "labels"),
        }
        if not external and volume.data.get("driver") in {None, "local"}:
            why = "Every node keeps a volume of its own by this name."
            volume.approximated("", why, "Pin the services that mount it to one node, or use a driver for shared storage.")
        found[name] = filled({"name": given, "external": external or None, **({} if external else parts)})
    return found


def given_name(part: Reading, project: str, key: str, *, external: bool) -> str | None:
    """A name that a person gave, None for the one that compose makes of the project's name."""
    name = part.text("name")
    return name if external or name != f"{project}_{key}" else None
