"""The module that fills a large history, which is no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def ledger_bench() -> ModuleType:
    path = Path(__file__).parents[2] / "bench" / "ledger.py"
    spec = importlib.util.spec_from_file_location("bench_ledger", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by its name.
    sys.modules["bench_ledger"] = module
    spec.loader.exec_module(module)
    return module
