"""What was trained in a folder: written down once, and compared before a training goes on."""

import json
import subprocess

from irl_keras.files import write_atomically


def read_record(path):
    """What is trained in a folder, with `commit`, the code that began it."""
    return json.loads(path.read_text())


def check_same_experiment(path, record):
    """Refuses to resume anything but what the folder was begun with."""
    if not path.exists():
        return
    found = read_record(path)
    found.pop("commit", None)
    if found != record:
        changed = ", ".join(key for key in record if found.get(key) != record[key])
        raise ValueError(
            f"{path}: another experiment is in this folder ({changed} differ); "
            "repeat its command to resume it, or choose another --out"
        )


def write_record(path, record):
    """Writes down what is trained in a new folder, and the code that began it."""
    if not path.exists():
        record = {**record, "commit": git_commit()}
        write_atomically(path, json.dumps(record, indent=2).encode())


def git_commit():
    """The commit of the code, marked when files differ from it; `None` outside a repository."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
