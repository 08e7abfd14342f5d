"""A page on this machine: pictures are dropped in, and the report of a job comes out.

It is served to this machine alone and loads nothing from elsewhere. Pictures and results lie in a
temporary folder, which is removed at the end.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics_keras import __version__
from forensics_keras.batch import BatchJob, run
from forensics_keras.reports.page import environment, render_page

if TYPE_CHECKING:
    import flask

HOST = "127.0.0.1"
MAX_UPLOAD_BYTES = 256 * 2**20
"""Largest picture that the page takes, in bytes."""

JobOf = Callable[[str, float | None], BatchJob]


def create_app(
    title: str, job_of: JobOf, presets: Sequence[str], folder: Path, has_threshold: bool = True
) -> flask.Flask:
    """Makes the page of a job.

    Args:
        title: What it does.
        job_of: Makes the job, given the name of a preset and a threshold or `None`.
        presets: Names to choose from, the default first.
        folder: Where pictures and results are put.
        has_threshold: Whether the threshold can be chosen.

    Raises:
        ValueError: Flask is not installed.
    """
    try:
        from flask import Flask, abort, request
    except ImportError:
        raise ValueError("the local page needs one package more: pip install flask") from None
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_UPLOAD_BYTES
    sessions: set[str] = set()

    def chosen() -> tuple[str, BatchJob]:
        preset, text = request.args.get("preset", presets[0]), request.args.get("threshold", "")
        try:
            threshold = float(text) if text else None
        except ValueError:
            abort(400, f"{text}: is no number")
        if preset not in presets or (threshold is not None and not 0 < threshold <= 1):
            abort(400, "no such preset, or the threshold is not above 0 and at most 1")
        return preset, job_of(preset, threshold)

    def folders(session: str, preset: str) -> tuple[Path, Path]:
        if session not in sessions:
            abort(404, "the page is of an earlier start of the program; load it again")
        return folder / session / "pictures", folder / session / "out" / preset

    @app.before_request
    def refuse_other_sites() -> None:
        # A page of another site must neither reach this one by a name of its own nor post to it.
        own = {f"{name}:{request.server[1]}" for name in (HOST, "localhost")}  # type: ignore[index]
        origin = request.headers.get("Origin", "")
        if request.host not in own or (origin and origin.removeprefix("http://") not in own):
            abort(403)

    @app.get("/")
    def start() -> str:
        session = secrets.token_hex(16)
        sessions.add(session)
        return (
            environment()
            .get_template("app.html")
            .render(
                title=title,
                version=__version__,
                session=session,
                presets=presets,
                has_threshold=has_threshold,
            )
        )

    @app.post("/pictures/<session>")
    def add_picture(session: str) -> dict[str, Any]:
        preset, job = chosen()
        pictures, out = folders(session, preset)
        name = Path(request.args.get("name", "picture").replace("\\", "/")).name.lstrip(".")
        pictures.mkdir(parents=True, exist_ok=True)
        file = pictures / (name[:200] or "picture")
        if file.exists():
            file = file.with_name(f"{secrets.token_hex(4)}-{file.name}")
        file.write_bytes(request.get_data())
        (line,) = run(job, [str(file)], out).lines
        if "error" in line:
            file.unlink()
            return {"error": line["error"].replace(str(file), name)}
        return {"finding": job.finding(line)}

    @app.get("/report/<session>")
    def report(session: str) -> flask.Response:
        preset, job = chosen()
        pictures, out = folders(session, preset)
        if not pictures.is_dir() or not any(pictures.iterdir()):
            abort(404, "there are no pictures yet")
        page = render_page(job, run(job, [str(pictures)], out), out)
        response = app.make_response(page)
        if "download" in request.args:
            response.headers["Content-Disposition"] = "attachment; filename=report.html"
        return response

    return app


def serve(title: str, job_of: JobOf, presets: Sequence[str], port: int, **options: bool) -> None:
    """Serves the page of a job to this machine until Ctrl-C.

    Args:
        title: As for `create_app`, and so are the others.
        job_of: Makes the job.
        presets: Names to choose from.
        port: Port of the address.
        **options: Further arguments of `create_app`.

    Raises:
        ValueError: Flask is not installed.
        OSError: The port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="irl-malp-keras-") as folder:
        app = create_app(title, job_of, presets, Path(folder), **options)
        from werkzeug.serving import make_server  # installed with Flask

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = make_server(HOST, port, app)  # one request after the other: the queue
        print(
            f"{title}: open http://{HOST}:{server.server_port}/ in a browser; Ctrl-C ends it",
            flush=True,
        )
        server.serve_forever()
