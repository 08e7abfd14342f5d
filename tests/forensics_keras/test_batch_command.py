"""What the end of a command over many pictures says and writes, and which inputs it takes."""

import argparse
import csv
import html.parser
import io
import json
import sys

import pytest
from PIL import Image

from forensics_keras import batch
from forensics_keras.batch import progress
from forensics_keras.batch.inputs import given_paths
from forensics_keras.reports import document
from tests.helpers.picture_jobs import Red, read_report, save


def run(*arguments):
    parser = argparse.ArgumentParser()
    batch.BatchRun.add_reports(batch.BatchRun.add_arguments(parser))
    options = parser.parse_args([str(argument) for argument in arguments])
    return batch.BatchRun.of(options).execute(Red())


def save_red(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 30), (level, 0, 0)).save(path)


@pytest.fixture
def folder(tmp_path):
    for name, level in {"a.png": 160, "b.png": 250, "c.png": 5}.items():
        save_red(tmp_path / "in" / name, level)
    (tmp_path / "in/d.png").write_text("no picture")
    (tmp_path / "in/clip.mp4").write_bytes(b"film")
    return tmp_path / "in"


# --- what is said -----------------------------------------------------------------------------


def test_the_end_names_the_worst_first_and_counts_what_was_not_looked_at(folder, tmp_path, capsys):
    assert run(folder, "-o", tmp_path / "out") == 1
    worst, first, second, summary, passed_over = capsys.readouterr().out.splitlines()
    assert worst == "worst first:"
    assert first == f"  {folder / 'b.png'}: 98% red" and second == f"  {folder / 'a.png'}: 63% red"
    assert summary.startswith("4 inputs: 1 failed, 1 pale, 2 red; see ")
    assert passed_over == "passed over in the folders: 1 .mp4"


def test_json_lines_on_stdout_are_the_only_thing_there(folder, tmp_path, capsys):
    assert run(folder, "-o", tmp_path / "out", "--json") == 1
    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["path"] for line in lines] == [str(folder / f"{name}.png") for name in "abcd"]
    assert {line["path"]: line for line in lines} == read_report(tmp_path / "out")
    assert "worst first" in said.err


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(terminal, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(progress, "EVERY", 0)
    assert list(progress.progress(["a", "b", "c"])) == ["a", "b", "c"]
    said = capsys.readouterr().err
    assert ("\r" in said) == terminal
    assert ("2 of 3 pictures, " in said and " left" in said) != terminal


# --- inputs -----------------------------------------------------------------------------------


def test_patterns_and_stdin_name_inputs(folder, monkeypatch):
    names = [str(folder / name) for name in ("a.png", "b.png", "c.png", "d.png")]
    assert given_paths([str(folder / "*.png"), "nothing*"]) == [*names, "nothing*"]
    save(folder / "[a].png")
    assert given_paths([str(folder / "[a].png")]) == [str(folder / "[a].png")]
    for separator in ("\n", "\0"):
        text = separator.join([*names, ""]).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        assert given_paths(["-"]) == names


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [("https://example.org/a.jpg", "download the picture"), ("x/*.jpg", "no file matches")],
)
def test_what_is_no_file_is_answered_with_what_to_do(argument, remedy, tmp_path, capsys):
    assert run(argument, "-o", tmp_path / "out") == 1
    assert remedy in capsys.readouterr().err


# --- reports ----------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """Collects tags with their attributes, and texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


HOSTILE = "<img src=x onerror=alert(1)>\" onload='alert(2)' {{ 7 * 7 }}\u202e.png"


def test_the_page_has_pictures_by_suspicion_and_loads_nothing(folder, tmp_path):
    save_red(folder / HOSTILE, 255)
    run(folder, "-o", tmp_path / "out", "--report", "html")
    text = (tmp_path / "out/report.html").read_text("utf-8")
    page = Page(text)
    shown = [article["data-path"] for article in page.all("article")]
    assert shown[0].endswith(".png") and "<img src=x onerror" in shown[0]  # as text
    assert shown[1:] == [str(folder / f"{name}.png") for name in "bac"]
    sources = [image["src"] for image in page.all("img")]
    assert len(sources) == 8 and all(source.startswith("data:image/jpeg;") for source in sources)
    links = {"src", "href", "onerror", "onload"}
    assert not [tag for tag in page.tags if tag[0] != "img" and links & tag[1].keys()]
    assert not page.all("b") and len(page.all("script")) == 1
    assert "\u202e" not in text and "{{ 7 * 7 }}" in page.text and "49" not in shown[0]
    for said in ("Red is <no> crime.", "Finds <b>red</b> only.", "d.png: ", "1 .mp4", "0" * 64):
        assert said in page.text
    policy = page.all("meta")[1]["content"]
    assert "default-src 'none'" in policy and "script-src 'sha256-" in policy


def test_pictures_that_are_gone_leave_a_page(folder, tmp_path):
    run(folder, "-o", tmp_path / "out")
    (folder / "a.png").unlink()
    (tmp_path / "out/map/b.png").unlink()
    run(folder / "c.png", "-o", tmp_path / "out", "--report", "html")
    assert len(Page((tmp_path / "out/report.html").read_text("utf-8")).all("img")) == 2


def test_the_table_has_a_row_for_each_input_and_no_formulas(folder, tmp_path):
    run(folder, "-o", tmp_path / "out", "--report", "csv")
    rows = list(csv.DictReader(open(tmp_path / "out/report.csv", newline="")))
    lines = read_report(tmp_path / "out")
    assert [row["path"] for row in rows] == list(lines)
    assert float(rows[1]["redness"]) == lines[str(folder / "b.png")]["redness"]
    assert json.loads(rows[1]["conversions"]) == [] and "not a picture" in rows[3]["error"]
    from forensics_keras.reports.table import render_table

    assert "\n'=1+1" in render_table([{"path": "=1+1"}])


def test_a_report_replaces_only_a_report(folder, tmp_path, capsys):
    out = tmp_path / "out"
    for kind in ("html", "csv"):
        assert run(folder, "-o", out, "--report", kind) == 1
        assert run(folder, "-o", out, "--report", kind) == 1
        (out / f"report.{kind}").write_text("my own")
        with pytest.raises(ValueError, match="is not a report of this program; add --overwrite"):
            run(folder, "-o", out, "--report", kind)
        assert (out / f"report.{kind}").read_text() == "my own"
        assert run(folder, "-o", out, "--report", kind, "--overwrite") == 1
        assert (out / f"report.{kind}").read_text() != "my own"


def test_without_a_browser_a_document_is_refused_before_the_work(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(document.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="--report pdf needs Chromium"):
        run(folder, "-o", tmp_path / "out", "--report", "pdf")
    assert not (tmp_path / "out").exists()
