"""What one harness is: a check that raises for a defect, and for nothing else."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fuzz import targets

HERE = Path(__file__).parent
Check = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Target:
    """One harness; its module's name is its own."""

    name: str
    check: Check
    about: str

    @property
    def seeds(self) -> Path:
        """Files to begin from, all written for this."""
        return HERE / "seeds" / self.name

    @property
    def kept(self) -> Path:
        """Files that once broke what they are read by."""
        return HERE / "kept" / self.name

    def cases(self) -> Iterator[Path]:
        """Seeds and kept files, in order."""
        for folder in (self.seeds, self.kept):
            yield from sorted(folder.iterdir()) if folder.is_dir() else ()


def names() -> list[str]:
    """The harnesses that there are."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def load(name: str) -> Target:
    """One harness by its name.

    Raises:
        ModuleNotFoundError: there is none of that name.
    """
    module = importlib.import_module(f"fuzz.targets.{name}")
    return Target(name, module.check, (module.__doc__ or "").partition("\n")[0])
