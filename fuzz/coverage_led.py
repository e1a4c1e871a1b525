"""One target under atheris (libFuzzer): `python -m fuzz.coverage_led TARGET SECONDS`."""

import importlib
import sys
from typing import Any

atheris: Any = importlib.import_module("atheris")
"""A tool for those who fuzz, and not part of what is installed: its types are not known."""

with atheris.instrument_imports(include=["trimtab"]):
    from fuzz.finding import Watch
    from fuzz.target import HERE, load

    _WATCH = Watch(load(sys.argv[1]))


def main() -> None:
    """Search until the time is over; libFuzzer ends the process."""
    name, seconds = sys.argv[1:3]
    corpus = HERE / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    found = HERE / "found" / name
    found.mkdir(parents=True, exist_ok=True)
    folders = [str(folder) for folder in (_WATCH.target.seeds, _WATCH.target.kept) if folder.is_dir()]
    words = HERE / "words" / f"{name}.dict"
    options = [f"-max_total_time={seconds}", "-print_final_stats=1", "-max_len=4096", "-timeout=30", "-rss_limit_mb=3000"]
    options += [f"-artifact_prefix={found}/", "-use_value_profile=1", *([f"-dict={words}"] if words.is_file() else [])]
    atheris.Setup([sys.argv[0], *options, str(corpus), *folders], _WATCH)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
