"""The report page: everything inside, nothing from outside, text never markup."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from ftag_prune.errors import FtagPruneError
from ftag_prune.report import Figure, Section, Table, page, with_error, write

PNG = b"\x89PNG\r\n\x1a\n" + b"the rest"
PROVENANCE = {"versions": {"numpy": "2.4", "torch": "2.13"}, "seed": 7, "clean": True}
VOID = {"meta", "link", "img"}


class Reader(HTMLParser):
    """Collects addresses, texts by tag, and checks that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in {"src", "href", "action", "data", "poster", "srcset"}:
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.append((self.open[-1], data.strip()))

    def of(self, tag: str) -> list[str]:
        return [text for one, text in self.texts if one == tag]


@pytest.fixture
def figure(tmp_path: Path) -> Figure:
    (tmp_path / "roc.png").write_bytes(PNG)
    (tmp_path / "roc.csv").write_text("efficiency,rejection\n0.7,10\n")
    return Figure(tmp_path / "roc.png", "ROC of $c$-jets", tmp_path / "roc.csv")


def study(*sections: Section) -> str:
    return page("A study", sections, summary=["First.", "Second."], provenance=PROVENANCE)


def table(*rows: list[object]) -> Table:
    columns = [f"column {i}" for i in range(len(rows[0]))]
    return Table("Numbers", columns, rows, "A note.")  # type: ignore[arg-type]


def test_navigation_leads_to_every_section() -> None:
    reader = Reader(study(Section("One"), Section("Two")))
    links = [address for address in reader.addresses if address.startswith("#")]
    assert links == ["#summary", "#section-1", "#section-2", "#provenance"]
    assert {link[1:] for link in links} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert reader.of("h2") == ["Summary", "One", "Two", "Provenance"]


def test_groups_stand_in_the_contents_in_the_order_of_their_sections() -> None:
    groups = {"One": "b", "Two": "b", "Three": "", "Four": "", "Five": "cc"}
    reader = Reader(study(*(Section(title, group=group) for title, group in groups.items())))
    lists = [text for tag, text in reader.texts if tag in {"a", "div"}]
    assert lists == ["Summary", "b", "One", "Two", "Three", "Four", "cc", "Five", "Provenance"]
    assert reader.of("small") == ["b", "b", "cc"]


def test_how_to_read_the_page_is_folded_below_the_summary() -> None:
    text = page("A study", [], summary=["First."], provenance={}, reading=["Read: so."])
    reader = Reader(text)
    assert reader.of("summary") == [
        "Contents",
        "How to read this page",
        "What this page was made from",
    ]
    assert reader.of("p") == ["First.", "Read: so."]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("Single-b, 32 nodes: none.", ["Single-b, 32 nodes:"]),
        ("First. Second: none.", []),
        ("10:30", []),
        (f"{'long ' * 13}: none", []),
        (r"$H \rightarrow b\bar{b}$: none", ["H → bb\N{COMBINING MACRON}:"]),
    ],
)
def test_what_a_paragraph_is_about_is_bold(text: str, subject: list[str]) -> None:
    assert Reader(study(Section("One", [text]))).of("strong") == subject


def test_a_value_keeps_its_error_on_its_line() -> None:
    text = Reader(study(Section("One", ["1.0 ± 0.1"]))).of("p")[2]
    assert text == "1.0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.1"


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("a.csv", "text/csv;charset=utf-8", "numbers (CSV)"),
        ("a.json", "application/json", "JSON"),
        ("a.yaml", "application/yaml", "YAML"),
        ("a.tex", "application/x-tex", "TEX"),
        ("a.pdf", "application/pdf", "PDF"),
        ("a.h5", "application/octet-stream", "H5"),
        ("Makefile", "application/octet-stream", "Makefile"),
    ],
)
def test_files_are_inside(figure: Figure, tmp_path: Path, name: str, kind: str, shown: str) -> None:
    (tmp_path / name).write_bytes(b"x" * 2600)
    shown_twice = Section("One", [], [Figure(figure.png, "c", tmp_path / name)])
    reader = Reader(study(shown_twice._replace(files=[tmp_path / name])))
    assert reader.of("a")[-2:] == [shown, name]
    assert reader.of("li")[-1] == "(3 kB)"
    links = [a for tag, a in reader.attributes if tag == "a" and "download" in a]
    assert [link["download"] for link in links] == [name, name]
    for link in links:
        assert link["href"] == f"data:{kind};base64," + base64.b64encode(b"x" * 2600).decode()


