"""Changes of compose files: the edit, and what it means as data, so that both can be held against each other."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.tree import Tree, Unreadable
from trimtab.syntax.yaml import NoEdit, Path, YamlDocument, YamlEditor, YamlProblem
from trimtab.text import Edit, Source


class Gone:
    """The value of a key that is taken away."""

    def __repr__(self) -> str:
        return "GONE"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gone)


GONE = Gone()
_Edits = Edit | tuple[Edit, ...] | NoEdit


@dataclass(frozen=True)
class Setting:
    """One value at one place of one file."""

    file: str
    path: Path
    value: object
    document: int = 0
    """Which of the file's documents it is in."""

    def __hash__(self) -> int:
        return hash((self.file, self.path, repr(self.value), self.document))

    def applied(self, data: object) -> object:
        """The data with this value in it."""
        result = copy.deepcopy(data)
        at = cast("dict[str | int, object]", result)
        for part in self.path[:-1]:
            if isinstance(at, dict) and at.get(part) is None:  # pyright: ignore[reportUnnecessaryIsInstance]  a list, too
                at[part] = {}
            at = cast("dict[str | int, object]", at[part])
        if self.value == GONE:
            del at[self.path[-1]]
        else:
            at[self.path[-1]] = self.value
        return result


@dataclass(frozen=True)
class Change:
    """Edits of one file, and the settings that they amount to."""

    edits: tuple[Edit, ...]
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class ComposeEditor:
    """Changes of one document of a compose file."""

    file: str
    document: YamlDocument
    source: Source | NoEdit
    """The file's text, or why it is not to be edited."""
    number: int = 0

    @classmethod
    def of(cls, tree: Tree, path: str, document: YamlDocument, refused: NoEdit | None = None) -> "ComposeEditor":
        """An editor that refuses everything where the file is not to be edited."""
        source, documents = tree.read(path), read_documents(tree, path)
        if refused is not None or isinstance(source, Unreadable) or isinstance(documents, Unreadable | YamlProblem):
            return cls(path, document, refused or NoEdit("the file cannot be read"))
        number = next(index for index, each in enumerate(documents) if each is document)
        return cls(path, document, source, number)

    def _edited(
        self, make: Callable[[YamlEditor], Edit | tuple[Edit, ...] | NoEdit], path: Path, value: object
    ) -> Change | NoEdit:
        if isinstance(self.source, NoEdit):
            return self.source
        edits = make(YamlEditor(self.source, self.document))
        if isinstance(edits, NoEdit):
            return edits
        every = edits if isinstance(edits, tuple) else (edits,)
        return Change(every, (Setting(self.file, path, value, self.number),))

    def set(self, path: Path, value: object, after: Sequence[str] = ()) -> Change | NoEdit:
        """Give a key a value; it and its parents are made where they are missing."""
        return self._edited(lambda yaml: yaml.set(path, value, after), path, value)

    def set_all(self, path: Path, values: Mapping[str, object], after: Sequence[str] = ()) -> Change | NoEdit:
        """Put several new keys into one mapping, next to each other and in their order; a missing mapping is made."""
        if self._at(path) is None and path:
            return self.set(path, dict(values), after)
        changes = [self.set((*path, key), value, after) for key, value in values.items()]
        refused = next((change for change in changes if isinstance(change, NoEdit)), None)
        made = [change for change in changes if isinstance(change, Change)]
        if refused is not None or not made:
            return refused or NoEdit("there is nothing to put in")
        # Insertions at one place are one edit: two would overlap.
        spans = {edit.span for change in made for edit in change.edits}
        if len(spans) != 1:
            return NoEdit("its keys do not stand together")
        text = "".join(edit.text for change in made for edit in change.edits)
        return Change((Edit(spans.pop(), text),), tuple(setting for change in made for setting in change.settings))

    def remove(self, path: Path) -> Change | NoEdit:
        """Take a key away with its value."""
        return self._edited(lambda yaml: yaml.remove(path), path, GONE)

    def append(self, path: Path, value: object) -> Change | NoEdit:
        """Put an item at a list's end; a missing list is made."""
        known = cast("list[object]", self._at(path) or [])
        return self._edited(lambda yaml: yaml.append(path, value), path, [*known, value])

    def keyed(self, path: Path, values: Mapping[str, Mapping[str, object]]) -> Change | NoEdit:
        """A list of names as a mapping."""
        return self._edited(lambda yaml: yaml.keyed(path, values), path, values)

    def _at(self, path: Path) -> object:
        value = self.document.data
        for part in path:
            value = cast("dict[str | int, object]", value).get(part) if isinstance(value, dict) else None
        return value
