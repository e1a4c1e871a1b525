"""What says how pressing a vulnerability is: FIRST's EPSS scores and CISA's list of exploited ones, from local files."""

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from trimtab.errors import UsageError
from trimtab.fleet.plain import items, mapping
from trimtab.scan.match import Vulnerability
from trimtab.syntax.data import read_json


@dataclass(frozen=True)
class Ranking:
    """Both lists, by CVE number; empty where no file was given."""

    epss: Mapping[str, float] = field(default_factory=dict[str, float])
    exploited: frozenset[str] = frozenset()

    def marked(self, found: Iterable[Vulnerability]) -> tuple[Vulnerability, ...]:
        """The vulnerabilities with what the lists say."""
        return tuple(
            replace(
                each,
                epss=max((self.epss[name] for name in each.ids if name in self.epss), default=None),
                exploited=not self.exploited.isdisjoint(each.ids),
            )
            for each in found
        )


def read_ranking(epss: Path | None, kev: Path | None) -> Ranking:
    """Scores from `epss_scores-*.csv` (or `.csv.gz`), and the catalogue `known_exploited_vulnerabilities.json`.

    Raises:
        UsageError: a file is not what it should be.
    """
    scores = _read(epss, _scores) if epss else {}
    names = _read(kev, _exploited) if kev else frozenset[str]()
    return Ranking(scores, names)


_T = TypeVar("_T", dict[str, float], frozenset[str])


def _read(path: Path, reader: Callable[[Path], _T]) -> _T:
    try:
        found = reader(path)
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, csv.Error, zlib.error) as error:
        raise UsageError(f"`{path}` cannot be read: {error}") from error
    if not found:
        raise UsageError(f"`{path}` holds no CVE number.")
    return found


def _scores(path: Path) -> dict[str, float]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    # The first line of FIRST's files is a comment with the model's version and the date.
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["cve"]: float(row["epss"]) for row in rows}


def _exploited(path: Path) -> frozenset[str]:
    data = mapping(read_json(path.read_bytes()))
    return frozenset(str(mapping(each).get("cveID", "")) for each in items(data.get("vulnerabilities"))) - {""}


def urgency(found: Vulnerability) -> tuple[bool, int, float, float]:
    """What to look at first: known to be exploited, then by severity, then by the probability of it, then by the score."""
    severity = -1 if found.severity is None else int(found.severity)
    return found.exploited, severity, found.epss or 0.0, found.score or 0.0
