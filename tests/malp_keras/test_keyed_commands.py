"""`keygen`, and `protect` and `verify` with a key, on files."""

import stat

import numpy as np
import pytest
from PIL import Image

from forensics_keras import images
from malp_keras import key_files
from malp_keras.__main__ import main
from tests.helpers.keyed_pictures import photograph
from tests.helpers.picture_jobs import files_in, read_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keyed")
    (folder / "in/a").mkdir(parents=True)
    Image.fromarray(photograph(side=256)).save(folder / "in/a/b.png")
    assert main(["keygen", str(folder / "my.key"), "--publisher", "The Daily"]) == 0
    arguments = ["protect", str(folder / "in"), "-o", str(folder / "out")]
    assert main([*arguments, "--key", str(folder / "my.key"), "--jpeg", "95"]) == 0
    return folder


def verify(folder, out, *options):
    key = "--key", str(folder / "my.key")
    return main(["verify", str(folder / "shown"), "-o", str(folder / out), *key, *options])


def test_keygen_makes_a_private_file_and_replaces_none(folder, capsys):
    path = folder / "my.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.stat().st_size < 400
    key = key_files.read_key_file(path)
    assert len(key.secret) == 32 and key.publisher == "The Daily"
    assert main(["keygen", str(path)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["keygen", str(folder / "other.key")]) == 0
    assert key_files.read_key_file(folder / "other.key").secret != key.secret


def test_damaged_key_files_are_refused(folder, tmp_path):
    content = (folder / "my.key").read_bytes()
    for place in range(0, len(content), 17):
        damaged = bytearray(content)
        damaged[place] ^= 4
        (tmp_path / "bad.key").write_bytes(damaged)
        with pytest.raises(ValueError, match="bad.key: is (not a key|damaged)"):
            key_files.read_key_file(tmp_path / "bad.key")


def test_protect_writes_copy_record_and_report(folder):
    assert files_in(folder / "out") == ["a/b.jpg", "records/a/b.json", "report.jsonl"]
    (line,) = read_report(folder / "out").values()
    assert line["psnr"] > 37 and line["jpeg"] == 95 and len(line["picture_identity"]) == 12


def test_verify_tells_verdict_reasons_and_geometry(folder, capsys):
    copy = images.read_image(folder / "out/a/b.jpg")
    (folder / "shown").mkdir(exist_ok=True)
    changed = copy.copy()
    changed[100:170, 60:150] = changed[20:90, 150:240]
    pictures = {"copy": copy[:, ::-1], "changed": changed, "other": photograph(side=256)}
    for name, picture in pictures.items():
        Image.fromarray(np.ascontiguousarray(picture)).save(folder / f"shown/{name}.png")
    for out, options in (("plain", []), ("known", ["--records", str(folder / "out/records")])):
        assert verify(folder, out, *options) == 0
        said = capsys.readouterr().out
        assert "copy.png: authentic (mirrored): the template is there" in said
        assert "changed.png: manipulated" in said and "; look at " in said
        assert "other.png: unprotected: no template" in said
        lines = {line["path"].split("/")[-1]: line for line in read_report(folder / out).values()}
        assert lines["changed.png"]["regions"] and lines["copy.png"]["geometry"] == "mirrored"
        assert (lines["copy.png"]["record"] is None) == (not options)
        # What was not protected shows as it is.
        shown = images.read_image(folder / out / "overlay/other.jpg").astype(int)
        assert np.abs(shown - pictures["other"]).mean() < 4
        assert not images.read_image(folder / out / "map/other.png").any()


def test_options_of_keys_need_a_key(folder, capsys):
    paths = str(folder / "in"), "-o", str(folder / "none")
    assert main(["protect", *paths, "--strength", "2"]) == 2
    assert main(["verify", *paths, "--records", str(folder)]) == 2
    assert capsys.readouterr().err.count("needs a key made by keygen") == 2
    key = "--key", str(folder / "my.key")
    assert main(["verify", *paths, *key, "--records", str(folder / "nowhere")]) == 2
    assert "is no folder with records" in capsys.readouterr().err