def test_the_page_itself_is_small() -> None:
    assert len(page("", [], summary=[], provenance={}).encode()) < 20_000


def test_images_and_numbers_are_inside(figure: Figure) -> None:
    reader = Reader(study(Section("One", [], [figure, figure._replace(csv=None)])))
    data = [address for address in reader.addresses if address.startswith("data:image/png")]
    assert [base64.b64decode(one.partition(",")[2]) for one in data] == [PNG, PNG]
    download = next(a for tag, a in reader.attributes if tag == "a" and "download" in a)
    assert download["download"] == "roc.csv"
    content = base64.b64decode((download["href"] or "").partition(",")[2])
    assert content == b"efficiency,rejection\n0.7,10\n"
    assert reader.of("b") == ["Figure 1.", "Figure 2."]


def test_nothing_comes_from_outside(figure: Figure) -> None:
    text = study(Section("One", ["http://example.org"], [figure], [table([1])]))
    reader = Reader(text)
    assert all(address.startswith(("#", "data:")) for address in reader.addresses)
    style, script = "".join(reader.of("style")), "".join(reader.of("script"))
    for word in ("url(", "@import", "http", "//", "fetch", "import("):
        assert word not in style
        assert word not in re.sub("^// .*", "", script, flags=re.MULTILINE)
    policy = next(a["content"] for t, a in reader.attributes if t == "meta" and "http-equiv" in a)
    assert (policy or "").startswith("default-src 'none'; img-src data:;")


def test_text_is_never_markup(figure: Figure) -> None:
    evil = '<script>alert("1")</script>'
    text = page(
        evil,
        [
            Section(
                evil, [evil], [figure._replace(caption=evil)], [Table(evil, [evil], [[evil]], evil)]
            )
        ],
        summary=[evil],
        provenance={evil: evil},
    )
    assert evil not in text
    reader = Reader(text)
    assert len(reader.of("script")) == 1
    assert reader.of("p").count(evil) == 4  # summary, text, table's caption and note


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"$H \rightarrow b\bar{b}$ against $c$-jets", "H → bb\N{COMBINING MACRON} against c-jets"),
        (r"$p_{\mathrm{T}}$ > 20 GeV, $|\eta|$ < 2.5", "p_T > 20 GeV, |η| < 2.5"),
        (r"$t\bar{t}$ and $Z^{\prime}$", "tt\N{COMBINING MACRON} and Z\N{PRIME}"),
        ("5 $ are not a formula", "5 $ are not a formula"),
    ],
)
def test_formulas_are_readable(text: str, shown: str) -> None:
    assert shown in Reader(study(Section("One", [text]))).of("p")[2]


def test_paragraphs() -> None:
    reader = Reader(study(Section("One", ["Third.", "Fourth."])))
    assert reader.of("p") == ["First.", "Second.", "Third.", "Fourth."]


