"""The local page: pictures in, a report out, for this machine alone."""

import io
import re
import shutil
import sys
import threading

import pytest
from PIL import Image

from forensics_keras import app as local_page
from tests.helpers.picture_jobs import Red

HERE = "http://127.0.0.1:5000"


def png(level):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (level, 0, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def app(tmp_path):
    pytest.importorskip("flask", reason="the extra [app] is not installed")
    return local_page.create_app("Find red", lambda *_: Red(), ["red", "other"], tmp_path)


@pytest.fixture
def client(app):
    return app.test_client()


def session_of(client):
    page = client.get("/", base_url=HERE).get_data(as_text=True)
    return re.search(r'data-session="(\w+)"', page)[1]


def post(client, session, name, data, query="", **options):
    address = f"/pictures/{session}?name={name}{query}"
    return client.post(address, data=data, base_url=HERE, **options)


def test_pictures_go_in_one_by_one_and_the_report_has_all(client):
    session = session_of(client)
    assert post(client, session, "a.png", png(250)).json == {"finding": "98% red"}
    assert post(client, session, "a.png", png(20)).json == {"finding": "8% red"}
    error = post(client, session, "b.png", b"no picture").json["error"]
    assert error.startswith("b.png: is not a picture")
    report = client.get(f"/report/{session}?preset=red", base_url=HERE)
    page = report.get_data(as_text=True)
    assert page.count("<article") == 2 and "Red pictures" in page
    attached = client.get(f"/report/{session}?download=1", base_url=HERE)
    assert attached.headers["Content-Disposition"] == "attachment; filename=report.html"


def test_names_stay_in_the_folder(client, tmp_path):
    session = session_of(client)
    for name in ("../../../a.png", "..%2F..%2Fb.png", "..\\..\\c.png", ".hidden.png", ""):
        assert "finding" in post(client, session, name, png(9)).json
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and all(session in path.parts for path in files)
    assert len(list((tmp_path / session / "pictures").iterdir())) == 5


def test_other_sites_and_wrong_questions_are_refused(client):
    session = session_of(client)
    assert client.get("/", base_url="http://evil.example:5000").status_code == 403
    other = {"Origin": "http://evil.example"}
    assert post(client, session, "a.png", png(9), headers=other).status_code == 403
    assert post(client, "0" * 32, "a.png", png(9)).status_code == 404
    assert post(client, session, "a.png", png(9), "&preset=../x").status_code == 400
    for threshold in ("0", "2", "nan", "high"):
        query = f"&threshold={threshold}"
        assert post(client, session, "a.png", png(9), query).status_code == 400
    assert client.get(f"/report/{session}", base_url=HERE).status_code == 404


def test_without_its_package_one_line_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)
    with pytest.raises(ValueError, match="pip install flask"):
        local_page.create_app("Find red", lambda *_: Red(), ["red"], tmp_path)


@pytest.mark.browser
@pytest.mark.slow
def test_in_a_browser(app, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("neither Chromium nor Chrome is installed")
    from werkzeug.serving import make_server

    server = make_server(local_page.HOST, 0, app)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, content in {"a.png": png(250), "b.png": png(20), "c.png": b"no picture"}.items():
        (tmp_path / name).write_bytes(content)
    try:
        with playwright.sync_playwright() as engine:
            browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            elsewhere = []
            own = f"http://{local_page.HOST}:{server.server_port}/"
            page.on(
                "request",
                lambda asked: (
                    elsewhere.append(asked.url)
                    if not asked.url.startswith((own, "data:"))
                    else None
                ),
            )
            page.goto(own)
            page.set_input_files("#files", [str(tmp_path / f"{name}.png") for name in "bac"])
            report = page.frame_locator("#report")
            report.locator("article").first.wait_for()
            assert page.locator("#log li").all_inner_texts()[0].startswith("c.png: is not")
            assert report.locator("article h3").all_inner_texts() == ["a.png", "b.png"]
            report.locator("#search").fill("b.p")
            assert report.locator("#shown").inner_text() == "1 of 2 shown"
            heat = report.locator(".heat").first
            report.locator("#heat").fill("0")
            assert heat.evaluate("image => getComputedStyle(image).opacity") == "0"
            assert elsewhere == []
            browser.close()
    finally:
        server.shutdown()
