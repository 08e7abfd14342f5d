"""The libraries stay free of backends: they never name TensorFlow, and they work on JAX."""

import ast
from pathlib import Path

import pytest

from tests.helpers.jax import needs_jax, run_on_jax

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("forensics_keras", "irl_keras", "malp_keras")


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
def test_what_is_marked_so_passes_on_jax():
    """JAX compiles anew for each picture size, so that whole networks are not marked."""
    result = run_on_jax("-m", "pytest", "-p", "no:cacheprovider", "-m", "jax", "tests")
    assert result.returncode == 0, result.stdout[-8000:]
