"""Mutation tests of `rewrite/`: change its code one place at a time, and see whether the tests notice.

    python scripts/mutate.py [--sample N] [--seed N] [--jobs N]

Each mutant is written to a copy of the package and meets the tests of rewriting. What survives is printed with its place:
either a test is missing there, or the code does nothing. Exits with 1 when more than a tenth of the mutants survive.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = Path("src/trimtab/rewrite")
TESTS = ["tests/rewrite", "tests/rules/test_never_broken.py", "tests/cli/test_choices.py", "tests/cli/test_cli.py"]
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
}  # fmt: skip
ALLOWED = 0.1
_SECONDS = 300


@dataclass(frozen=True)
class Mutant:
    """One changed module."""

    path: Path
    line: int
    what: str
    text: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of one module: turned conditions, swapped operators, changed constants, returns of nothing."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    for number, node in enumerate(ast.walk(tree)):
        for index, _ in enumerate(_changes(node)):
            mutated = copy.deepcopy(tree)
            target = list(ast.walk(mutated))[number]
            what = list(_changes(target))[index]
            what.apply()
            yield Mutant(path, getattr(node, "lineno", 0), what.name, ast.unparse(ast.fix_missing_locations(mutated)))


@dataclass(frozen=True)
class _Change:
    name: str
    node: ast.AST
    field: str
    value: object

    def apply(self) -> None:
        setattr(self.node, self.field, self.value)


def _changes(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPPOSITES:
        yield _Change("turned comparison", node, "ops", [_OPPOSITES[type(node.ops[0])]()])
    elif isinstance(node, ast.BoolOp):
        yield _Change("and for or", node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.If | ast.IfExp):
        yield _Change("condition turned", node, "test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield _Change("returns nothing", node, "value", ast.Constant(None))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _Change("other truth", node, "value", not node.value)


def survives(mutant: Mutant) -> bool:
    """Whether all tests pass with a mutant in place."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "src", Path(folder) / "src", ignore=shutil.ignore_patterns("__pycache__"))
        (Path(folder) / mutant.path).write_text(mutant.text, encoding="utf-8")
        argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS]
        environment = {**os.environ, "PYTHONPATH": str(Path(folder) / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0


def main() -> int:
    """Run the chosen mutants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=0, help="as many mutants, by chance; all when left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    every = [each for path in sorted((ROOT / PACKAGE).glob("*.py")) for each in mutants(path.relative_to(ROOT))]
    chosen = random.Random(options.seed).sample(every, min(options.sample or len(every), len(every)))
    with ThreadPoolExecutor(options.jobs) as pool:
        results = list(pool.map(survives, chosen))
    alive = [each for each, lives in zip(chosen, results, strict=True) if lives]
    for each in sorted(alive, key=lambda one: (one.path, one.line)):
        print(f"survived: {each.path}:{each.line} {each.what}")
    print(f"{len(chosen) - len(alive)} of {len(chosen)} mutants were noticed")
    return 1 if len(alive) > ALLOWED * len(chosen) else 0


if __name__ == "__main__":
    sys.exit(main())
