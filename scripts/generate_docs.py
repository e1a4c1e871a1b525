"""Writes docs/reference and the manual page from the code, or with --check says what is out of date.

Pages: one per rule, a table of rules, the command line, the configuration with its JSON Schema, `man/trimtab.1`.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from man_page import man_page
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from trimtab.cli.app import COMMANDS
from trimtab.cli.export import export
from trimtab.cli.history import history
from trimtab.config import Config, GateConfig, GatePathConfig
from trimtab.rules import Case, Rule, all_rules

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Written by scripts/generate_docs.py; change the code instead. -->\n\n"


def pages() -> dict[Path, str]:
    """Every generated file with its text."""
    found = {REFERENCE / "rules" / f"{rule.name}.md": NOTE + rule_page(rule) for rule in all_rules()}
    found[REFERENCE / "rules.md"] = NOTE + rule_table()
    found[REFERENCE / "command-line.md"] = NOTE + command_line()
    found[REFERENCE / "configuration.md"] = NOTE + configuration()
    found[ROOT / "man" / "trimtab.1"] = man_page()
    found[REFERENCE / "config.schema.json"] = json.dumps(Config.model_json_schema(), indent=2) + "\n"
    return found


def rule_page(rule: Rule) -> str:
    """A rule's documentation with its first cases as examples."""
    known = f"\nKnown to other tools as {', '.join(f'`{alias}`' for alias in rule.aliases)}.\n" if rule.aliases else ""
    default = "" if rule.default else ", off by default"
    kind = f"{rule.category}, {rule.severity}, since {rule.since}{default}"
    head = f"# {rule.code} {rule.name}\n\n{kind}\n{known}\n{rule.documentation}\n"
    examples = [_example(case) for case in rule.flagged[:3]]
    return head + "\n## Examples\n\n" + "\n".join(examples)


def _example(case: Case) -> str:
    before = f"```dockerfile\n{case.before.rstrip()}\n```\n"
    others = "".join(f"\nwith `{path}`:\n\n```\n{text.rstrip()}\n```\n" for path, text in case.files.items() if text.strip())
    made = "".join(f"\n`{path}` becomes\n\n```\n{text.rstrip()}\n```\n" for path, text in case.after_files.items() if text)
    if made:
        return f"{before}{others}{made}"
    if case.after is not None:
        return f"{before}{others}\nbecomes\n\n```dockerfile\n{case.after.rstrip()}\n```\n"
    return f"{before}{others}\nis not fixed: {case.refused}.\n"


def rule_table() -> str:
    """The table of all rules."""
    rows = [
        f"| [{rule.code}](rules/{rule.name}.md) | {rule.name} | {rule.category} | {rule.severity} | {_summary(rule)} |"
        for rule in all_rules()
    ]
    head = "# Rules\n\n| code | name | category | severity | what it finds |\n| --- | --- | --- | --- | --- |\n"
    return head + "\n".join(rows) + "\n"


def _summary(rule: Rule) -> str:
    return rule.summary if rule.default else f"{rule.summary} (off by default)"


def command_line() -> str:
    """The help of every command."""
    parts = ["# Command line\n"]
    groups = {"history": history, "export": export}
    below = [f"{group} {name}" for group, commands in groups.items() for name in commands if not name.startswith("-")]
    for command in ("", *COMMANDS, *below):
        title = f"trimtab {command}".strip()
        parts.append(f"## `{title}`\n\n```\n{_help(command)}\n```\n")
    return "\n".join(parts)


def _help(command: str) -> str:
    argv = [sys.executable, "-m", "trimtab", *command.split(), "--help"]
    environment = {**os.environ, "COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"}
    result = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    return "\n".join(line.rstrip() for line in result.stdout.strip().splitlines())


def configuration() -> str:
    """The keys of the configuration."""
    head = "# Configuration\n\n`trimtab.toml`, or `[tool.trimtab]` in `pyproject.toml`, in the folder that is reviewed.\n"
    gates = "\n## `[gate]`\n\nWhat `trimtab gate` asks for.\n"
    paths = "\n### `[[gate.path]]`\n\nWhat it asks of the services of some paths instead.\n"
    return head + _keys(Config) + gates + _keys(GateConfig) + paths + _keys(GatePathConfig)


def _keys(table: type[BaseModel]) -> str:
    rows = [
        f"| `{field.alias}` | {_default(field.get_default(call_default_factory=True))} | {field.description} |"
        for field in table.model_fields.values()
    ]
    return "\n| key | default | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "required"
    return "below" if isinstance(value, BaseModel) else f"`{json.dumps(value)}`"


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a page is out of date")
    check = bool(parser.parse_args().check)
    wanted = pages()
    stale = [path for path in REFERENCE.rglob("*") if path.is_file() and path not in wanted]
    changed = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in (*changed, *stale):
            print(f"{path.relative_to(ROOT)} is out of date; run `make docs`")
        return 1 if changed or stale else 0
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    for path in stale:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
