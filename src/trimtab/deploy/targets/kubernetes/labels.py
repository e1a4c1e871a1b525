"""Labels and annotations, and the environment of a container, split by what may be read by everybody."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.deploy.targets.credentials import Credentials
from trimtab.deploy.targets.kubernetes.names import data_key, is_annotation, is_label, label_value
from trimtab.deploy.targets.kubernetes.process import REFERENCE, Hide
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.plain import mapping, text

PLACEHOLDER = "REPLACE_ME"
"""Stands in Secrets for what is not written down."""


def selector(name: str, project: str) -> dict[str, str]:
    """The labels by which a service's pods are found."""
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": label_value(project)}


@dataclass(frozen=True)
class Marks:
    """Labels and annotations."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def marks(service: Reading, hide: Hide) -> Marks:
    """A service's labels as labels where Kubernetes takes them, else as annotations, as `annotations` are anyway."""
    labels, annotations = dict[str, str](), dict[str, str]()
    deploy = service.under("deploy")
    for part in (service, deploy):
        for name, value in sorted(mapping(part.take("labels")).items()):
            said = hide(text(value) or "")
            if is_label(name, said):
                labels[name] = said
            elif is_annotation(name):
                annotations[name] = said
            else:
                part.lost("labels", f"`{name}` is no legal key of a label or an annotation.", "Give it another name.")
    for name, value in sorted(mapping(service.take("annotations")).items()):
        if is_annotation(name):
            annotations[name] = hide(text(value) or "")
        else:
            service.lost("annotations", f"`{name}` is no legal key of an annotation.", "Give it another name.")
    return Marks(labels, annotations)


@dataclass(frozen=True)
class Environment:
    """A container's variables: those for a ConfigMap, and the names of those for a Secret."""

    plain: Mapping[str, str]
    secret: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Changes with the plain variables, so that a change of them alone starts new pods."""
        return hashlib.sha256(json.dumps(dict(self.plain), sort_keys=True).encode()).hexdigest()[:16]


def environment(service: Reading, credentials: Credentials) -> Environment:
    """The variables; the value of a credential is left out."""
    plain, secret = dict[str, str](), list[str]()
    for name, raw in sorted(mapping(service.take("environment")).items()):
        value = text(raw)
        if value is None:
            why = f"`{name}` comes from the shell that starts compose, where it is not set."
            service.lost("environment", why, "Put it into the ConfigMap or the Secret.")
        elif data_key(name) != name:
            service.lost("environment", f"`{name}` is no legal name of a variable there.", "Give it another name.")
        elif credentials.is_one(name, value):
            secret.append(name)
        else:
            plain[name] = value
    return Environment(plain, tuple(secret))


def hider(service: Reading, found: Environment, credentials: Credentials, key: str = "command") -> Hide:
    """Hides credentials in a service's texts: a command refers to the variable of the Secret that holds the same value."""

    def instead(value: str) -> str:
        names = [name for owner, name in credentials.places.get(value, ()) if owner == service.owner and name in found.secret]
        if names and key == "command":
            return f"{REFERENCE}{names[0]})"
        why = "A credential stands in it; it is not written down."
        service.lost(key, why, f"Look for {PLACEHOLDER}, and take it from the Secret instead.")
        return PLACEHOLDER

    return lambda text: credentials.hide(text, instead)
