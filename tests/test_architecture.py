"""The floors of the house: imports go down only, and nobody imports a script.

`python -m tests.test_architecture` prints the table of arrows in docs/architecture.md.
"""

import ast
import importlib.util
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {
    "forensics_keras": 0,
    "irl_keras": 1,
    "malp_keras": 1,
    "datasets": 2,
    "training": 3,
    "evaluation": 4,
    "configs": 4,  # read by path; what they may import is what stands below a training
    "train": 5,
    "evaluate": 5,
    "benchmarks": 5,
}
"""A room may import rooms of lower floors and itself."""
SCRIPTS = ("train", "evaluate", "configs", "benchmarks")
TABLE_START, TABLE_END = "<!-- arrows -->", "<!-- end of arrows -->"


def module_files():
    """Path of each module by its dotted name."""
    files = {}
    for room in FLOORS:
        paths = [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").is_file() else []
        for path in paths or (ROOT / room).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            files[name.removesuffix(".__init__")] = path
    return files


def imports_of(source, modules):
    """The modules that a source imports, wherever in it, with their line numbers."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute here"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in modules else node.module), node.lineno


def upward_arrows(name, source, modules):
    """The imports of a module that do not go down, each as "importer:line -> imported"."""
    room = name.split(".")[0]
    for imported, line in imports_of(source, modules):
        other = imported.split(".")[0]
        if other in FLOORS and other != room and FLOORS[other] >= FLOORS[room]:
            yield f"{name}:{line} -> {imported}"


def arrows(files):
    """For each room the rooms that it imports."""
    found = defaultdict(set)
    for name, path in files.items():
        room = name.split(".")[0]
        for imported, _ in imports_of(path.read_text(encoding="utf-8"), files):
            other = imported.split(".")[0]
            if other in FLOORS and other != room:
                found[room].add(other)
    return found


def circles(graph):
    """Groups of modules each of which can be reached from every other one (Tarjan)."""
    index, low, stack, groups = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            place = stack.index(node)
            if len(stack) - place > 1:
                groups.append(sorted(stack[place:]))
            del stack[place:]

    for node in graph:
        if node not in index:
            visit(node)
    return groups


def arrow_table():
    """The table of docs/architecture.md: for each room its floor and what it imports."""
    files = module_files()
    found = arrows(files)
    lines = ["| room | floor | imports | arrows |", "|---|---:|---|---:|"]
    for room, floor in sorted(FLOORS.items(), key=lambda item: -item[1]):
        below = sorted(found[room], key=lambda other: (-FLOORS[other], other))
        lines.append(f"| `{room}` | {floor} | {', '.join(below) or '-'} | {len(below)} |")
    lines.append(f"| all | | | {sum(map(len, found.values()))} |")
    return "\n".join(lines)


def test_imports_go_down_only():
    files = module_files()
    upward = [
        arrow
        for name, path in files.items()
        for arrow in upward_arrows(name, path.read_text(encoding="utf-8"), files)
    ]
    assert not upward, "imports that do not go down:\n" + "\n".join(upward)


def test_modules_do_not_import_each_other_in_a_circle():
    files = module_files()
    graph = {
        name: {
            imported
            for imported, _ in imports_of(path.read_text(encoding="utf-8"), files)
            if imported in files and imported != name
        }
        for name, path in files.items()
    }
    assert circles(graph) == []


def test_no_package_imports_a_script_or_a_configuration():
    files = module_files()
    found = arrows(files)
    packages = set(FLOORS) - set(SCRIPTS)
    assert {
        room: found[room] & set(SCRIPTS) for room in packages if found[room] & set(SCRIPTS)
    } == {}


def test_two_scripts_stand_in_the_root():
    assert sorted(path.name for path in ROOT.glob("*.py")) == ["evaluate.py", "train.py"]


def test_every_folder_of_code_has_a_floor():
    ours = {path.parent.name for path in ROOT.glob("*/*.py")} - {"tests"}
    assert ours == {room for room in FLOORS if not (ROOT / f"{room}.py").is_file()}


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("irl_keras.a", "import malp_keras", ["irl_keras.a:1 -> malp_keras"]),
        ("datasets.a", "x = 1\nfrom training import loop", ["datasets.a:2 -> training.loop"]),
        ("training.a", "def f():\n    import evaluate", ["training.a:2 -> evaluate"]),
        ("evaluation.a", "from configs.x import y", ["evaluation.a:1 -> configs.x"]),
        ("evaluation.a", "from training.run import TrainingRun\nimport numpy", []),
    ],
)
def test_an_upward_import_is_found_and_named(name, source, expected):
    assert list(upward_arrows(name, source, {"training.loop": None})) == expected


def test_a_circle_is_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles(graph) == [["b", "c"]]


def test_the_table_of_arrows_in_the_documents_is_true():
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    assert arrow_table() == page.split(TABLE_START)[1].split(TABLE_END)[0].strip()


@pytest.mark.parametrize("package", ["forensics_keras", "irl_keras", "malp_keras"])
def test_packages_are_found_where_the_floors_are_read(package):
    assert Path(importlib.util.find_spec(package).origin).is_relative_to(ROOT)


if __name__ == "__main__":
    print(arrow_table())
