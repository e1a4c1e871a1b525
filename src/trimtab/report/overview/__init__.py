"""The report: one frozen value from the review and the history of a fleet, and every format made from it."""

from trimtab.report.overview.gathered import overview
from trimtab.report.overview.known import Known, read_known
from trimtab.report.overview.whole import Overview

__all__ = ["Known", "Overview", "overview", "read_known"]
