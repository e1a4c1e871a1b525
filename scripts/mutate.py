"""Mutation tests: change one place of a module, and see whether its tests notice.

    python scripts/mutate.py [rewrite] [reconcile] [compare] [--sample N] [--seed N] [--jobs N] [--at FILE:LINE]

Each mutant meets the tests that reach its function, the fastest first, in a process of its own that is forked from one with all
tests read. What survives is printed with its place: either a test is missing there, or the code does nothing. Exits with 1 when
more than a tenth of the mutants of a target survive.
"""

import argparse
import ast
import os
import random
import signal
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = 0.1
_SECONDS = 120
"""Ten times what the slowest of these tests take: a mutant that goes on for ever is noticed."""


@dataclass(frozen=True)
class Target:
    """Some modules, and what notices a change of them."""

    modules: str
    tests: tuple[str, ...]


TARGETS = {
    "rewrite": Target("rewrite/*.py", ("tests/rewrite", "tests/rules/test_never_broken.py")),
    "reconcile": Target("deploy/reconcile.py", ("tests/deploy/test_reconcile.py", "tests/deploy/test_reconcile_changes.py")),
    "compare": Target("verify/compare.py", ("tests/verify/test_compare.py", "tests/verify/test_compare_trees.py")),
}
_OPTIONS = ("-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:terminal", "-m", "not engine")
_OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt,
}  # fmt: skip
_EDGES: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One changed module."""

    path: Path
    line: int
    what: str
    place: tuple[int, int]
    """The number of the node in its module, and of the change among the node's."""
    function: tuple[int, int]
    """First and last line of the function it is in; 0 where it is in none."""

    def code(self) -> CodeType:
        """The changed module."""
        tree = ast.parse((ROOT / self.path).read_text(encoding="utf-8"))
        number, index = self.place
        list(_changes(list(_nodes(tree))[number]))[index].apply()
        return compile(ast.fix_missing_locations(tree), str(ROOT / self.path), "exec")


@dataclass(frozen=True)
class _Change:
    what: str
    node: ast.AST
    field: str
    value: object

    def apply(self) -> None:
        setattr(self.node, self.field, self.value)


def mutants(target: Target) -> Iterator[Mutant]:
    """Every mutant of some modules."""
    for path in sorted((ROOT / "src/trimtab").glob(target.modules)):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for number, (node, (line, function)) in enumerate(zip(_nodes(tree), _lines(tree), strict=True)):
            for index, change in enumerate(_changes(node)):
                yield Mutant(path.relative_to(ROOT), line, change.what, (number, index), function)


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that runs: no annotation, no decorator, no docstring, no list of exported names."""
    exported = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    if exported or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return
    yield node
    # What stands in the brackets of a type is none of it either; this code has no other tuple there.
    types = node.slice if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple) else None
    aside = [types, *(getattr(node, name, None) for name in ("annotation", "returns")), *getattr(node, "decorator_list", [])]
    for child in ast.iter_child_nodes(node):
        if not any(child is each for each in aside):
            yield from _nodes(child)


def _lines(tree: ast.Module) -> Iterator[tuple[int, tuple[int, int]]]:
    """The line of each node, and the lines of the outermost function around it, its decorators included."""
    functions = [
        (min(each.lineno for each in [node, *node.decorator_list]), node.end_lineno or 0)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    line = 0
    for node in _nodes(tree):
        line = getattr(node, "lineno", line)
        yield line, next((each for each in functions if each[0] <= line <= each[1]), (0, 0))


def _changes(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for swaps, what in ((_OPPOSITES, "turned comparison"), (_EDGES, "moved edge")):
            if swap := swaps.get(type(node.ops[0])):
                yield _Change(what, node, "ops", [swap()])
    elif isinstance(node, ast.BoolOp):
        yield _Change("and for or", node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        yield from _without_one(node, "values", node.values)
    elif isinstance(node, ast.If | ast.IfExp):
        yield _Change("condition turned", node, "test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.comprehension):
        yield from (
            _Change("condition left out", node, "ifs", [*node.ifs[:at], *node.ifs[at + 1 :]]) for at in range(len(node.ifs))
        )
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        # Twice turned is not at all: the node stays, so that the tree keeps its shape.
        yield _Change("not left out", node, "operand", ast.UnaryOp(ast.Not(), node.operand))
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        yield _Change("other operator", node, "op", _OPERATORS[type(node.op)]())
    else:
        yield from _changed_values(node)
        yield from _changed_steps(node)


def _changed_values(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _Change("other truth", node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield _Change("one more", node, "value", node.value + 1)
        yield _Change("one less", node, "value", node.value - 1)
    elif (isinstance(node, ast.Tuple | ast.List) and isinstance(node.ctx, ast.Load)) or isinstance(node, ast.Set):
        yield from _without_one(node, "elts", node.elts)


def _changed_steps(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Return) and node.value and not (isinstance(node.value, ast.Constant) and not node.value.value):
        yield _Change("returns nothing", node, "value", ast.Constant(None))
    for name in ("body", "orelse", "finalbody"):
        body: Sequence[ast.stmt] | ast.expr = getattr(node, name, ())
        for at, step in enumerate(() if isinstance(body, ast.expr) else body):
            if not isinstance(body, ast.expr) and _may_go(step):
                yield _Change(f"left out: {ast.unparse(step)}", node, name, [*body[:at], ast.Pass(), *body[at + 1 :]])


def _may_go(step: object) -> bool:
    """Whether a step can be left out without a name being missing: what that does is noticed at once."""
    if isinstance(step, ast.Expr):
        return not isinstance(step.value, ast.Constant)
    if isinstance(step, ast.Assign):
        return not isinstance(step.targets[0], ast.Name)
    return isinstance(step, ast.AugAssign | ast.Continue | ast.Break | ast.Raise)


def _without_one(node: ast.AST, field: str, parts: Sequence[ast.expr]) -> Iterator[_Change]:
    for at, part in enumerate(parts if len(parts) > 1 else ()):
        yield _Change(f"left out: {ast.unparse(part)}", node, field, [*parts[:at], *parts[at + 1 :]])


def _put_in(mutant: Mutant) -> None:
    """Give the functions and constants of the module that everybody has read the mutant's code and values."""
    name = ".".join(mutant.path.with_suffix("").parts[1:])
    module, changed = sys.modules[name], ModuleType(name)
    exec(mutant.code(), vars(changed))
    for key, value in list(vars(changed).items()):
        own = vars(module).get(key)
        if isinstance(value, type) and value.__module__ == name:
            for part, new in list(vars(value).items()):
                if part not in {"__dict__", "__weakref__", "__doc__"} and not _takes_over(vars(own).get(part), new):
                    with suppress(AttributeError, TypeError):
                        setattr(own, part, new)
        elif not key.startswith("__") and not _takes_over(own, value) and not isinstance(value, type | ModuleType):
            for other in list(sys.modules.values()):
                if vars(other).get(key) is own:
                    setattr(other, key, value)


