"""What is trained in a folder: written down once, compared before it goes on."""

import json
import subprocess
from pathlib import Path

from forensics_keras.files import write_atomically


def read_record(path: Path) -> dict:
    """Reads what is trained in a folder, with `commit`, the code that began it.

    Raises:
        ValueError: If it is damaged.
        OSError: If it cannot be read.
    """
    return json.loads(path.read_text())


def check_same_experiment(path: Path, record: dict) -> None:
    """Refuses to resume anything but what a folder was begun with.

    Raises:
        ValueError: If the folder holds another experiment.
    """
    if not path.exists():
        return
    found = read_record(path)
    found.pop("commit", None)
    # A field that is not written there is one that came later, and was `None` then.
    if changed := _differing(_said(found), _said(record)):
        raise ValueError(
            f"{path}: another experiment is in this folder ({', '.join(changed)}: not the same); "
            "repeat its command to resume it, or choose another --out"
        )


def _differing(found: dict, record: dict) -> list[str]:
    """Names the fields that differ, those of the experiment one by one."""
    names = [key for key in record | found if found.get(key) != record.get(key)]
    if "experiment" not in names:
        return names
    inner = _differing(found.get("experiment") or {}, record["experiment"])
    return [*(f"experiment's {name}" for name in inner), *names[1:]]


def _said(value):
    """Leaves out what is `None`, at every depth."""
    if not isinstance(value, dict):
        return value
    return {name: _said(one) for name, one in value.items() if one is not None}


def write_record(path: Path, record: dict) -> None:
    """Writes down what is trained in a new folder, and the code that began it."""
    if not path.exists():
        record = {**record, "commit": git_commit()}
        write_atomically(path, json.dumps(record, indent=2).encode())


def git_commit() -> str | None:
    """Returns the code's commit, marked when files differ from it; `None` outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
