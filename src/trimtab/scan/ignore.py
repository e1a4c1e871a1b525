"""Vulnerabilities and credentials that somebody has looked at: the ignore file and OpenVEX documents."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from packageurl import PackageURL
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trimtab.errors import UsageError
from trimtab.fleet.plain import items, mapping
from trimtab.scan.leaks import Leak
from trimtab.scan.match import Vulnerability
from trimtab.scan.result import NotChecked
from trimtab.scan.stores import read_time
from trimtab.syntax.data import read_json, read_toml

IGNORE_FILE = ".trimtabignore.toml"
_NEVER = datetime.min.replace(tzinfo=UTC)
_SETTLED = frozenset({"not_affected", "fixed"})
"""OpenVEX statuses that say a product is not affected (OpenVEX specification 0.2.0, "Status Labels")."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1)
    expires: date
    """The last day on which it holds. There is no entry without one: what is accepted for ever is forgotten."""


class IgnoredVulnerability(_Entry):
    """`[[vulnerability]]`."""

    id: str
    package: str | None = None
    """Only in this package; in all when left out."""


class IgnoredSecret(_Entry):
    """`[[secret]]`: the twelve hexadecimal digits that a scan shows beside it."""

    id: str
    path: str | None = None


class IgnoredGap(_Entry):
    """`[[unchecked]]`: something that is not looked at, by a pattern for what a scan calls it: `large files`, `image old:*`."""

    what: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    vulnerability: tuple[IgnoredVulnerability, ...] = ()
    secret: tuple[IgnoredSecret, ...] = ()
    unchecked: tuple[IgnoredGap, ...] = ()


@dataclass(frozen=True)
class Statement:
    """What a VEX document says of one vulnerability."""

    ids: frozenset[str]
    status: str
    reason: str
    products: tuple[tuple[str, str], ...]
    """Pairs of a product and one of its parts, `""` for all of it: package URLs, or names of images."""


@dataclass(frozen=True)
class Ignores:
    """Everything that is not to count."""

    vulnerabilities: tuple[IgnoredVulnerability, ...] = ()
    secrets: tuple[IgnoredSecret, ...] = ()
    statements: tuple[Statement, ...] = ()
    unchecked: tuple[IgnoredGap, ...] = ()

    def gaps(self, missing: Iterable[NotChecked], today: date) -> tuple[tuple[NotChecked, ...], tuple[str, ...]]:
        """What was not looked at and is not accepted, and a note for each that is."""
        valid = [entry for entry in self.unchecked if entry.expires >= today]
        left: list[NotChecked] = []
        notes: list[str] = []
        for each in missing:
            entry = next((entry for entry in valid if fnmatchcase(each.what, entry.what)), None)
            if entry is None:
                left.append(each)
            else:
                notes.append(f"not checked, and accepted until {entry.expires} ({entry.reason}): {each.what}: {each.reason}")
        return tuple(left), tuple(notes)

    def expired(self, today: date) -> tuple[str, ...]:
        """The entries that no longer hold."""
        every = [(each, each.id) for each in (*self.vulnerabilities, *self.secrets)]
        every += [(each, each.what) for each in self.unchecked]
        return tuple(f"{name} ({each.reason}) expired on {each.expires}" for each, name in every if each.expires < today)

    def until(self, today: date) -> date | None:
        """The first of the days on which an entry that holds today ends: what was judged by it may count from then on."""
        entries: tuple[_Entry, ...] = (*self.vulnerabilities, *self.secrets, *self.unchecked)
        return min((each.expires for each in entries if each.expires >= today), default=None)

    def judged(self, found: Iterable[Vulnerability], product: tuple[str, str], today: date) -> tuple[Vulnerability, ...]:
        """The vulnerabilities of one image or tree, by its name and id, those marked that do not count; none is left out."""
        return tuple(replace(each, ignored=self._why(each, product, today)) for each in found)

    def _why(self, found: Vulnerability, product: tuple[str, str], today: date) -> str | None:
        for entry in self.vulnerabilities:
            named = entry.package is None or entry.package in {found.package.name, found.package.advised[0]}
            if entry.id in found.ids and named and entry.expires >= today:
                return f"{entry.reason} (until {entry.expires})"
        said = (each for each in self.statements if not each.ids.isdisjoint(found.ids) and _concerns(each, found, product))
        statement = next(said, None)
        if statement is None or statement.status not in _SETTLED:
            return None
        return f"VEX: {statement.status.replace('_', ' ')}: {statement.reason}".rstrip(": ")

    def kept(self, leaks: Iterable[Leak], today: date) -> tuple[Leak, ...]:
        """The credentials that nobody has accepted."""
        valid = [entry for entry in self.secrets if entry.expires >= today]
        return tuple(leak for leak in leaks if not any(e.id == leak.identity and e.path in {None, leak.where} for e in valid))


