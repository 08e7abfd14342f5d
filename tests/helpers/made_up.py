"""Made-up trees of files, which tests of sources need."""

from collections.abc import Iterable
from pathlib import Path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def make_celeba(folder: Path, count: int = 12) -> list[str]:
    """Every fourth picture is for validation and the one after it for testing."""
    names = [f"{number:06d}.jpg" for number in range(1, count + 1)]
    touch(folder / "img_align_celeba", *names)
    parts = (f"{name} {max(index % 4 - 1, 0)}" for index, name in enumerate(names))
    write_lines(folder / "list_eval_partition.txt", parts)
    return names
