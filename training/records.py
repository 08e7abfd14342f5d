"""What is trained: read from a config file, written down once, compared before it goes on."""

import dataclasses
import json
import runpy
import subprocess
from pathlib import Path

from forensics_keras.files import write_atomically


def read_config(path, kinds):
    """The `experiment` that a config file defines, an instance of one of the classes `kinds`."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such config file; see configs/")
    experiment = runpy.run_path(str(path)).get("experiment")
    if not isinstance(experiment, kinds):
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        names = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"{path}: does not define `experiment`, an {names}")
    return experiment


def with_changes(experiment, args):
    """An experiment with the numbers that the command line gives instead of its own."""
    names = ("batch_size", "epochs", "steps_per_epoch")
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return dataclasses.replace(experiment, **changes)


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


def is_trained(out, record):
    """Whether a folder's training is finished; refuses a folder with another experiment."""
    check_same_experiment(out / "experiment.json", record)
    return (out / "last.keras").is_file()


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
