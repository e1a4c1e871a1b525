"""Recognising credentials. What is recognised is described, never repeated."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin

_NAME = re.compile(
    r"(?:^|[_.-])(?:pass(?:word|wd|phrase)?|pwd|secret|tokens?|credentials?|api[_-]?key|apikey|auth[_-]?key|access[_-]?key"
    r"|secret[_-]?key|private[_-]?key|signing[_-]?key|encryption[_-]?key|ssh[_-]?key"
    r"|requirepass|masterauth|rediscli_auth)(?:$|[_.-](?:default|value|base64)$)",
    re.IGNORECASE,
)
_NOT_ONE = re.compile(
    r"^on_|^id[-_]token$|public"
    r"|_file$|_path$|_dir$|_url$|_name$|_id$|_type$|_length$|_ttl$|_expir|allow_|_policy",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"tokens?$", re.IGNORECASE)
"""Names of what language models count: `total_tokens: 1042` is no credential."""
_PLACEHOLDER = re.compile(
    r"^(|\$.*|<.*>|\{\{.*|/.*|x+|\*+|none|null|true|false|yes|no|\d{1,3}|change[_-]?(me|it).*|your[_-].*|todo|example|placeholder"
    r"|dummy|replace[_-]?me.*|unset|disabled?|empty|optional|\w*example(key)?)$",
    re.IGNORECASE,
)
_TO_BE_CHANGED = re.compile(
    r"^(change[_-]?(me|it).*|your[_-].*|todo|example|placeholder|dummy|replace[_-]?me.*|\w*example(key)?)$", re.IGNORECASE
)
_DETECTORS = (
    "AWS Access Key", "Azure Storage Account access key", "Basic Auth Credentials", "Discord Bot Token", "GitHub Token",
    "GitLab Token", "JSON Web Token", "Mailchimp Access Key", "NPM tokens", "OpenAI Token", "Private Key", "PyPI Token",
    "SendGrid API Key", "Slack Token", "Square OAuth Secret", "Stripe Access Key", "Telegram Bot Token", "Twilio API Key",
)  # fmt: skip
"""detect-secrets' detectors of known formats. Those that go by entropy alone also take digests and ids for secrets."""

_FURTHER = (
    ("Private Key", re.compile(r"BEGIN (?:ENCRYPTED|ANY) PRIVATE KEY|PuTTY-User-Key-File-[13]")),
    ("age Secret Key", re.compile(r"\bAGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}\b")),
)
"""Formats that detect-secrets does not know: PKCS #8's encrypted form (RFC 5958), PuTTY's third one, age's own."""

SECRET_FILES = re.compile(
    r"(^|/)(id_(rsa|dsa|ecdsa|ed25519)|\.env(\.(local|prod|production|staging|dev|development|secrets?))*|\.netrc|\.pgpass|\.htpasswd"
    r"|\.git-credentials|\.aws/credentials|\.kube/config|\.docker/config\.json|credentials\.json|service[_-]account[\w-]*\.json"
    r"|[\w.-]*\.(pfx|p12|jks|keystore|kdbx)|[\w.-]*(private|secret)[\w.-]*\.(pem|key)|[\w.-]*\.key)$"
)
"""Paths of files that hold credentials by convention."""


def is_secret_name(name: str) -> bool:
    """Whether a variable's name says that its value is a credential."""
    return bool(_NAME.search(name)) and not _NOT_ONE.search(name)


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one to be filled in, is a path, or refers to another variable."""
    return bool(_PLACEHOLDER.match(value.strip("\"'")))


@cache
def _plugins() -> "tuple[BasePlugin, ...]":
    # Imported here: it takes 50 ms to load, and most commands see no value that could be a credential.
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes = get_mapping_from_secret_type_to_class()
    return tuple(classes[name]() for name in _DETECTORS if name in classes)


def known_format(text: str) -> str | None:
    """The kind of credential that a text holds by its format: `AWS Access Key`, `Private Key`; None for none."""
    return next((kind for kind, _ in known_values(text)), None)


def known_values(text: str) -> Iterator[tuple[str, str]]:
    """Each credential of a known format in a text, with its kind. The value is for telling two apart, never for showing."""
    for plugin in _plugins():
        for found in _found(plugin, text):
            if not is_placeholder(found):
                yield plugin.secret_type, found
    yield from ((kind, match[0]) for kind, pattern in _FURTHER for match in pattern.finditer(text))


def _found(plugin: "BasePlugin", text: str) -> Iterator[str]:
    """What a detector finds; of a credential that it tells by its beginning, and returns no more of, all."""
    if plugin.secret_type not in _BY_BEGINNING:
        yield from plugin.analyze_string(text)
        return
    for pattern in cast("Iterable[re.Pattern[str]]", plugin.denylist):  # pyright: ignore[reportAttributeAccessIssue]
        yield from (match[0] for match in pattern.finditer(text))


_BY_BEGINNING = frozenset({"GitHub Token", "GitLab Token"})
"""Detectors whose patterns have a group for the beginning alone: of `ghp_…` they return `ghp`, the same for every token."""


def secret_kind(name: str, value: str) -> str | None:
    """What a variable's value is, by its name or its format; None where it is no credential."""
    return None if is_placeholder(value) else named_kind(name, value) or known_format(value)


def known_default(name: str, value: str) -> str | None:
    """What a variable's value is where its name says a credential and everybody knows the value: `changeme`; None elsewhere.

    A text that is to be filled in counts: where nobody has, it is what runs.
    """
    known = is_secret_name(name) and _TO_BE_CHANGED.match(value.strip("\"'"))
    return "its name says a credential, and everybody knows this one" if known else None


def named_kind(name: str, value: str) -> str | None:
    """What a variable's value is by its name alone."""
    counted = _COUNTED.search(name) is not None and value.strip("\"'").isdigit()
    named = is_secret_name(name) and not counted and not is_placeholder(value)
    return "its name says a credential" if named else None
