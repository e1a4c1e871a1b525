"""The pages as Chromium shows them: readable for everybody, at every width, in both colour schemes, on paper, and alone."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import cast

import pytest
from browsing import chromium, shown
from kept_fleet import NOW, fill, reviewed_files, write_files
from playwright.sync_api import Browser
from test_build_page import RESULT
from test_evidence_page import ACCEPTED, UNDECIDED

from trimtab.fleet import DiskTree, discover
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.startup import predict
from trimtab.gate.limits import GatePolicy
from trimtab.history import open_store
from trimtab.report.build import build_page
from trimtab.report.overview import Known, overview, read_known
from trimtab.report.overview.page import report_page
from trimtab.report.page import evidence_page
from trimtab.report.startup import ProjectStart, startup_page
from trimtab.rewrite import ChangeSet
from trimtab.verify import Optimization

pytestmark = pytest.mark.xdist_group("browser")
WIDTHS = (360, 820, 1440)
PAGES = ("empty", "fleet", "large", "build", "evidence", "startup")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    texts = {"empty": report_page(overview("empty", None, reviewed_files(folder), Known(), GatePolicy(), NOW))}
    for name, count in (("fleet", 12), ("large", 300)):
        root = tmp_path_factory.mktemp(name)
        write_files(root, count)
        review = fill(root, count)
        store = open_store(root)
        texts[name] = report_page(overview(name, "c0ffee", review, read_known(store, NOW), GatePolicy(), NOW))
        store.close()
        if name == "fleet":
            facts = ComposeFacts(fleet := discover(DiskTree(root)), fleet.projects[0])
            plan = ProjectStart(("compose.yaml",), predict(facts, {}), predict(facts, {"auth": 1.0}))
            texts["startup"] = startup_page([plan], {"auth": 1.0})
    texts["build"] = build_page(RESULT, {})
    environment = {"engine": "28", "cores": 2, "repeats": 2}
    texts["evidence"] = evidence_page("r1", Optimization((ACCEPTED, UNDECIDED), {}, ChangeSet(())), environment)
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


CASES = [case for case in product(PAGES, WIDTHS, ("light", "dark")) if case[2] == "light" or case[1] == 1440]


@pytest.mark.parametrize(("name", "width", "scheme"), CASES)
def test_everybody_can_read_it(browser: Browser, pages: dict[str, Path], name: str, width: int, scheme: str) -> None:
    with shown(browser, pages[name].as_uri(), width, scheme) as seen:
        # What is folded is read, too.
        seen.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        assert seen.audit() == []
        assert seen.said == []
        assert seen.asked == [pages[name].as_uri()], "nothing is loaded from anywhere"


def test_the_audit_sees_what_is_wrong(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><html><body><h1>A</h1><h3>B</h3><p style='color: #aaa'>pale</p><svg></svg><table><tr><th>x</th></tr></table>"
        "<a href='#nowhere'>go</a><a href='#x'></a><p id='x'></p><p id='x'></p><div style='overflow-x: auto; width: 50px'>"
        "<pre>wide wide wide wide wide</pre></div></body></html>"
    )
    with shown(browser, page.as_uri()) as seen:
        found = "\n".join(seen.audit())
    for word in ("language", "title", "exactly one main", "level 3", "contrast of 2.3", "without a name", "caption", "scope",
                 "leads nowhere", "the id x", "reached with the keyboard", "outside of every landmark"):  # fmt: skip
        assert word in found


def test_the_keyboard_goes_through_it_from_top_to_bottom(browser: Browser, pages: dict[str, Path]) -> None:
    with shown(browser, pages["fleet"].as_uri()) as seen:
        places: list[float] = []
        names: list[str] = []
        for _ in range(60):
            seen.page.keyboard.press("Tab")
            at = seen.page.evaluate(
                "() => { const e = document.activeElement; return e === document.body ? null :"
                " [e.getBoundingClientRect().top + scrollY, e.textContent.trim().slice(0, 30),"
                " getComputedStyle(e).outlineStyle] }"
            )
            if at is None:
                break
            top, name, outline = cast("tuple[float, str, str]", tuple(cast("list[object]", at)))
            assert outline != "none", f"nobody sees that {name} has the focus"
            places.append(top)
            names.append(name)
        assert names[0] == "Skip to the figures"
        assert names[1:11] == [
            "Success metrics", "Services", "Before and after", "Start-up", "Builds", "Images", "Security", "Gates", "Deployments",
            "Usage",
        ]  # fmt: skip
        assert len(places) > 20
        assert places[1:] == sorted(places[1:])


def test_links_and_folded_parts_work_without_a_mouse(browser: Browser, pages: dict[str, Path]) -> None:
    with shown(browser, pages["fleet"].as_uri()) as seen:
        seen.page.get_by_role("link", name="Deployments").press("Enter")
        assert seen.page.url.endswith("#deployments")
        top = seen.page.evaluate("document.getElementById('deployments').getBoundingClientRect().top")
        assert -1 < float(top) < 900
        seen.page.get_by_text("The images as a table").press("Enter")
        assert seen.page.get_by_role("table", name="Images, the largest first").is_visible()


def test_colours_follow_the_scheme_and_paper_is_white(browser: Browser, pages: dict[str, Path]) -> None:
    def background() -> str:
        return str(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    with shown(browser, pages["fleet"].as_uri(), scheme="light") as seen:
        assert background() == "rgb(255, 255, 255)"
    with shown(browser, pages["fleet"].as_uri(), scheme="dark") as seen:
        assert background() == "rgb(17, 22, 28)"
        seen.page.emulate_media(media="print")
        assert background() == "rgb(255, 255, 255)"
        assert not seen.page.get_by_role("navigation").is_visible()
        assert seen.page.pdf(format="A4").startswith(b"%PDF")


ON_PAPER = """() => {
  const body = parseFloat(getComputedStyle(document.body).fontSize), found = new Set();
  for (const each of document.querySelectorAll("main *:not(svg, svg *)")) {
    if (!each.checkVisibility()) continue;
    const side = each.getBoundingClientRect();
    if (side.right > innerWidth + 1 && !each.closest(".unseen")) found.add(`${each.tagName}.${each.className} is cut off at ${side.right}`);
    if (each.matches(".small, code, .mono, .source") && parseFloat(getComputedStyle(each).fontSize) > body)
      found.add(`${each.tagName}.${each.className} is larger than the text`);
  }
  for (const each of document.querySelectorAll("main svg"))
    if (each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1) found.add(each.getAttribute("aria-label"));
  return [...found];
}"""


@pytest.mark.parametrize("name", PAGES)
def test_paper_cuts_nothing_off_and_notes_are_no_larger_than_the_text(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    # A4 less Chromium's margins.
    with shown(browser, pages[name].as_uri(), 718) as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.evaluate(ON_PAPER) == []


BROKEN = """() => {
  const found = [];
  const whole = /\\d{4}-\\d\\d-\\d\\d( \\d\\d:\\d\\d UTC)?|[−+~]*\\d[\\d.]*\\s(%|s|[kMG]i?B|B|points|days?)(?![\\w-])|(^|\\s)--[a-z]+/g;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement.checkVisibility() || node.parentElement.closest(".unseen, .skip, svg")) continue;
    for (const match of node.data.matchAll(whole)) {
      const range = document.createRange();
      range.setStart(node, match.index + match[0].search(/\\S/));
      range.setEnd(node, match.index + match[0].length);
      if (new Set([...range.getClientRects()].map((each) => Math.round(each.top))).size > 1) found.push(match[0]);
    }
  }
  return found;
}"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["empty", "fleet"])
def test_no_figure_moment_or_option_is_torn_apart(browser: Browser, pages: dict[str, Path], name: str, width: int) -> None:
    with shown(browser, pages[name].as_uri(), width) as seen:
        seen.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        assert seen.page.evaluate(BROKEN) == []
        assert "`" not in seen.page.inner_text("body"), "code is shown as code"
        assert not re.search(r"[a-z]\.[A-Z]", seen.page.inner_text("main")), "two sentences without a space between them"


def test_letters_of_charts_are_large_enough_to_read(browser: Browser, pages: dict[str, Path]) -> None:
    sizes = "[...document.querySelectorAll('.scroll > svg text')].map((e) => e.getBoundingClientRect().height)"
    with shown(browser, pages["fleet"].as_uri(), WIDTHS[0]) as seen:
        heights = cast("list[float]", seen.page.evaluate(sizes))
        assert len(heights) > 10
        assert min(heights) >= 10


def test_three_hundred_services_are_less_than_a_megabyte(pages: dict[str, Path]) -> None:
    assert pages["large"].stat().st_size < 1_000_000


def test_a_screenshot_shows_the_page_at_every_width(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    for width in WIDTHS:
        with shown(browser, pages["fleet"].as_uri(), width) as seen:
            shot = seen.page.screenshot(path=tmp_path / f"{width}.png")
            # A page that drew nothing compresses to next to nothing.
            assert len(shot) > 20_000
