"""What the programs of an image need when they are loaded, and whether they find it there."""

import posixpath
import re
from collections.abc import Iterable

from trimtab.docker import ImageTree, Runner
from trimtab.docker import command as argv

_LIBRARIES = (
    "command -v ldd >/dev/null || exit 9; find / -xdev -type f \\( -name '*.so' -o -name '*.so.*' -o -path '*/bin/*' \\)"
    ' 2>/dev/null | while read -r f; do ldd "$f" 2>/dev/null | grep \'not found\' | sed "s|^|$f:|"; done; exit 0'
)
_IMPORT = (
    "import importlib, sys, warnings\nwarnings.simplefilter('ignore')\nsys.path += sys.argv[1].split(':')\n"
    "for name in sys.argv[2:]:\n    try: importlib.import_module(name)\n    except BaseException as error:"
    " print('FAILS', name, type(error).__name__, sep='\\t')\nprint('DONE')"
)
_LOAD = (
    "const [file, ...addons] = process.argv.slice(1); const fs = require('fs'), path = require('path');"
    "for (const a of addons) try { process.dlopen({exports: {}}, a) } catch (e) { console.log('FAILS\\t' + a) }"
    "try { const deps = Object.keys(JSON.parse(fs.readFileSync(file)).dependencies || {});"
    "for (const d of deps) try { require.resolve(d, {paths: [path.dirname(file)]}) }"
    "catch (e) { if (e.code == 'MODULE_NOT_FOUND') console.log('FAILS\\t' + d) } } catch (e) {} console.log('DONE')"
)
_SITE = re.compile(r"^(?P<site>.*/(?:site|dist)-packages)/(?P<module>[A-Za-z]\w*)(?:/__init__\.py|\.py|\.[\w.-]+\.so)$")
_NOT_IMPORTED = frozenset(["pip", "setuptools", "wheel", "pkg_resources", "easy_install", "tests", "test", "examples"])
_MOST_MODULES = 400
_SECONDS = 180.0


async def missing_libraries(runner: Runner, image: str, run: str) -> frozenset[str] | None:
    """Shared libraries that programs of an image ask for and do not find; None when the image has no `ldd`."""
    result = await runner.run(argv.run_once(image, run, entrypoint="sh", arguments=("-c", _LIBRARIES)))
    if result.code != 0:
        return None
    lines = (line for line in result.text.splitlines() if "not found" in line)
    return frozenset(line.partition("=>")[0].strip() for line in lines)


def python_modules(tree: ImageTree) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The folders that Python packages lie in, and the names that can be imported from them."""
    owned = frozenset(path for paths in tree.owners.values() for path in paths)
    matches = [match for path in tree.entries if path not in owned and (match := _SITE.match(path))]
    names = sorted({match["module"] for match in matches} - _NOT_IMPORTED)
    return tuple(sorted({match["site"] for match in matches})), tuple(names[:_MOST_MODULES])


async def failing_imports(runner: Runner, image: str, run: str, tree: ImageTree, names: Iterable[str]) -> frozenset[str] | None:
    """Which of the modules cannot be imported in an image; None when it has no Python that runs."""
    folders, _ = python_modules(tree)
    arguments = ("-c", _IMPORT, ":".join(folders), *names)
    return await _failing(runner, argv.run_once(image, run, entrypoint="python3", arguments=arguments))


def node_addons(tree: ImageTree) -> tuple[str, ...]:
    """The compiled Node modules of an image."""
    return tuple(path for path, entry in sorted(tree.entries.items()) if path.endswith(".node") and entry.kind == "file")


async def failing_addons(runner: Runner, image: str, run: str, tree: ImageTree, workdir: str) -> frozenset[str] | None:
    """Compiled Node modules that cannot be loaded and dependencies that cannot be resolved; None without a Node that runs."""
    arguments = ("-e", _LOAD, posixpath.join(workdir, "package.json"), *node_addons(tree))
    return await _failing(runner, argv.run_once(image, run, entrypoint="node", arguments=arguments))


async def _failing(runner: Runner, command: argv.Command) -> frozenset[str] | None:
    try:
        result = await runner.run(command, timeout=_SECONDS)
    except TimeoutError:
        return None
    lines = result.text.splitlines()
    if "DONE" not in lines:
        return None
    return frozenset(line.split("\t")[1] for line in lines if line.startswith("FAILS\t"))
