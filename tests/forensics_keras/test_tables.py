"""Tables as plain text and Markdown."""

import pytest

from forensics_keras.tables import format_interval, markdown_table, summary_rows, text_table

ROWS = [
    {"method": "all zeros", "pictures": 4, "F1": "0.000\n0.00-0.00"},
    {"method": "a|b", "pictures": 12, "F1": "-"},
]


def test_format_interval():
    assert format_interval({"mean": 0.91234, "low": 0.887, "high": 1}) == "0.912\n0.89-1.00"
    assert format_interval({"mean": 99.5, "low": 99, "high": 100}, 0) == "100\n99-100"
    assert format_interval(dict.fromkeys(("mean", "low", "high"), float("nan"))) == "-"


def test_text_table_aligns_words_left_and_numbers_right():
    assert text_table(ROWS).split("\n") == [
        "method     pictures         F1",
        "---------  --------  ---------",
        "all zeros         4      0.000",
        "                     0.00-0.00",
        "a|b              12          -",
    ]


def test_markdown_table():
    assert markdown_table(ROWS).split("\n") == [
        "| method | pictures | F1 |",
        "| --- | ---: | ---: |",
        "| all zeros | 4 | 0.000 (0.00-0.00) |",
        "| a\\|b | 12 | - |",
    ]


def test_summary_rows():
    score = {"mean": 0.5, "low": 0.25, "high": 0.75}
    summary = {"method": "noise", "pictures": 3, "scores": {"F1": score, "AUC": score}}
    assert summary_rows([summary], {"F1": "F1 (%)"}) == [
        {"method": "noise", "pictures": 3, "F1 (%)": "0.500\n0.25-0.75"}
    ]


@pytest.mark.parametrize("render", [text_table, markdown_table])
def test_tables_refuse_no_rows_and_ragged_rows(render):
    with pytest.raises(ValueError, match="at least one row"):
        render([])
    with pytest.raises(ValueError, match="differ in their columns"):
        render([{"a": 1}, {"b": 1}])
