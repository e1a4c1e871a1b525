"""What makes two findings of two reviews the same one."""

import hashlib
from collections import Counter
from collections.abc import Iterable

from trimtab.rules import Finding


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """A stable name for each finding, in the same order.

    It is made of the rule, the file, and what the finding is about, never of lines or messages: it survives shifted
    lines, a reworded instruction and a reworded message. Equal ones are told apart by their order in the file.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    found: list[str] = []
    for finding in findings:
        key = (finding.rule, finding.path, finding.anchor)
        seen[key] += 1
        text = "\0".join((*key, str(seen[key])))
        found.append(hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16])
    return found
