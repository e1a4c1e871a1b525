"""The advisories that a configuration or a command line names."""

from pathlib import Path

from trimtab.errors import UsageError
from trimtab.scan.api import ADDRESS, Api
from trimtab.scan.stores import Folder, Store


def advisory_store(named: str, root: Path, *, offline: bool) -> Store | None:
    """A folder or zip, counted from `root`; `osv` for the OSV API; another address that speaks it; None for nothing.

    Raises:
        UsageError: they are somewhere on the network, and the network is not to be used; or it is no address.
    """
    if not named:
        return None
    address = ADDRESS if named == "osv" else named if named.startswith(("https://", "http://")) else None
    if address and offline:
        raise UsageError("The OSV API needs the network; offline, give `--advisories` a folder or a zip of OSV documents.")
    return Api(address) if address else Folder(root / named)
