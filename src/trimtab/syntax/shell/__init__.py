"""Shell text, read with tree-sitter's grammars for bash and PowerShell; every command knows its place."""

from trimtab.syntax.shell.commands import Command, Script, parse_shell
from trimtab.syntax.shell.powershell import parse_powershell

__all__ = ["Command", "Script", "parse_powershell", "parse_shell"]
