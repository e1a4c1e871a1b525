"""Text, positions in it, and changes to it. Knows nothing about any language."""

from trimtab.text.diff import unified_diff
from trimtab.text.edit import Edit, OverlappingEdits, apply_edits
from trimtab.text.source import Position, Source, Span

__all__ = ["Edit", "OverlappingEdits", "Position", "Source", "Span", "apply_edits", "unified_diff"]