def _concerns(statement: Statement, found: Vulnerability, product: tuple[str, str]) -> bool:
    """A statement without products speaks of none (OpenVEX 0.2.0 wants at least one)."""
    return any(
        _names(whole, found, product) and (not part or _names(part, found, product)) for whole, part in statement.products
    )


def _names(text: str, found: Vulnerability, product: tuple[str, str]) -> bool:
    """Whether a product is the image, or the package; one without a version means every version."""
    if text in product:
        return True
    try:
        purl = PackageURL.from_string(text)
    except ValueError:
        return False
    own = PackageURL.from_string(found.package.purl)
    if purl.type == "oci":
        name = product[0].partition("@")[0].rpartition("/")[2].partition(":")[0]
        return name == purl.name and purl.version in {None, product[1]}
    same = (purl.type, purl.namespace, purl.name) == (own.type, own.namespace, own.name)
    return same and purl.version in {None, own.version}


def read_ignores(root: Path, vex: Sequence[Path]) -> Ignores:
    """The ignore file of a fleet's root, and VEX documents.

    Raises:
        UsageError: one of them is not what it should be; nothing is then ignored by half.
    """
    path = root / IGNORE_FILE
    found = _File()
    if path.exists():
        try:
            found = _File.model_validate(read_toml(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            hint = "Every entry has an `id`, a `reason` and a date `expires`."
            raise UsageError(f"`{path}`: `{place}`: {first['msg']}. {hint}") from error
        except (OSError, ValueError) as error:
            raise UsageError(f"`{path}` cannot be read: {error}") from error
    dated = [pair for document in vex for pair in _statements(document)]
    # The newest wins over those before it, whichever document it is in (OpenVEX 0.2.0, "Inheritance Flow"); of one time, and
    # where a time is missing, the last that was given.
    dated.sort(key=lambda pair: pair[0])
    statements = tuple(statement for _, statement in reversed(dated))
    return Ignores(found.vulnerability, found.secret, statements, found.unchecked)


def _statements(path: Path) -> list[tuple[datetime, Statement]]:
    """The statements of one document with their times, which are the document's where they name none of their own."""
    try:
        data = mapping(read_json(path.read_bytes()))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UsageError(f"`{path}` cannot be read: {error}") from error
    if "openvex" not in str(data.get("@context", "")):
        raise UsageError(f"`{path}` is no OpenVEX document: its `@context` does not say so.")
    statements = [mapping(each) for each in items(data.get("statements"))]
    return [(_said(each, data), _statement(each)) for each in statements]


def _said(statement: Mapping[str, object], document: Mapping[str, object]) -> datetime:
    """When something was said, as it was changed last."""
    keys = ("last_updated", "timestamp")
    named = [str(each[key]) for each in (statement, document) for key in keys if each.get(key)]
    return next((found for text in named if (found := read_time(text))), _NEVER)


def _statement(entry: Mapping[str, object]) -> Statement:
    named = entry.get("vulnerability")
    ids = [str(named)] if isinstance(named, str) else [str(mapping(named).get("name", ""))]
    ids += [str(each) for each in items(mapping(named).get("aliases"))]
    products: list[tuple[str, str]] = []
    for product in items(entry.get("products")):
        parts = [_identifier(each) for each in items(mapping(product).get("subcomponents"))]
        products += [(_identifier(product), part) for part in parts or [""]]
    reason = str(entry.get("justification") or entry.get("impact_statement") or entry.get("status_notes") or "")
    return Statement(frozenset(ids), str(entry.get("status", "")), reason.replace("_", " "), tuple(products))


def _identifier(product: object) -> str:
    entry = mapping(product)
    return (
        str(product) if isinstance(product, str) else str(entry.get("@id") or mapping(entry.get("identifiers")).get("purl", ""))
    )
