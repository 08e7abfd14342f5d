"""The libraries stay free of backends: they never name TensorFlow, and they work on JAX."""

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("irl_keras", "malp_keras")

# JAX compiles the whole network anew for each picture size, and longer for a training step.
TOO_SLOW_ON_JAX = (
    "variants_map",
    "any_size",
    "keras_file",
    "step_changes",
    "half_precision_trains",
    "memory",
)

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)


def run_on_jax(*arguments):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    # Compiling takes nearly all of the time, and the code runs once.
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)


def imported_packages(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("library", LIBRARIES)
def test_sources_import_neither_backends_nor_data_sets(library):
    paths = sorted((ROOT / library).rglob("*.py"))
    assert paths
    for path in paths:
        found = set(imported_packages(path.read_text(encoding="utf-8")))
        assert not found & {"tensorflow", "jax", "torch", "datasets"}, path


@needs_jax
def test_importing_on_jax_does_not_import_tensorflow():
    program = "import sys, irl_keras; print(sorted({'tensorflow', 'datasets'} & set(sys.modules)))"
    result = run_on_jax("-c", program)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"


@needs_jax
@pytest.mark.slow
def test_layers_network_and_losses_on_jax():
    files = [
        f"tests/test_{name}.py" for name in ("layers", "traces", "irl_net", "losses", "malp_losses")
    ]
    chosen = " and ".join(f"not {name}" for name in TOO_SLOW_ON_JAX)
    result = run_on_jax("-m", "pytest", "-p", "no:cacheprovider", *files, "-k", chosen)
    assert result.returncode == 0, result.stdout[-8000:]
