"""Our own configuration: refused with a UsageError, or loaded."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from trimtab.config import load_config
from trimtab.errors import UsageError


def check(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        for name in ("trimtab.toml", "pyproject.toml"):
            file = Path(folder, name)
            file.write_bytes(data)
            with suppress(UsageError):
                load_config(Path(folder))
            file.unlink()
