"""Numbers of other countries: read as what they are, recognised from all cells together, refused where both fit."""

import pytest

from scoring.number_format import Evidence, FormatError, NumberFormat, format_of_locale

POINT, COMMA = NumberFormat("."), NumberFormat(",")


@pytest.mark.parametrize(
    ("text", "numbers", "value", "is_percent"),
    [
        ("12,50", COMMA, 12.5, False),
        ("12.50", POINT, 12.5, False),
        ("1.234,56 €", COMMA, 1234.56, False),
        ("€ 1.234.567,8", COMMA, 1234567.8, False),
        ("$1,234.50", POINT, 1234.5, False),
        ("0,5 %", COMMA, 0.5, True),
        ("<0.01%", POINT, 0.01, True),
        ("1 234", COMMA, 1234, False),
        ("1\u202f234,5", COMMA, 1234.5, False),
        ("1\u00a0234,5\u00a0€", COMMA, 1234.5, False),
        ("CHF 1'234.50", POINT, 1234.5, False),
        ("Fr. 12.50", POINT, 12.5, False),
        ("12,50 zł", COMMA, 12.5, False),
        ("−3", POINT, -3, False),
        ("1.5e-05", POINT, 1.5e-05, False),
        (".5", POINT, 0.5, False),
    ],
)
def test_a_number_is_read(text: str, numbers: NumberFormat, value: float, is_percent: bool) -> None:
    assert numbers.read(text) == (value, is_percent)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        *((text, POINT) for text in ("12,50", "1,23,456", "0,123", "1.234.567", "NaN", "inf", "-Infinity", "1.2K", "")),
        *((text, COMMA) for text in ("12.50", "1.23", "1,2,3", "1.234.56", "12,5x", "nan", "12,")),
    ],
)
def test_what_is_no_number_in_the_format_is_refused(text: str, numbers: NumberFormat) -> None:
    with pytest.raises(FormatError, match="is no number"):
        numbers.read(text)


def recognised(*cells: str, is_whole: bool = False, most: float | None = None) -> NumberFormat:
    evidence = Evidence()
    for row, text in enumerate(cells, 1):
        evidence.add(text, row, "value", is_whole, most)
    return evidence.format("--locale")


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [
        (("1,234", "12,50"), ","),
        (("1,234", "12.50"), "."),
        (("1.234.567", "1.234"), ","),
        (("1,234,567",), "."),
        (("0.452",), "."),
        (("1234,567",), ","),
        (("1 234,567",), ","),
        (("1'234.567",), "."),
        (("3", "17"), "."),
        (("0", "1.5e-05"), "."),
    ],
)
def test_the_format_is_that_of_all_cells(cells: tuple[str, ...], decimal: str) -> None:
    assert recognised(*cells).decimal == decimal


def test_a_column_of_whole_numbers_and_one_of_rates_decide_too() -> None:
    assert recognised("1,234", is_whole=True).decimal == "."
    assert recognised("1.000", is_whole=True).decimal == ","
    assert recognised("35.0", is_whole=True).decimal == "."
    assert recognised("1,234 %", most=1.0).decimal == ","


def test_what_stays_open_is_refused_with_its_place_and_the_option() -> None:
    with pytest.raises(FormatError, match=r"^row 2, column value: '1,234' may be thousands or a fraction.*--locale"):
        recognised("7", "1,234", "5.678")
    with pytest.raises(FormatError, match=r"^row 3, column value: '0.5' is written otherwise than '12,50' in row 1"):
        recognised("12,50", "1,234", "0.5")


@pytest.mark.parametrize(
    ("locale", "decimal"),
    [("de", ","), ("de_DE.UTF-8", ","), ("fr-FR", ","), ("en", "."), ("en-US", "."), ("de-CH", "."), ("es-MX", ".")],
)
def test_a_locale_decides(locale: str, decimal: str) -> None:
    assert format_of_locale(locale).decimal == decimal


def test_a_locale_that_nobody_knows_is_refused() -> None:
    with pytest.raises(FormatError, match=r"'xx' is no locale"):
        format_of_locale("xx")
