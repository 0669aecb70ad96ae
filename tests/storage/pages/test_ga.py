"""Exports of Google Analytics, as it writes them; a broken one is named by row and column."""

from urllib.parse import urlsplit

import pytest

from storage.pages.ga import PagesExportError, read

UNIVERSAL = """\
# ----------------------------------------
# All Web Site Data
# Pages
# 20250101-20250131
# ----------------------------------------

Page,Pageviews,Unique Pageviews,Avg. Time on Page,Entrances,Bounce Rate,% Exit,Page Value
/,"12,345","9,876",00:01:02,"5,432",43.21%,31.00%,$1.23
/products/1?utm_source=x,30,20,00:00:40,3,50.00%,20.00%,"$1,000.50"
/products/1,10,10,00:00:40,1,10.00%,60.00%,$0.00
,"12,385","9,906",00:01:01,"5,436",43.00%,31.00%,$3.00

Day Index,Pageviews
1/1/25,400
"""
GA4 = """\
# Pages and screens: Page path and screen class
Page path and screen class,Views,Bounce rate,Exit rate
/,100,0.25,0.5
Grand total,100,0.25,0.5
"""


def path_of(url: str) -> str:
    return urlsplit(url).path


def test_universal_analytics() -> None:
    rows = {row.path: row for row in read(UNIVERSAL.splitlines(keepends=True), "shop", path_of)}
    assert set(rows) == {"/", "/products/1"}
    home, product = rows["/"], rows["/products/1"]
    assert (home.bounce_rate, home.exit_rate, home.page_value) == pytest.approx((0.4321, 0.31, 1.23))
    # 30 views of one address and 10 of the other are one page.
    assert (product.bounce_rate, product.exit_rate, product.page_value) == pytest.approx((0.4, 0.3, 750.375))
    assert {row.site for row in rows.values()} == {"shop"}


def test_ga4_without_a_value() -> None:
    (row,) = read(GA4.splitlines(keepends=True), "shop", path_of)
    assert (row.path, row.bounce_rate, row.exit_rate, row.page_value) == ("/", 0.25, 0.5, 0.0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "the file has no rows"),
        ("Page,Bounce Rate\n", "the file has no rows"),
        ("Path,Bounce Rate\n/,1%\n", "row 1 has no column 'page' or 'page path'"),
        ("Page,Pageviews\n/,1\n", "row 1 has no column 'bounce rate', '% exit' or 'page value'"),
        ("Page,Bounce Rate\n/,1%\n/a,many\n", "row 3, column bounce: 'many' is no number"),
        ("Page,Bounce Rate\n/,120%\n", "row 2, column bounce: '120%' is no rate from 0 to 100 %"),
        ("Page,Bounce Rate,Page Value\n/,1%,-3\n", "row 2, column value: '-3' is negative"),
        ("Page,Bounce Rate\nhello,1%\n", "row 2, column page: 'hello' is no path of a page"),
        ('Page,Bounce Rate\n"/,1%\n', "row 2: unexpected end of data: this is not CSV"),
        ("# Pages\n\nPage,Bounce Rate\n/,x\n", "row 4, column bounce: 'x' is no number"),
    ],
    ids=[
        "empty",
        "header only",
        "no page",
        "nothing to take",
        "no number",
        "beyond 1",
        "negative",
        "no path",
        "quote",
        "below comments",
    ],
)
def test_a_broken_file_is_named_by_row_and_column(text: str, line: str) -> None:
    with pytest.raises(PagesExportError) as caught:
        read(text.splitlines(keepends=True), "shop", path_of)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


GERMAN = """\
# Seiten und Bildschirme
Seitenpfad und Bildschirmklasse;Aufrufe;Absprungrate;Ausstiegsrate;Seitenwert
/;1.234;0,5 %;12,5 %;1.234,56 €
/b;17;100 %;0 %;12,50 €
Gesamt;1.251;1 %;1 %;1 €
"""
FRENCH = """\
Chemin de la page et classe de l’écran\tVues\tTaux de rebond\tValeur de la page
/\t1 234\t0,5 %\t1 234,56 €
/b\t17\t100 %\t12,50 €
"""


@pytest.mark.parametrize("text", [GERMAN, FRENCH], ids=["German", "French"])
def test_exports_of_other_languages(text: str) -> None:
    home, other = read(text.splitlines(keepends=True), "shop", path_of)
    assert (home.path, home.bounce_rate, home.page_value) == ("/", pytest.approx(0.005), 1234.56)
    assert (other.path, other.bounce_rate, other.page_value) == ("/b", 1.0, 12.5)


def test_a_decimal_comma_in_quotes_is_no_thousand() -> None:
    (row,) = read(["Page,Page Value\n", '/,"12,50"\n'], "shop", path_of)
    assert row.page_value == 12.5


def test_what_stays_open_is_decided_by_the_locale() -> None:
    lines = ["Page,Page Value\n", '/,"1,234"\n']
    with pytest.raises(PagesExportError, match=r"^row 2, column value: '1,234' may be .*say --locale"):
        read(lines, "shop", path_of)
    assert read(lines, "shop", path_of, "de")[0].page_value == 1.234
    assert read(lines, "shop", path_of, "en_US")[0].page_value == 1234
    with pytest.raises(PagesExportError, match=r"row 2, column value: '1,23' is no number with a decimal point"):
        read(["Page,Page Value\n", '/,"1,23"\n'], "shop", path_of, "en")


@pytest.mark.parametrize("text", ["NaN", "inf", "-inf", "Infinity", "1e999"])
@pytest.mark.parametrize("column", ["Pageviews", "Bounce Rate", "% Exit", "Page Value"])
def test_no_number_is_taken_for_one(column: str, text: str) -> None:
    lines = (
        [f"Page,{column},Page Value \n", f"/,{text},1\n"]
        if column != "Page Value"
        else ["Page,Page Value\n", f"/,{text}\n"]
    )
    with pytest.raises(PagesExportError, match=r"^row 2, column (views|bounce|exit|value): ") as caught:
        read(lines, "shop", path_of)
    assert repr(text) in str(caught.value)


def test_a_column_of_another_name_is_named() -> None:
    lines = ["Sivu;Arvo\n", "/;12,50\n"]
    with pytest.raises(PagesExportError, match="--column page=NAME"):
        read(lines, "shop", path_of)
    assert read(lines, "shop", path_of, columns={"page": "Sivu", "value": "Arvo"})[0].page_value == 12.5
    with pytest.raises(PagesExportError, match="no column 'Nimi', which --column value= names"):
        read(lines, "shop", path_of, columns={"page": "Sivu", "value": "Nimi"})
