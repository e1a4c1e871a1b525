"""Names, labels and keys that Kubernetes takes.

Sources: RFC 1035 labels for Services (at most 63 characters, a letter first); label keys and values as in Kubernetes' `Labels
and Selectors`; port names as in RFC 6335 (at most 15 characters, with a letter).
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

LONGEST = 50
"""A StatefulSet's name is a part of its pods' label `controller-revision-hash`, which leaves 52 of 63 characters."""
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def dns_label(name: str) -> str:
    """The nearest legal name: `Data_API` is `data-api`; a long name is cut and gets a digest of the whole."""
    legal = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    legal = legal if legal[:1].isalpha() else f"x-{legal}".rstrip("-")
    return legal if len(legal) <= LONGEST else _digested(legal, name)


def _digested(legal: str, name: str) -> str:
    return f"{legal[: LONGEST - 9].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def allot(names: Iterable[str], reserved: Iterable[str] = ()) -> Mapping[str, str]:
    """A legal name for each name, no two the same; one that is legal already keeps it."""
    ordered = sorted(set(names), key=lambda name: (dns_label(name) != name, name))
    used, found = set(reserved), dict[str, str]()
    for name in ordered:
        legal = dns_label(name)
        found[name] = legal if legal not in used else _digested(legal, name)
        used.add(found[name])
    return found


def is_label(key: str, value: str) -> bool:
    """Whether a label of compose's is one for Kubernetes."""
    return is_annotation(key) and _LABEL_VALUE.fullmatch(value) is not None


def is_annotation(key: str) -> bool:
    """Whether a key may stand in labels and annotations."""
    prefix, slash, name = key.rpartition("/")
    legal = len(name) > 0 and _LABEL_VALUE.fullmatch(name) is not None
    return legal and (not slash or (len(prefix) <= 253 and _PREFIX.fullmatch(prefix) is not None))


def label_value(text: str) -> str:
    """The nearest legal value of a label."""
    return re.sub(r"[^A-Za-z0-9]+$", "", re.sub(r"^[^A-Za-z0-9]+", "", re.sub(r"[^-A-Za-z0-9_.]", "-", text))[:63])


def port_name(number: int, protocol: str) -> str:
    """A port's name, as `tcp-8080`: at most ten characters."""
    return f"{protocol.lower()}-{number}"


def data_key(name: str) -> str:
    """The nearest legal key of a ConfigMap's or Secret's data."""
    legal = re.sub(r"[^-._a-zA-Z0-9]", "-", name)[:253]
    return legal if legal.strip(".") else f"key{legal}"
