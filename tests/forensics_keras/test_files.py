"""Files that are whole or not there, whatever lies in their folder and whoever else writes."""

import errno
import multiprocessing
import os
import stat

import pytest

from forensics_keras import files
from forensics_keras.files import locked, pair_folder_of, replacing, write_atomically


@pytest.fixture(autouse=True)
def as_a_new_process():
    files._remove_unfinished.cache_clear()


@pytest.mark.parametrize(
    "name",
    ["n" * 255, "n" * 251 + ".png", "." + "s" * 254, "\u00e9" * 127, b"\xff\xfe.png", "a\nb", "-x"],
)
def test_any_legal_name_can_be_written(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    for content in (b"one", b"two"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == [os.fsdecode(name)]


def test_planted_links_and_files_are_neither_followed_nor_taken(tmp_path, monkeypatch):
    tokens = iter(["a" * 32, "b" * 32])
    monkeypatch.setattr(files.secrets, "token_hex", lambda _: next(tokens))
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / f".unfinished-{'a' * 32}.png").symlink_to(mine)
    write_atomically(tmp_path / "x.png", b"new")
    assert mine.read_text() == "mine" and (tmp_path / "x.png").read_bytes() == b"new"


def test_two_files_of_one_stem_never_share_a_temporary_one(tmp_path):
    with replacing(tmp_path / "x.png") as first, replacing(tmp_path / "x.jpg") as second:
        first.write_text("png"), second.write_text("jpg")
    assert (tmp_path / "x.png").read_text() == "png"
    assert (tmp_path / "x.jpg").read_text() == "jpg"


def test_links_are_replaced_and_what_they_name_stays(tmp_path):
    (tmp_path / "target").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "target").read_text() == "mine"
    assert not (tmp_path / "link").is_symlink()


def test_private_files_are_never_open_to_others(tmp_path):
    (tmp_path / "key").write_text("old")
    with replacing(tmp_path / "key", private=True) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_what_exists_stays_unless_it_may_be_replaced(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.EPERM, "no hard links here")

    for _ in range(2):
        (tmp_path / "a").write_text("mine")
        with pytest.raises(FileExistsError, match="a: "):
            write_atomically(tmp_path / "a", b"new", exists_ok=False)
        assert (tmp_path / "a").read_text() == "mine"
        write_atomically(tmp_path / "b", b"new", exists_ok=False)
        assert (tmp_path / "b").read_bytes() == b"new" and len(os.listdir(tmp_path)) == 2
        (tmp_path / "b").unlink()
        monkeypatch.setattr(os, "link", refused)


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    names = [f".unfinished-{'0' * 32}.png", f".unfinished-{'1' * 32}"]
    for name in names:
        (tmp_path / name).write_text("half")
    kept = [".unfinished-1.png", f".unfinished-{'0' * 32}.{'a' * 16}", ".x.partial.png"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    (tmp_path / f".unfinished-{'2' * 32}").symlink_to(tmp_path / kept[0])
    os.mkfifo(tmp_path / f".unfinished-{'3' * 32}")
    with replacing(tmp_path / "held.png") as held:
        held.write_text("whole")
        files._remove_unfinished.cache_clear()
        write_atomically(tmp_path / "a.png", b"new")
    assert (tmp_path / "held.png").read_text() == "whole"
    assert not any(os.path.lexists(tmp_path / name) for name in names)
    assert os.path.lexists(tmp_path / f".unfinished-{'2' * 32}")
    assert os.path.lexists(tmp_path / f".unfinished-{'3' * 32}")
    assert all((tmp_path / name).read_text() == "mine" for name in kept)


def test_failures_leave_nothing_and_name_the_file(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"a\.png: cannot be written \(No space left on device\)"):
        write_atomically(tmp_path / "a.png", b"new")
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a.png"):
        (tmp_path / "other").read_bytes()
    assert caught.value.filename == str(tmp_path / "other")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"file/a\.png: cannot be written"):
        write_atomically(tmp_path / "file" / "a.png", b"new")


def test_folders_that_cannot_be_written_are_named_by_the_file(tmp_path, monkeypatch):
    real = os.open

    def read_only(path, flags, *more, **options):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, "Read-only file system", path)
        return real(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(OSError, match=r"a\.png: cannot be written \(Read-only file system\)"):
        write_atomically(tmp_path / "a.png", b"new")


def _hold(folder, connection):
    with locked(folder):
        connection.send("locked")
        connection.recv()


def test_a_folder_is_locked_until_its_process_ends(tmp_path):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_hold, args=(tmp_path / "out", theirs)
    )
    process.start()
    assert ours.recv() == "locked"
    with pytest.raises(OSError, match="another process writes here"), locked(tmp_path / "out"):
        pass
    process.kill()
    process.join()
    with locked(tmp_path / "out"):
        assert os.listdir(tmp_path / "out") == []


def test_the_pair_folder_of_a_picture_is_found(tmp_path):
    for folder in ("p/Tp/a", "p/Gt", "q/image"):
        (tmp_path / folder).mkdir(parents=True)
    assert pair_folder_of(tmp_path / "p/Tp/a/1.png") == tmp_path / "p"
    assert pair_folder_of(tmp_path / "p/Gt/1.png") == tmp_path / "p"
    assert pair_folder_of(tmp_path / "p/other/1.png") is None
    assert pair_folder_of(tmp_path / "q/image/1.png") is None
