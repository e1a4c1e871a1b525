"""Marked blocks of a file: what is between two marks is ours as long as nobody has edited it, all else is its user's."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_OPEN = re.compile(r"[ \t]*# >>> trimtab: (?P<name>[a-z][a-z0-9-]*)(?: sha256:(?P<digest>[0-9a-f]{16}))?[ \t]*\r?\n?")
_CLOSE = re.compile(r"[ \t]*# <<< trimtab: (?P<name>[a-z][a-z0-9-]*)[ \t]*\r?\n?")


class Fate(StrEnum):
    """What becomes of a block, or of a whole file."""

    NEW = "new"
    CHANGED = "changed"
    """It was as we wrote it, and we write it differently now."""
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    """It was as we wrote it, and it is not needed any more."""
    KEPT = "kept"
    """Somebody has edited it, and we would write what we wrote then."""
    LEFT = "left"
    """Somebody has edited or written it, and it stays, although we would write something else now."""
    REPLACED = "replaced"
    """Somebody's work goes because that was asked for."""

    @property
    def is_written(self) -> bool:
        return self in {Fate.NEW, Fate.CHANGED, Fate.REMOVED, Fate.REPLACED}


class BrokenMarks(ValueError):
    """The marks of a file do not belong together; the message says which."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file: a block with its marks, or the text between two."""

    text: str
    name: str | None = None
    """None for what is nobody's but the user's."""
    digest: str = ""
    """As the mark says."""
    body: str = ""
    """Between the marks."""

    @property
    def is_intact(self) -> bool:
        """Whether it is as it was written."""
        return self.digest == _digest(self.body)


@dataclass(frozen=True, slots=True)
class BlockChange:
    """One block, and what becomes of it."""

    name: str
    fate: Fate
    before: str | None
    """What is between the marks now, None for nothing."""
    after: str | None
    """What we would write there, None for nothing."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A file as it is to be."""

    text: str
    fate: Fate
    blocks: tuple[BlockChange, ...] = ()


def pieces(text: str) -> tuple[Piece, ...]:
    """A file in parts; joined they are the file.

    Raises:
        BrokenMarks: a mark has no partner, or a name comes twice.
    """
    found = tuple(_pieces(text))
    names = [each.name for each in found if each.name is not None]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BrokenMarks(f"the block `{twice}` is there twice")
    return found


def _pieces(text: str) -> Iterator[Piece]:
    own: list[str] = []
    held: list[str] = []
    name, digest, opening = None, "", ""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        opened, closed = _OPEN.fullmatch(line), _CLOSE.fullmatch(line)
        if opened and name is not None:
            raise BrokenMarks(f"the block `{opened['name']}` begins inside `{name}`")
        if closed and closed["name"] != name:
            raise BrokenMarks(f"the block `{closed['name']}` ends where it has not begun")
        if opened:
            yield from [Piece("".join(own))] if own else []
            own, held, name, digest, opening = [], [], opened["name"], opened["digest"] or "", line
        elif closed:
            body = "".join(held)
            yield Piece(opening + body + line, name, digest, body)
            name = None
        else:
            (own if name is None else held).append(line)
    if name is not None:
        raise BrokenMarks(f"the block `{name}` has no end")
    yield from [Piece("".join(own))] if own else []


def sealed(text: str) -> str:
    """A generated text with the digest of each block in its mark."""
    return "".join(each.text if each.name is None else _sealed(each) for each in pieces(text))


def _sealed(piece: Piece) -> str:
    first, _, rest = piece.text.partition("\n")
    return f"{first.rstrip()} sha256:{_digest(piece.body)}\n{rest}"


def merged(current: str | None, new: str, *, force: bool) -> Merged:
    """What becomes of a file.

    Args:
        current: What is there, None for nothing.
        new: The sealed text that we would write.
        force: Whether somebody's work inside our blocks, or in place of the file, may go.
    """
    if current is None:
        return Merged(new, Fate.NEW, tuple(BlockChange(str(e.name), Fate.NEW, None, e.body) for e in _blocks(new).values()))
    try:
        there = pieces(current)
    except BrokenMarks:
        there = ()
    if not any(each.name for each in there):
        return Merged(new, Fate.REPLACED) if force else Merged(current, Fate.LEFT)
    wanted = _blocks(new)
    changes = {piece.name: _fate(piece, wanted.get(piece.name), force=force) for piece in there if piece.name is not None}
    parts = [_part(piece, wanted, changes) for piece in there]
    missing = [name for name in wanted if name not in changes]
    for name in missing:
        _insert(parts, name, list(wanted), wanted[name].text)
    every = (*changes.values(), *(BlockChange(name, Fate.NEW, None, wanted[name].body) for name in missing))
    text = "".join(text for _, text in parts)
    text = text.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in current else text
    return Merged(text, _of_file(every), every)


def _blocks(text: str) -> Mapping[str, Piece]:
    return {piece.name: piece for piece in pieces(text) if piece.name is not None}


def _fate(piece: Piece, wanted: Piece | None, *, force: bool) -> BlockChange:
    before, after = _unix(piece.body), wanted.body if wanted else None
    edited = Fate.REPLACED if force else Fate.LEFT
    if wanted is None:
        fate = Fate.REMOVED if piece.is_intact or force else Fate.LEFT
    elif before == after:
        fate = Fate.UNCHANGED
    elif piece.is_intact:
        fate = Fate.CHANGED
    else:
        fate = Fate.KEPT if piece.digest == wanted.digest and not force else edited
    return BlockChange(str(piece.name), fate, before, after)


def _part(piece: Piece, wanted: Mapping[str, Piece], changes: Mapping[str, BlockChange]) -> tuple[str | None, str]:
    if piece.name is None or not changes[piece.name].fate.is_written:
        return piece.name, piece.text
    return piece.name, wanted[piece.name].text if piece.name in wanted else ""


def _insert(parts: list[tuple[str | None, str]], name: str, order: Sequence[str], text: str) -> None:
    """Put a block where it belongs: behind the one before it, else in front of the one after it."""
    places = {each: number for number, (each, _) in enumerate(parts) if each is not None}
    at = order.index(name)
    before = next((places[each] for each in reversed(order[:at]) if each in places), None)
    if before is not None:
        parts.insert(before + 1, (name, f"\n{text}"))
        return
    after = next((places[each] for each in order[at:] if each in places), len(parts))
    parts.insert(after, (name, f"{text}\n"))


def _of_file(changes: Sequence[BlockChange]) -> Fate:
    """The fate that says most of a file: what was left, then what goes, then what changes."""
    fates = {each.fate for each in changes}
    if Fate.LEFT in fates:
        return Fate.LEFT
    if Fate.REPLACED in fates:
        return Fate.REPLACED
    return Fate.CHANGED if any(each.is_written for each in fates) else Fate.KEPT if Fate.KEPT in fates else Fate.UNCHANGED


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _digest(body: str) -> str:
    """Line ends do not count: git may write them in another way than they were generated."""
    return hashlib.sha256(_unix(body).encode("utf-8", "surrogatepass")).hexdigest()[:16]
