import ast
import importlib
import subprocess
import sys

import pytest

import forensics_keras.batch
import forensics_keras.metrics
import irl_keras
import malp_keras
from forensics_keras.lazy import load_when_asked
from tests.test_architecture import ROOT

PACKAGES = (forensics_keras.batch, forensics_keras.metrics, irl_keras, malp_keras)
BACKENDS = {"keras", "tensorflow", "jax", "torch"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_type_checkers_and_programs_see_the_same_members(package):
    tree = ast.parse(open(package.__file__).read())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {}
    for node in block.body:
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            is_module = node.module == package.__name__ and importlib.util.find_spec(full)
            imported[alias.name] = full if is_module else node.module
    assert package._members == imported
    assert {*imported} == {*package.__all__} - {"__version__"} <= {*dir(package)}
    for name in package.__all__:
        assert getattr(package, name) is not None


def test_a_member_is_not_hidden_by_the_module_that_is_named_so(tmp_path, monkeypatch):
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up/__init__.py").touch()
    (tmp_path / "made_up/melt.py").write_text("def melt(): return 'melted'")
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("made_up")
    load_when_asked("made_up", {"melt": "made_up.melt"})
    importlib.import_module("made_up.melt")
    assert package.melt() == "melted"
    with pytest.raises(AttributeError, match="made_up.*freeze"):
        package.freeze  # noqa: B018


@pytest.mark.parametrize(
    ("code", "command"),
    [
        (0, "-m irl_keras --help"),
        (0, "-m irl_keras predict --help"),
        (0, "-m malp_keras --version"),
        (2, "-m irl_keras predict a.jpg -o out --treshold 0.5"),
        (1, "-m irl_keras predict missing.jpg -o {} --verbose"),
        (2, "-m irl_keras predict evaluate.py -o {} --preset irl_smal --verbose"),
        (2, "-m malp_keras verify evaluate.py -o {} --key missing.key --verbose"),
        (0, "train.py irl --help"),
        (2, "train.py irl --config irl_smal --verbose"),
        (2, "train.py malp --data missing --verbose"),
        (0, "evaluate.py --help"),
    ],
)
def test_help_and_mistakes_are_answered_without_a_backend(code, command, tmp_path):
    arguments = command.format(tmp_path / "out").split()
    result = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert result.returncode == code, result.stderr
    said = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in said}
    assert "argparse" in imported and not imported & BACKENDS


def test_in_users_programs_keras_knows_all_layers_at_once():
    code = (
        "import irl_keras, malp_keras, keras; "
        "print({name.partition('>')[0] for name in keras.saving.get_custom_objects()})"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "'irl_keras'" in result.stdout and "'malp_keras'" in result.stdout
