"""`trimtab report`: a page, and the same as Markdown, as JSON and for a terminal."""

import json
import re
import webbrowser
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import cast

import pytest
from kept_fleet import NOW, fill, write_files

from trimtab.cli.options import Common, RuleChoice
from trimtab.cli.report import report
from trimtab.errors import UsageError
from trimtab.fleet.plain import items, mapping
from trimtab.gate.limits import GatePolicy
from trimtab.history import open_store
from trimtab.report.overview import Known, Overview, overview, read_known, words
from trimtab.report.overview.data import overview_data
from trimtab.report.overview.markdown import overview_markdown
from trimtab.report.overview.model import Change
from trimtab.report.overview.page import Links, report_page
from trimtab.report.overview.whole import Running
from trimtab.review import Review

OFFLINE = RuleChoice(offline=True)
COUNT = 12


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Review]:
    root = tmp_path_factory.mktemp("fleet")
    write_files(root, COUNT)
    return root, fill(root, COUNT)


@pytest.fixture(scope="module")
def made(reviewed: tuple[Path, Review]) -> Overview:
    root, review = reviewed
    store = open_store(root)
    try:
        return overview("fleet", "c0ffee", review, read_known(store, NOW), GatePolicy(), NOW)
    finally:
        store.close()


class Page(HTMLParser):
    """What a page consists of, and that everything in it that is opened is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.headings: list[int] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [str(found["id"])] if found.get("id") else []
        self.targets += [str(found["href"])] if "href" in found else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_from_anywhere(made: Overview) -> None:
    text = report_page(made)
    page = Page(text)
    assert len(set(page.ids)) == len(page.ids)
    assert {target.removeprefix("#") for target in page.targets} <= set(page.ids)
    assert page.headings[0] == 1
    assert all(later - earlier <= 1 for earlier, later in zip(page.headings, page.headings[1:], strict=False))
    assert not re.search(r"src=|url\(|@import|<script|https?://", text)
    assert "default-src &#39;none&#39;" in text
    assert "<b>crafted</b>" not in text
    assert "&lt;b&gt;crafted&lt;/b&gt;" in text


def test_every_figure_stands_on_the_page_with_its_source(made: Overview) -> None:
    text = report_page(made)
    cards = re.findall(r'<li class="card(?: empty)?" title="[^"]*">(.*?)</li>', text, re.DOTALL)
    assert len(cards) == len(made.metrics)
    for card in cards:
        assert 'class="source' in card
        assert "trimtab " in card or "the files" in card


def test_a_fleet_without_a_history_is_told_what_fills_each_part(reviewed: tuple[Path, Review]) -> None:
    text = report_page(overview("fleet", None, reviewed[1], Known(), GatePolicy(), NOW))
    Page(text)
    assert text.count('class="empty-part"') == 7
    for command in ("build", "optimize", "scan", "gate", "deploy", "observe"):
        assert f"<code>trimtab {command}</code>" in text
    cards = re.findall(r'<li class="card empty" .*?</li>', text, re.DOTALL)
    assert all("not measured" in card and "<b>" not in card for card in cards)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (0.0, 0.0147, "0 % → 1.5 %, +1.5 points"), (1.0, 0.985, "100 % → 98.5 %, −1.5 points"), (0.65, 0.97, "65 % → 97.0 %, +32 points"),
        (0.5, 0.5, "50 % → 50 %, ±0 points"), (0.0, 0.0004, "0 % → 0.0 %, +0.0 points"),
    ],
)  # fmt: skip
def test_a_change_of_a_share_is_what_lies_between_its_two_figures(
    made: Overview, before: float, after: float, told: str
) -> None:
    share = next(each for each in made.metrics if each.key == "build_failure_rate")
    assert share.where is not None
    assert words.change(replace(share, value=after, change=Change(before, after, share.where))) == told


@pytest.mark.parametrize(("done", "width"), [(0, "0%"), (2, "50%"), (4, "100%")])
def test_what_is_at_work_is_drawn_as_far_as_it_is(made: Overview, done: int, width: str) -> None:
    text = report_page(replace(made, running=[Running("build", "run-1", made.made, "so far", done, 4)]))
    assert re.findall(rf'aria-label="{done} of 4"><i class="work" style="left: 0; width: (.*?)"', text) == [width]


def test_memory_has_the_units_of_the_files_that_limit_it(made: Overview) -> None:
    # A limit that is written as 128M is 134 MB to docker's disks and 128 MiB to its memory.
    rows = dict(
        re.findall(r'<tr><th scope="row">([\w-]+)</th><td class="good">healthy</td>(.*?)</tr>', report_page(made), re.DOTALL)
    )
    assert ">38.4 MiB</td>" in rows["database"]
    assert ">128 MiB</td>" in rows["database"]


def test_links_lead_to_the_pages_of_runs_where_there_are_any(made: Overview) -> None:
    page = Page(report_page(made, Links("runs/opt-1/evidence.html", "runs/last-3/build.html")))
    assert {"runs/opt-1/evidence.html", "runs/last-3/build.html"} <= set(page.targets)


def test_markdown_is_fit_for_a_pull_request(made: Overview) -> None:
    text = overview_markdown(made)
    assert (
        "| Average build time per service | 5.0 s | 22.6 s → 5.0 s, −78 % (better) | – | trimtab build · last-3, edit-2 · 2026-03-16 08:00 UTC |"
        in text
    )
    assert re.search(r"\| Builds that failed \| 4\.2 % .*\(\*\*worse\*\*\) \| none: \*\*missed\*\* \|", text)
    assert re.search(r"\*\*11 of 12 changed files proven\*\* by the last optimisation\. <sub>trimtab optimize · opt-1 · ", text)
    assert "** of 42 checks. <sub>trimtab gate · gate-2 · 2026-03-18 20:00 UTC</sub>" in text
    assert "Scores and findings: <sub>trimtab review · 2026-03-20 12:00 UTC</sub> Images: <sub>trimtab build · " in text
    assert "| `services/auth/Dockerfile` | DF101, DF201 | 402 MB → 152 MB −62 % |" in text
    assert "Not measured yet" not in text
    assert len(text) < 65_536, "GitHub's longest comment"
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in {4, 5, 6} for row in rows)


def test_markdown_says_what_would_fill_the_gaps(reviewed: tuple[Path, Review]) -> None:
    text = overview_markdown(overview("fl|eet<b>", None, reviewed[1], Known(), GatePolicy(), NOW))
    assert "### trimtab report: fl\\|eet&lt;b>" in text
    gaps = next(line for line in text.splitlines() if line.startswith("Not measured yet"))
    assert gaps.startswith("Not measured yet: Average build time per service · ")
    assert re.search(r"Vulnerabilities, critical · [^`]*\(`trimtab scan`", gaps)
    assert re.search(r"Deployment time · [^`]*\(`trimtab deploy`\)", gaps)


def test_json_has_the_same_figures(made: Overview) -> None:
    data = cast("Mapping[str, object]", json.loads(json.dumps(overview_data(made))))
    assert data["schema"] == "trimtab.report/1"
    metrics = {str(mapping(each)["key"]): mapping(each) for each in items(data["metrics"])}
    assert {key: each["value"] for key, each in metrics.items()} == {each.key: each.value for each in made.metrics}
    assert mapping(metrics["build_time"]["measured"]) == {
        "command": "trimtab build", "at": "2026-03-16T08:00:00+00:00", "ids": ["last-3", "edit-2"],
    }  # fmt: skip
    assert mapping(metrics["score"]["target"])["met"] is True
    assert len(items(data["services"])) == COUNT
    assert mapping(data["usage"])["measured"]
    empty = overview_data(replace(made, usage=overview("x", None, _review(made), Known(), GatePolicy(), NOW).usage))
    assert mapping(empty["usage"]) == {
        "measured": None, "missing": "nobody has observed what containers use in the last week", "fill": "trimtab observe",
    }  # fmt: skip


def _review(made: Overview) -> Review:
    from trimtab.fleet import MemoryTree, discover
    from trimtab.review import review

    return review(discover(MemoryTree({})))


def test_the_command_writes_the_page_and_shows_the_figures(
    reviewed: tuple[Path, Review], capsys: pytest.CaptureFixture[str]
) -> None:
    root = reviewed[0]
    assert report(root, choice=OFFLINE) == 0
    out = capsys.readouterr()
    assert "Average build time per service" in out.out
    assert "report.html" in out.err
    text = (root / ".trimtab" / "report.html").read_text()
    assert 'href="runs/opt-1/evidence.html"' in text
    assert (root / ".trimtab" / ".gitignore").read_text() == "*\n"


def test_each_format_goes_where_it_is_asked_to(
    reviewed: tuple[Path, Review], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = reviewed[0]
    assert report(root, choice=OFFLINE, common=Common(format="json")) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "trimtab.report/1"
    assert report(root, choice=OFFLINE, common=Common(format="markdown", output=tmp_path / "r.md")) == 0
    assert (tmp_path / "r.md").read_text().startswith("### trimtab report")
    assert report(root, choice=OFFLINE, common=Common(format="html")) == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    assert report(root, choice=OFFLINE, common=Common(output=tmp_path / "own.html", quiet=True)) == 0
    assert (tmp_path / "own.html").read_text().startswith("<!doctype html>")
    assert capsys.readouterr().err == ""


def test_a_fleet_without_a_history_is_left_without_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\n")
    assert report(tmp_path, choice=OFFLINE, common=Common(format="markdown")) == 0
    assert "Not measured yet" in capsys.readouterr().out
    assert not (tmp_path / ".trimtab").exists()


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        report(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="it has text, json, html, markdown"):
        report(tmp_path, common=Common(format="sarif"))
    with pytest.raises(UsageError, match="--open"):
        report(tmp_path, open_=True, common=Common(format="json"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError):
        report(tmp_path, choice=OFFLINE, common=Common(output=tmp_path / "file" / "r.html"))


class Recording(webbrowser.BaseBrowser):
    """A browser that notes what it is to show."""

    def __init__(self) -> None:
        super().__init__("recording")
        self.shown: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.shown.append(url)
        return True


def test_the_page_is_shown(reviewed: tuple[Path, Review], monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Recording()
    monkeypatch.setenv("BROWSER", "recording")
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    webbrowser.register("recording", None, browser, preferred=True)
    assert report(reviewed[0], open_=True, choice=OFFLINE, common=Common(quiet=True)) == 0
    assert browser.shown == [(reviewed[0] / ".trimtab" / "report.html").resolve().as_uri()]
