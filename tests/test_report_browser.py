"""The report as its reader sees it: in Chromium, on a laptop, a tablet, a phone and on paper."""

from __future__ import annotations

import re
import struct
import time
import zlib
from pathlib import Path

import pytest
from browser import A4, LAPTOP, PHONE, TABLET, Browser, Tab, chromium, faults, needs_chromium

from ftag_prune.report import Figure, Section, Table, page, write

pytestmark = needs_chromium

INF, NAN = float("inf"), float("nan")
WIDE = [f"a rather long heading {index}" for index in range(13)]
LONG = "A sentence that a reader with a narrow screen has to see whole, 0.97 ± 0.02 of it. " * 4
PROVENANCE = {"versions": {"numpy": "2.4"}, "digest": "0123456789abcdef" * 16, "study": "a:\n b\n"}


def png(width: int, height: int) -> bytes:
    """A white image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def sections(folder: Path) -> list[Section]:
    """Everything that a page can hold, long and wide enough to do harm."""
    for name, width in {"roc": 1600, "mass": 1500, "pruned": 1700}.items():
        (folder / f"{name}.png").write_bytes(png(width, 1200))
        (folder / f"{name}.csv").write_text(f"{name}\n1\n")
    (folder / "points.yaml").write_text("0.7: 1.5\n")
    figures = [
        Figure(folder / f"{name}.png", f"{name}: {LONG}", folder / f"{name}.csv")
        for name in ("roc", "mass", "pruned")
    ]
    wide = Table("Wide", WIDE, [["w32", *(f"{i}.123 ± 0.045" for i in range(12))]] * 30, LONG)
    values = ["10.2 ± 0.1", "9.8 ± 0.1", INF, None, 100, "≥ 50", "no jet passes", NAN, -3]
    mixed = Table("Mixed", ["value"], [[value] for value in values])
    return [
        Section("Rejection", [LONG], figures, [wide], [folder / "points.yaml"], "Single-b"),
        Section("Tables", tables=[mixed, Table("Empty", ["a"], [])], group="Single-b"),
        Section("Rejection", [LONG], figures[:1], group="Hbb/cc"),
        Section("Checks", ["nolinebreakispossiblehere" * 3]),
    ]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    summary = [f"Single-b, 32 nodes a layer: {LONG}", LONG]
    text = page("A study", sections(folder), summary=summary, provenance=PROVENANCE, reading=[LONG])
    write(folder / "report.html", text)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory):
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def tab(browser: Browser, report: Path):
    with browser.open(report) as opened:
        yield opened


def test_nothing_is_wrong_at_any_width(browser: Browser, report: Path) -> None:
    assert faults(browser, report) == []


BROKEN = {
    "<script>console.error('lost')</script>": "console: lost",
    "<script>console.warn('odd')</script>": "console: odd",
    "<script>throw new TypeError('no such thing')</script>": "console: TypeError: no such thing",
    "<img src='data:image/png;base64,AAAA' alt='a'>": "an image does not load: data:image/png",
    "<img src='http://localhost:9/a.png' alt='a'>": "asks for http://localhost:9/a.png",
    "<img src='data:image/png;base64,AAAA'>": "an image has no text: data:image/png",
    "<a href='#nowhere'>there</a>": "a link leads nowhere: #nowhere",
    "<div style='width: 900px; height: 9px'></div>": "the page is 90",
    "<i style='margin-left: 800px'>there</i>": "sticks out to the right: i 'there'",
    "<p style='font-size: 10px'>small</p>": "text of 10 px: p 'small'",
    "<p style='color: #888'>pale</p>": "text of contrast 3.5: p 'pale'",
    "<h3>deep</h3>": "a heading skips a level: h3 'deep'",
    "<h1>another</h1>": "not one h1",
}


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_wrong_is_found(browser: Browser, tmp_path: Path, content: str) -> None:
    head = "<!DOCTYPE html><title>a</title><meta name='viewport' content='width=device-width'>"
    broken = tmp_path / "broken.html"
    broken.write_text(f"{head}<link rel='icon' href='data:,'><h1>Page</h1>{content}")
    found = faults(browser, broken, widths=[TABLET])
    assert any(one.startswith(f"{TABLET} px: {BROKEN[content]}") for one in found), found
    broken.write_text(f"{head}<link rel='icon' href='data:,'><h1>Page</h1>")
    assert faults(browser, broken, widths=[TABLET]) == []


def test_a_page_that_is_not_made_for_phones_is_found(browser: Browser, tmp_path: Path) -> None:
    plain = tmp_path / "plain.html"
    plain.write_text("<!DOCTYPE html><title>a</title><link rel='icon' href='data:,'><h1>Page</h1>")
    assert f"{PHONE} px: the page is 980 px wide" in faults(browser, plain, widths=[PHONE])


@pytest.mark.parametrize("width", [LAPTOP, TABLET, PHONE])
def test_wide_tables_scroll_in_their_own_box(browser: Browser, report: Path, width: int) -> None:
    with browser.open(report, width=width) as tab:
        box = "document.querySelector('.scroll')"
        assert tab.run(f"{box}.scrollWidth > {box}.clientWidth")
        first = f"{box}.querySelector('td').getBoundingClientRect().left"
        before = tab.run(first)
        tab.run(f"{box}.scrollLeft = 300")
        assert tab.run(f"{box}.scrollLeft") == 300
        assert tab.run(first) == before, "the name of the row stays"


def column(tab: Tab) -> list[str]:
    cells = "document.querySelectorAll('.sorts')[1].querySelectorAll('td')"
    return tab.run(f"[...{cells}].map(one => one.textContent)")


def test_tables_sort_by_number_in_both_directions(tab: Tab) -> None:
    tab.click("thead button", index=len(WIDE))
    falling = ["∞", "100", "≥ 50", "10.2 ± 0.1", "9.8 ± 0.1", "-3"]
    last = ["no jet passes", "–", "–"]  # noqa: RUF001
    assert column(tab) == [*reversed(falling), *last]
    sorted_by = "document.querySelectorAll('.sorts')[1].querySelector('th').ariaSort"
    assert tab.run(sorted_by) == "ascending"
    tab.press("Enter")
    assert column(tab) == [*falling, *last]
    assert tab.run(sorted_by) == "descending"


def test_texts_are_sorted_as_a_reader_counts(browser: Browser, tmp_path: Path) -> None:
    table = Table("T", ["network", "n"], [["w128", 1], ["w32", 2], ["w64", 2]])
    text = page("t", [Section("One", tables=[table])], summary=["s"], provenance={})
    write(tmp_path / "page.html", text)
    names = "[...document.querySelectorAll('.sorts td:first-child')].map(one => one.textContent)"
    with browser.open(tmp_path / "page.html") as tab:
        tab.click("thead button")
        assert tab.run(names) == ["w32", "w64", "w128"]
        tab.click("thead button", index=1)
        assert tab.run(names) == ["w128", "w32", "w64"], "rows of one number stay in order"


LARGE = "document.querySelector('dialog').open"
SHOWN = "document.querySelector('dialog p').textContent.slice(0, 14)"


def test_figures_open_large_and_close(tab: Tab) -> None:
    small = tab.run("document.querySelector('figure img').clientWidth")
    tab.click("figure button")
    assert tab.run(LARGE)
    image = "document.querySelector('dialog img')"
    assert tab.run(f"{image}.clientWidth") > 1.2 * small
    assert tab.run(f"{image}.getBoundingClientRect().bottom") < 900
    assert tab.run(SHOWN) == "Figure 1. roc:"
    tab.press("Escape")
    assert not tab.run(LARGE)
    assert tab.run("document.activeElement.ariaLabel") == "Enlarge figure 1"
    tab.click("figure button", index=1)
    assert tab.run(SHOWN) == "Figure 2. mass"
    tab.click("dialog img")
    assert not tab.run(LARGE)


def test_figures_open_and_turn_with_the_keyboard(tab: Tab) -> None:
    tab.run("document.querySelector('figure button').focus()")
    tab.press("Enter")
    assert tab.run(LARGE)
    tab.press("ArrowLeft")
    assert tab.run(SHOWN) == "Figure 4. roc:"
    tab.press("ArrowRight")
    tab.press("ArrowRight")
    assert tab.run(SHOWN) == "Figure 2. mass"
    tab.press("Enter")
    assert not tab.run(LARGE), "the button that has the focus closes"


def test_on_a_phone_a_large_figure_is_larger_than_the_screen(
    browser: Browser, report: Path
) -> None:
    with browser.open(report, width=PHONE, height=844) as tab:
        tab.click("figure button")
        assert tab.run("document.querySelector('dialog img').clientWidth") == 2 * PHONE
        tab.run("document.querySelector('dialog').scrollTo(300, 0)")
        assert tab.run("document.querySelector('dialog').scrollLeft") == 300
        assert (
            tab.run("document.querySelector('dialog p').getBoundingClientRect().left") < PHONE / 8
        )
        tab.click("dialog button", index=2)
        assert not tab.run(LARGE)


def test_contents_lie_beside_the_page_and_show_where_it_is(tab: Tab) -> None:
    texts = "[...document.querySelectorAll('nav .group, nav a')].map(one => one.textContent)"
    contents = ["Summary", "Single-b", "Rejection", "Tables", "Hbb/cc", "Rejection", "Checks"]
    assert tab.run(texts) == [*contents, "Provenance"]
    tab.run("document.documentElement.style.scrollBehavior = 'auto'")
    tab.click("nav a", index=2)
    assert tab.run("location.hash") == "#section-2"
    assert 0 <= tab.run("document.getElementById('section-2').getBoundingClientRect().top") < 30
    assert tab.run("document.querySelector('nav').getBoundingClientRect().top") == 0
    assert tab.run("document.querySelector('nav [aria-current]').textContent") == "Tables"


def test_contents_are_folded_on_a_phone(browser: Browser, report: Path) -> None:
    with browser.open(report, width=PHONE, height=844) as tab:
        tab.run("document.documentElement.style.scrollBehavior = 'auto'")
        unfolded = "document.querySelector('nav details').open"
        bar = "document.querySelector('nav').getBoundingClientRect()"
        assert not tab.run(unfolded)
        assert tab.run(f"{bar}.height") < 60
        tab.click("nav summary")
        assert tab.run(unfolded)
        tab.click("nav a", index=2)
        assert not tab.run(unfolded)
        top = tab.run("document.getElementById('section-2').getBoundingClientRect().top")
        assert tab.run(f"{bar}.bottom") <= top < 100, "not below the bar"
        tab.resize(LAPTOP)
        tab.settle()
        assert tab.run(unfolded)


def test_files_are_downloaded_as_they_were(tab: Tab, report: Path, tmp_path: Path) -> None:
    tab.downloads(tmp_path)
    tab.click(".files a")
    tab.click("figcaption a", index=1)
    got = [tmp_path / "points.yaml", tmp_path / "mass.csv"]
    until = time.monotonic() + 20
    while time.monotonic() < until and not all(one.exists() for one in got):
        time.sleep(0.05)
    assert [one.read_bytes() for one in got] == [
        (report.parent / one.name).read_bytes() for one in got
    ]
    assert tab.complaints() == tab.requests() == []


def test_paper_has_the_page_without_what_one_clicks(browser: Browser, report: Path) -> None:
    with browser.open(report, width=A4) as tab:
        tab.call("Emulation.setEmulatedMedia", media="print")
        tab.run("dispatchEvent(new Event('beforeprint'))")
        assert tab.run("document.scrollingElement.scrollWidth") <= A4
        hidden = "[...document.querySelectorAll('nav, figcaption a, .files')]"
        assert tab.run(f"{hidden}.every(one => !one.checkVisibility())")
        assert tab.run("document.querySelectorAll('main details:not([open])').length") == 0
        kept = "[...document.querySelectorAll('figure, .sorts tr, h2')]"
        assert tab.run(f"{kept}.every(one => getComputedStyle(one).breakInside === 'avoid')")
        assert tab.run(f"Math.max(...{kept}.map(one => one.clientHeight))") < 1000, "on one page"
        tab.run("dispatchEvent(new Event('afterprint'))")
        assert tab.run("document.querySelector('#provenance details').open") is False


def test_the_page_is_printed(tab: Tab) -> None:
    made = tab.print()
    assert made.startswith(b"%PDF-")
    pages = len(re.findall(rb"/Type /Page\b(?!s)", made))
    assert 3 <= pages <= 6
    assert tab.run("document.querySelector('#provenance details').open") is False
