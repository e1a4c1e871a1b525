"""Shell text, read with tree-sitter's bash grammar; every command knows its place."""

from trimtab.syntax.shell.commands import Command, Script, parse_shell

__all__ = ["Command", "Script", "parse_shell"]
