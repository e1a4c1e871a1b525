"""The evidence as a page and as Markdown."""

import re
from html.parser import HTMLParser

import pytest

from trimtab.report.charts import cascade, treemap
from trimtab.report.markdown import evidence_markdown
from trimtab.report.page import evidence_page
from trimtab.rewrite import ChangeSet
from trimtab.verify import (
    Answer,
    Behaviour,
    Evidence,
    ImageUse,
    LayerUse,
    Measurement,
    Optimization,
    Pair,
    Scenario,
    Stop,
    Trial,
    Verdict,
    VerdictKind,
)
from trimtab.verify.evidence import StepTime

SEEN = Behaviour(
    "healthy", 1.0, ("tcp/80",), "0", answers=(Answer("http://127.0.0.1:80/", "200", "text/html"),), stop=Stop(0.2, 0)
)
USE = ImageUse((LayerUse(None, "ADD file", 100, 0), LayerUse(3, "RUN a | b <script>", 60, 30, ("/x",))), 30, 40)
STEPS = (StepTime("[1/2] RUN <b>", 3.0, False), StepTime("[2/2] COPY", 1.0, True))
MEASURED = Measurement(Scenario.SOURCE_EDIT, "a.py", (Pair(8, 1), Pair(9, 1.1)), 10, STEPS, STEPS)
ACCEPTED = Evidence(
    "a/Dockerfile", ("a",), Verdict(VerdictKind.ACCEPTED, "same"), ("DF101",), ("mount <it>",),
    (Trial(("DF201",), Verdict(VerdictKind.REJECTED, "state: healthy → exited 1 | x")),),
    200, 100, 3, 2, 10, 5, (MEASURED,), ("cold: the budget was used up",), USE, USE, behaviours=(SEEN, SEEN),
)  # fmt: skip
UNDECIDED = Evidence("b/Dockerfile", ("b",), Verdict(VerdictKind.INCONCLUSIVE, "the original does not build: <no>"))


class Balanced(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br", "rect", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag != "rect":
            assert self.open.pop() == tag


def test_the_page_is_whole_and_escapes_what_it_shows() -> None:
    page = evidence_page(
        "r1", Optimization((ACCEPTED, UNDECIDED), {}, ChangeSet(())), {"engine": "28", "cores": 2, "repeats": 2}
    )
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert "1 of 2 changed files proven" in page
    assert "<script>" not in page
    assert "RUN a | b &lt;script&gt;" in page
    assert "the original does not build: &lt;no&gt;" in page
    assert "Not measured: cold: the budget was used up" in page
    # Nothing is loaded from anywhere.
    assert not re.search(r"(?:src|href)=|url\(|@import", page)


def test_an_empty_run_has_a_page_too() -> None:
    page = evidence_page("r1", Optimization((), {}, ChangeSet(())), {"engine": "28", "cores": 2, "repeats": 0})
    assert "0 of 0 changed files proven" in page


def test_markdown_has_the_table_the_sums_and_the_refusals() -> None:
    text = evidence_markdown([ACCEPTED, UNDECIDED], 2)
    assert "| `a/Dockerfile` | DF101 | 200 B → 100 B −50 % | 10 B → 5 B −50 % | 8.5 s → 1.1 s −88 % | – |" in text
    assert "- image bytes, 1 images: 200 B → 100 B −50 %" in text
    assert "saved at git's pace: 1.2 minutes a week" in text
    assert "- `a/Dockerfile` DF201 rejected: state: healthy → exited 1 \\| x" in text
    assert "- `b/Dockerfile` inconclusive: the original does not build: &lt;no>" in text


@pytest.mark.parametrize("values", [[], [0], [1], [5, 1, 1, 1, 0, 9], [1e9, 1, 1], list(range(1, 60))])
def test_a_treemap_fills_its_place_in_proportion(values: list[float]) -> None:
    places = treemap(values, 480, 200)
    total = sum(values)
    assert sorted(place.index for place in places) == [index for index, value in enumerate(values) if value > 0]
    for place in places:
        assert place.width * place.height == pytest.approx(values[place.index] / total * 480 * 200, rel=1e-6, abs=1e-6)
        assert -1e-6 <= place.x <= place.x + place.width <= 480 + 1e-6
        assert -1e-6 <= place.y <= place.y + place.height <= 200 + 1e-6


def test_bars_follow_one_another() -> None:
    assert cascade([1, 3], 100, 4) == [(0, 25), (25, 75)]
    assert cascade([0, 0], 100, 0) == [(0, 0), (0, 0)]
