"""Every seed, everything that fuzzing once broke, and the deepest nesting there is: each harness holds."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from fuzz.target import Target, load, names  # noqa: E402  the repository's folder is not on the path of every runner

from trimtab.syntax.ignore import match  # noqa: E402

MANY = 100_000
DEEP: dict[str, list[bytes]] = {
    "dockerfile": [b"FROM a\nCMD " + b"[" * MANY, b"FROM a\nONBUILD " + b"ONBUILD " * MANY, b"FROM a\nRUN x" + b" \\\n" * MANY],
    "shellwords": [b"${A:-" * MANY, b'"$' * MANY, b"${A#" * MANY],
    "yaml": [b"[" * MANY, b"{a: " * MANY, b"- " * MANY, b"? " * MANY, b"".join(b" " * depth + b"a:\n" for depth in range(2000))],
    "compose": [
        b"services:\n a:\n  image: " + b"${A:-" * MANY, b"services: {a: {image: " + b"[" * MANY,
        b"services: {a: {mem_limit: 0x" + b"f" * 10000 + b"}}",
        b"services: {a: {mem_limit: 1e999, cpus: .inf, pids_limit: " + b"9" * 3900 + b", stop_grace_period: 1e400}}",
        b"services: {a: {healthcheck: {interval: " + b"9" * 500 + b"s, retries: " + b"9" * 400 + b"}}}",
    ],
    "shell": [b"$(" * MANY, b"(" * MANY, b"a && " * MANY, b"`" * MANY, b"a|" * MANY, b"a|\n" * MANY, b"if " * MANY, b"a()" * MANY],
    "scripts": [b"\0" + b"$(" * MANY, b"\2" + b"[" * MANY],
    "node": [b"[" * MANY + b"\f", b"{}\f" + b"[" * MANY, b'{"a":' * MANY],
    "locks": [bytes([kind]) + each * MANY for kind in range(19) for each in (b"[", b'{"a":', b"a = [", b"- ")],
    "bake": [
        b'{"a":' * MANY,
        b'{"target": {' + b",".join(b'"t%d": {"inherits": ["t%d", "t%d"]}' % (n, n + 1, n + 1) for n in range(5000)) + b"}}",
    ],
    "progress": [b'{"a":' * MANY, b"{\n" * MANY],
    "answers": [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * MANY],
    "images": [b"[" * MANY],
    "advisory": [b"[" * MANY],
    "sbom": [b'{"bomFormat": "CycloneDX", "components": [' + b'{"components": [' * 400 + b"]}" * 400 + b"]}"],
    "ignore": [b"*" * MANY, b"**/" * MANY + b"x", b"**/a" * 5000, b"*a" * 5000, b"[" * MANY, b"\\" * MANY],
    "settings": [b"a = " + b"[" * MANY, b"[a" + b".a" * MANY + b"]"],
    "layers": [b"c" + b"[" * MANY, b"r" + b"[" * MANY],
    "packages": [bytes([kind]) + b"[" * MANY for kind in range(12)],
    "fix": [b"\x80FROM a\nRUN " + b"$(" * MANY, b"\x80FROM a\nRUN " + b"pip install a && " * 300],
}  # fmt: skip
"""A case that ends the whole process, as one of YAML once did, is seen by its test not being there any more."""


@pytest.mark.parametrize("name", names())
def test_seeds_and_what_once_broke(name: str) -> None:
    target = load(name)
    cases = list(target.cases())
    assert cases, "a harness without a seed"
    for case in cases:
        target.check(case.read_bytes())


@pytest.mark.parametrize("name", DEEP)
def test_nesting_without_end(name: str) -> None:
    target = load(name)
    for case in DEEP[name]:
        target.check(case)


@pytest.mark.parametrize("name", names())
def test_seeds_with_parts_cut_out_and_replaced(name: str) -> None:
    target, chance = load(name), random.Random(name)
    seeds = [path.read_bytes() for path in target.cases()]
    for _ in range(40):
        target.check(_varied(seeds, chance, target))


def _varied(seeds: list[bytes], chance: random.Random, target: Target) -> bytes:
    data, other = bytearray(chance.choice(seeds)), chance.choice(seeds)
    first = 1 if target.name in {"fix", "locks", "packages", "scripts", "layers"} else 0
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(first, max(first, len(data)))
        start = chance.randint(0, len(other))
        data[at : at + chance.randint(0, 12)] = other[start : start + chance.randint(0, 24)]
    return bytes(data)


_PIECES = st.sampled_from(["a", "b", "/", "*", "**", "**/", "?", "[ab]", "[^a]", "\\*", ".", "-"])


@given(st.lists(_PIECES, min_size=1, max_size=8).map("".join), st.text("aab/.-*\n", min_size=1, max_size=9))
def test_patterns_with_many_stars_mean_what_a_regular_expression_means(pattern: str, path: str) -> None:
    """The way that is taken for them is compared with the one that is taken for all others."""
    try:
        match.IgnoreFile.of([pattern])
    except match.PatternError:
        return
    expected = re.search(match._compile(pattern)[0], path, re.DOTALL) is not None  # pyright: ignore[reportPrivateUsage]
    walked = match._walks(match._pieces(pattern), path)  # pyright: ignore[reportPrivateUsage]
    assert walked == expected


def test_a_run_finds_what_breaks_and_says_how_much_it_tried(tmp_path: Path) -> None:
    """Under hypothesis, which is there wherever the tests are: a harness that fails at one byte is told of."""
    script = (
        "import sys; from pathlib import Path; from fuzz import finding, varied; from fuzz.target import Target\n"
        f"finding.HERE = Path({str(tmp_path)!r})\n"
        "def check(data):\n    assert b'!' not in data, 'a sign that must not be'\n"
        "varied.load = lambda name: Target(name, check, '')\n"
        "sys.argv = ['varied', 'x', '2']\nraise SystemExit(varied.main())"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(re.findall(r"units: (\d+)", done.stdout)[0]) > 100
    (found,) = (tmp_path / "found" / "x").iterdir()
    assert b"!" in found.read_bytes()
