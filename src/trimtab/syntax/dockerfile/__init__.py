"""Dockerfiles, read as BuildKit reads them and kept exactly as they are written."""

from trimtab.syntax.dockerfile.instruction import named_values
from trimtab.syntax.dockerfile.parse import parse
from trimtab.syntax.dockerfile.shellwords import ShellWordError, expand, split_words
from trimtab.syntax.dockerfile.tree import (
    Dockerfile,
    Flag,
    Heredoc,
    Instruction,
    Line,
    LineKind,
    Logical,
    SyntaxProblem,
    Word,
)

__all__ = [
    "Dockerfile",
    "Flag",
    "Heredoc",
    "Instruction",
    "Line",
    "LineKind",
    "Logical",
    "ShellWordError",
    "SyntaxProblem",
    "Word",
    "expand",
    "named_values",
    "parse",
    "split_words",
]