@pytest.mark.parametrize(
    ("value", "text", "key"),
    [
        (3, "3", "3.0"),
        (np.int64(12_416), "12416", "12416.0"),
        (0.123456, "0.1235", "0.123456"),
        (np.float32(0.5), "0.5", "0.5"),
        (12_345.678, "12346", "12345.678"),
        (1.5e-7, "1.5e-07", "1.5e-07"),
        (float("inf"), "∞", "Infinity"),
        (float("-inf"), "-∞", "-Infinity"),
        (float("nan"), "\N{EN DASH}", None),
        (None, "\N{EN DASH}", None),
        (True, "yes", "1"),
        ("9.8 ± 0.1", "9.8 ± 0.1", "9.8"),
        ("-0.3 ± 0.1", "-0.3 ± 0.1", "-0.3"),
        ("≥ 1.5e3", "≥ 1.5e3", "1.5e3"),
        ("1,012,416.5 → 2", "1,012,416.5 → 2", "1012416.5"),
        ("1, 2", "1, 2", "1"),
        ("no jet passes", "no jet passes", None),
        ("w32", "w32", None),
        ("-", "-", None),
    ],
)
def test_cells(value: object, text: str, key: str | None) -> None:
    reader = Reader(study(Section("One", [], [], [table([value])])))
    assert reader.of("td")[0] == text
    first = next(attributes for tag, attributes in reader.attributes if tag == "td")
    assert first.get("data-key") == key


@pytest.mark.parametrize(
    ("value", "side"),
    [
        (3, "number"),
        (None, "number"),
        ("9.8 ± 0.1", "number"),
        ("9.8 ± 0.1 ms", "number"),
        ("≥ 12,800", "number"),
        ("64 nodes a layer", None),
        ("no jet passes", None),
        (True, None),
    ],
)
def test_a_text_is_a_number_if_it_begins_with_one_and_has_no_word(
    value: object, side: str | None
) -> None:
    reader = Reader(study(Section("One", [], [], [table([value])])))
    assert next(a.get("class") for tag, a in reader.attributes if tag == "td") == side


def test_numbers_stand_at_the_right_below_their_heading() -> None:
    reader = Reader(study(Section("One", [], [], [table([1, "a"], [2, "b"])])))
    classes = [a.get("class") for tag, a in reader.attributes if tag in {"th", "td"}]
    assert classes[:6] == ["number", None, "number", None, "number", None]
    assert reader.of("button")[:2] == ["column 0", "column 1"]


def test_provenance_is_flat() -> None:
    reader = Reader(study())
    assert reader.of("th") == ["versions · numpy", "versions · torch", "seed", "clean"]
    assert reader.of("td") == ["2.4", "2.13", "7", "True"]


def test_the_same_input_gives_the_same_page(figure: Figure, tmp_path: Path) -> None:
    section = Section("ü √ ±", [], [figure], [table([1.5, "±"])])
    write(tmp_path / "out" / "report.html", study(section))
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8") == study(section)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["report.html"]


def test_missing_image(tmp_path: Path) -> None:
    with pytest.raises(FtagPruneError, match=r"no\.png: cannot be read for the report \(No such"):
        study(Section("One", [], [Figure(tmp_path / "no.png", "")]))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FtagPruneError, match=r"points\.yaml: cannot be read for the report"):
        study(Section("One", files=[tmp_path / "points.yaml"]))


def test_missing_numbers(figure: Figure, tmp_path: Path) -> None:
    with pytest.raises(FtagPruneError, match=r"no\.csv: cannot be read for the report"):
        study(Section("One", [], [figure._replace(csv=tmp_path / "no.csv")]))


def test_image_of_another_kind(figure: Figure) -> None:
    figure.png.write_bytes(b"%PDF-1.4")
    with pytest.raises(FtagPruneError, match=r"roc\.png: a figure of the report has to be a PNG"):
        study(Section("One", [], [figure]))


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (9.87, 0.12, "9.9 ± 0.1"),
        (123.4, 5.6, "123 ± 6"),
        (9.87, float("inf"), "9.9 ± inf"),
        (float("inf"), 1.0, "no jet passes"),
        (float("nan"), 1.0, "no jet passes"),
    ],
)
def test_a_rejection_with_its_error(value: float, error: float, text: str) -> None:
    assert with_error(value, error) == text


def test_ragged_table() -> None:
    with pytest.raises(FtagPruneError, match="'Numbers' has 2 columns, but row 2 has 1 cells"):
        study(Section("One", [], [], [table([1, 2], [3])]))
