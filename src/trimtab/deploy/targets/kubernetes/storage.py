"""Volumes, secrets, configuration files and memory of a pod."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from trimtab.deploy.targets.kubernetes.names import dns_label
from trimtab.deploy.targets.kubernetes.process import memory_text
from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.plain import mapping


@dataclass
class Mounts:
    """What is mounted where, as it is gathered for one pod."""

    places: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    volumes: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])
    claims: list[str] = field(default_factory=list[str])

    def add(self, name: str, source: Mapping[str, object], place: Mapping[str, object]) -> None:
        """Mount a volume; one that is there is mounted a second time."""
        self.volumes.setdefault(name, {"name": name, **source})
        self.places.append(filled({"name": name, **place}))

    def add_memory(self, path: str, size: str | None) -> None:
        number = len(self.volumes)
        self.add(f"memory-{number}", {"emptyDir": filled({"medium": "Memory", "sizeLimit": size})}, {"mountPath": path})


@dataclass(frozen=True)
class Shared:
    """What all services' mounts refer to, by compose's names to Kubernetes' own."""

    claims: Mapping[str, str]
    secrets: Mapping[str, str]
    configs: Mapping[str, str]
    shared_by: Callable[[str], bool]
    """Whether more than one service mounts a volume."""


def mounts(service: Reading, shared: Shared) -> Mounts:
    """Everything that a service mounts."""
    found = Mounts()
    for volume in service.each("volumes"):
        _volume(volume, found, shared)
    for entry in service.texts("tmpfs"):
        path, _, options = entry.partition(":")
        size = re.search(r"(?:^|,)size=(\w+)", options)
        found.add_memory(path, memory_text(size[1]) if size else None)
        rest = [option for option in options.split(",") if option and not option.startswith("size=")]
        if rest:
            service.approximated("tmpfs", f"`{path}` is memory, without the options {', '.join(rest)}.")
    shm = memory_text(service.text("shm_size"))
    if shm:
        found.add_memory("/dev/shm", shm)  # noqa: S108  the path is the kernel's
    for kind, names in (("secrets", shared.secrets), ("configs", shared.configs)):
        for reference in service.each(kind):
            _file(kind, reference, found, names)
    return found


def _volume(volume: Reading, found: Mounts, shared: Shared) -> None:
    kind, source, target = volume.text("type"), volume.text("source"), volume.text("target") or "/"
    read_only = volume.take("read_only") is True
    if kind == "volume" and source:
        details = volume.under("volume")
        claim = shared.claims.get(source, dns_label(source))
        place = {"mountPath": target, "readOnly": read_only or None, "subPath": details.text("subpath")}
        found.add(f"claim-{claim}", {"persistentVolumeClaim": {"claimName": claim}}, place)
        found.claims.append(claim)
        if details.take("nocopy") is not True and not read_only:
            why = (
                f"Docker fills a new volume with what the image has at {target}, and gives it that owner; a claim begins empty."
            )
            volume.approximated("", why, "Let the program make what it needs; a `user` with a group makes the claim its own.")
    elif kind == "volume":
        found.add(f"scratch-{len(found.volumes)}", {"emptyDir": {}}, {"mountPath": target, "readOnly": read_only or None})
        volume.under("volume").take("nocopy")
        volume.approximated("", f"{target} is an anonymous volume; here it lives as long as the pod.", "Name it to keep it.")
    elif kind == "tmpfs":
        details = volume.under("tmpfs")
        found.add_memory(target, memory_text(details.text("size")))
    elif kind == "bind":
        _bind(volume, target)
    else:
        volume.lost("", f"A mount of the type `{kind}` at {target} has no equivalent.", "Say it by hand.")


def _bind(volume: Reading, target: str) -> None:
    source = volume.text("source") or ""
    volume.take("bind")
    if source.endswith("docker.sock"):
        why, advice = "There is no Docker engine for the container to talk to.", "Use the cluster's API with a service account."
    elif volume.data.get("read_only"):
        why = f"A path of the machine is mounted at {target}, and pods come to any machine."
        advice = "Copy it into the image, or put it into a ConfigMap: `kubectl create configmap NAME --from-file=PATH`."
    else:
        why = f"A path of the machine is written at {target}, and pods come to any machine."
        advice = "Use a named volume."
    volume.lost("", why, advice)


def _file(kind: str, reference: Reading, found: Mounts, names: Mapping[str, str]) -> None:
    source = reference.text("source") or ""
    target = reference.text("target") or (f"/run/secrets/{source}" if kind == "secrets" else f"/{source}")
    target = target if target.startswith("/") else f"/run/secrets/{target}" if kind == "secrets" else f"/{target}"
    mode = str(reference.take("mode") or "")
    octal = int(mode, 8) if re.fullmatch(r"0?[0-7]{3}", mode) else None
    name = names.get(source, dns_label(source))
    kept = {"secretName": name} if kind == "secrets" else {"name": name}
    body = {
        "secret" if kind == "secrets" else "configMap": filled(
            {**kept, "items": [{"key": "content", "path": "content"}], "defaultMode": octal}
        )
    }
    volume = f"{kind[:-1]}-{name}" if octal is None else f"{kind[:-1]}-{name}-{mode.zfill(4)}"
    found.add(volume, body, {"mountPath": target, "subPath": "content", "readOnly": True})
    for key in ("uid", "gid"):
        if reference.has(key):
            reference.lost(
                key,
                "A file from a Secret or ConfigMap belongs to root, or to the pod's `fsGroup`.",
                "Give it a mode that lets the user read it.",
            )


def claim(name: str, size: str, *, many: bool, labels: Mapping[str, str]) -> dict[str, object]:
    """A claim for a named volume."""
    mode = "ReadWriteMany" if many else "ReadWriteOnce"
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": size}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": spec,
    }


def is_external(body: object) -> bool:
    """Whether a volume, secret or configuration file is made by somebody else."""
    return bool(mapping(body).get("external"))