def _takes_over(own: object, new: object) -> bool:
    """Whether one function, property or remembered function got the code of another."""
    pairs = ((getattr(own, each, None), getattr(new, each, None)) for each in ("__wrapped__", "fget", "func"))
    mine, theirs = next((pair for pair in pairs if isinstance(pair[1], FunctionType)), (own, new))
    if not isinstance(mine, FunctionType) or not isinstance(theirs, FunctionType):
        return False
    clear = getattr(own, "cache_clear", None)
    if callable(clear):
        clear()
    mine.__code__, mine.__defaults__, mine.__kwdefaults__ = theirs.__code__, theirs.__defaults__, theirs.__kwdefaults__
    return True


class _Mutations:
    """Has pytest run its tests once for every mutant, in place of once: each time in a process forked from this one."""

    def __init__(self, chosen: Sequence[Mutant], jobs: int) -> None:
        self.chosen = chosen
        self.jobs = jobs
        self.alive: list[Mutant] = []
        self.told = os.fdopen(os.dup(1), "w")
        self.reached: dict[pytest.Item, set[tuple[str, int]]] = {}
        """The functions under test that each test calls, by file and first line; the fastest test first."""

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        files = {str(ROOT / each.path) for each in self.chosen}
        times: dict[pytest.Item, float] = {}
        for item in session.items:
            began = time.monotonic()
            self.reached[item] = self._functions(item, files)
            times[item] = time.monotonic() - began
        if session.testsfailed:
            raise pytest.UsageError("the tests fail as it is")
        self.reached = {item: self.reached[item] for item in sorted(times, key=lambda each: times[each])}
        self._all(session)
        return True

    def _functions(self, item: pytest.Item, files: Collection[str]) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()

        def called(frame: FrameType, event: str, _: object) -> None:
            if event == "call" and frame.f_code.co_filename in files:
                found.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

        sys.setprofile(called)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        sys.setprofile(None)
        return found

    def _all(self, session: pytest.Session) -> None:
        running: dict[int, Mutant] = {}
        waiting = list(reversed(self.chosen))
        while waiting or running:
            while waiting and len(running) < self.jobs:
                mutant = waiting.pop()
                running[self._start(session, mutant)] = mutant
            child, status = os.wait()
            mutant = running.pop(child)
            if status == 0:
                self.alive.append(mutant)
                print(f"survived: {mutant.path}:{mutant.line} {mutant.what}", file=self.told, flush=True)

    def _start(self, session: pytest.Session, mutant: Mutant) -> int:
        """A process that ends with 0 when all tests that reach a mutant pass."""
        child = os.fork()
        if child:
            return child
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_SECONDS)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        try:
            _put_in(mutant)
            for item, functions in self.reached.items():
                file, (first, last) = str(ROOT / mutant.path), mutant.function
                if not first or any(path == file and first <= line <= last for path, line in functions):
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    os._exit(1)
            os._exit(0)
        finally:
            os._exit(2)


def survivors(target: Target, chosen: Sequence[Mutant], jobs: int) -> Sequence[Mutant]:
    """The mutants with which all tests pass."""
    mutations = _Mutations(chosen, jobs)
    code = pytest.main([*_OPTIONS, *target.tests], plugins=[mutations])
    if code != 0:
        raise SystemExit(f"mutate: the tests could not be run, or fail as it is: {code}")
    return mutations.alive


def main() -> int:
    """Run the chosen mutants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; all when left out")
    parser.add_argument("--sample", type=int, default=0, help="as many mutants of each, by chance; all when left out")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--at", default="", help="only mutants of this place, as it is printed")
    options = parser.parse_args()
    os.chdir(ROOT)
    failed = False
    for name in options.targets or TARGETS:
        target, began = TARGETS[name], time.monotonic()
        every = [each for each in mutants(target) if f"{each.path}:{each.line}".endswith(options.at)]
        chosen = random.Random(options.seed).sample(every, min(options.sample or len(every), len(every)))
        alive = survivors(target, chosen, options.jobs)
        took = time.monotonic() - began
        print(f"{name}: {len(chosen) - len(alive)} of {len(chosen)} mutants were noticed, in {took:.0f} s", flush=True)
        failed = failed or len(alive) > ALLOWED * len(chosen)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
