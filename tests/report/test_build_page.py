"""The page of a run of builds: whole, readable by machines that read pages aloud, and without a word of markup from outside."""

from pathlib import Path

from trimtab.build import Done, Outcome, RunResult
from trimtab.build.affected import Reach
from trimtab.docker import BuildLog, Step
from trimtab.report.build import build_page, result_data, totals

LOG = BuildLog(
    (
        Step("d1", "[1/2] COPY <b>x</b> /x", "COPY", False, 2.0, "", True, 100.0),
        Step("d2", "[2/2] RUN make", "RUN", True, 0.0, "", True, 102.0),
    ),
    10,
    "",
    "",
)
RESULT = RunResult(
    "r1",
    (
        Done("api", Outcome.BUILT, "", "default", 1.0, 3.0, 1, LOG, 101.0, "sha256:1", 1000, 2, "<i>why</i>", saved=6.0),
        Done("web", Outcome.FAILED, "exit code: 1", "default", 0.0, 2.0, 1, LOG, 100.0),
        Done("old", Outcome.SKIPPED, "no change reaches it"),
    ),
    5.0, 4.0, 2, 1000, ("api", "web"),
)  # fmt: skip


def test_the_page_holds_everything_and_escapes_it() -> None:
    page = build_page(RESULT, {"api": Reach(("COPY <b>",))})
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<i>why</i>" not in page
    assert 'aria-label="api:' in page
    assert "no change reaches it" in page
    assert "http://" not in page
    assert "https://" not in page


def test_an_empty_run_says_so() -> None:
    page = build_page(RunResult("r", (), 0.0, 0.0, 1, folder=Path()), {})
    assert "Nothing had to be built." in page


def test_figures_of_a_run() -> None:
    found = dict(totals(RESULT))
    assert found["targets"] == "1 built, 1 failed, 1 skipped"
    assert found["efficiency"].startswith("80%")
    assert found["cache hits"] == "50% of 2 steps, 75% of their time"
    data = result_data(RESULT, {})
    assert (data["busy_seconds"], data["cache_hit_rate_by_time"]) == (5.0, 0.75)
