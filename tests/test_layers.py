"""The layer order of docs/architecture.md, held to every import in every module.

Imports are read from the source, so lazy ones inside functions and those for type checkers count.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "denoscope"
ORDER = [
    *["errors", "noise", "denoiser", "parametrisations", "tables"],
    *["images"],
    *["closed_form", "networks"],
    *["sampling", "metrics", "training"],
    *["checkpoints", "distillation"],
    *["auditing"],
    *["sweeps"],
    *["report"],
    *["paper"],
    *["cli"],
]
VERBS = ["demo", "audit", "compare", "train", "sample", "distill", "sweep", "report", "info"]
MODULES = {
    ".".join(("denoscope", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(ROOT.rglob("*.py"))
}


def room(module: str) -> str:
    """denoscope.images.folder -> images; the package itself -> the empty string."""
    return [*module.split("."), ""][1]


def imports_of(module: str, tree: ast.AST) -> list[tuple[str, int]]:
    """Every module (or `module.name`) that the source of `module` imports, and the line."""
    found = []
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*above, *filter(None, [origin])])
            found += [(f"{origin}.{alias.name}", node.lineno) for alias in node.names]
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("import_module")
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            found.append((str(node.args[0].value), node.lineno))
    return found


IMPORTS = {
    module: imports_of(module, ast.parse(path.read_text(encoding="utf-8")))
    for module, path in MODULES.items()
}


def home(target: str) -> str:
    """The module that `target` (a module, or a name in one) belongs to."""
    while target not in MODULES:
        target = target.rpartition(".")[0]
    return target


def inside(module: str) -> set[str]:
    """The modules of denoscope that a module imports itself."""
    return {home(name) for name, _ in IMPORTS[module] if name.split(".")[0] == "denoscope"}


def reachable(start: str) -> set[str]:
    """The modules of denoscope that importing and using `start` can load, itself included."""
    seen, todo = set(), [start]
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += inside(module) - {"denoscope"}
    return seen


def test_every_room_has_a_place_in_the_order():
    rooms = {room(module) for module in MODULES} - {"", "__main__"}
    assert rooms <= set(ORDER), f"no place in the layer order: {sorted(rooms - set(ORDER))}"


def test_order_is_the_documented_one():
    text = (ROOT.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    stated = text.partition("holds it to that:")[2].partition("\n\n")[2].partition(".\n")[0]
    assert stated.replace("`", "").replace("<", "").split() == ORDER


@pytest.mark.parametrize(
    "module", [module for module in MODULES if room(module) not in ("", "__main__")]
)
def test_imports_only_leftwards(module):
    mine = ORDER.index(room(module))
    wrong = []
    for name, line in IMPORTS[module]:
        if name.split(".")[0] != "denoscope":
            continue
        other = room(home(name))
        if not other:
            if name not in ("denoscope.__version__", "denoscope"):
                wrong.append(f"line {line}: {name} through the front door; import it from its room")
        elif ORDER.index(other) > mine:
            wrong.append(f"line {line}: {room(module)} imports {other}")
    assert not wrong, f"{MODULES[module]}: " + "; ".join(wrong)


@pytest.mark.parametrize("name", ["tables", "report"])
def test_tables_and_report_never_load_torch(name):
    start = [module for module in MODULES if room(module) == name]
    assert start, f"there is no room {name}"
    guilty = {
        module
        for origin in start
        for module in reachable(origin)
        for imported, _ in IMPORTS[module]
        if imported.split(".")[0] in ("torch", "torchvision", "accelerate", "safetensors")
    }
    assert not guilty, f"{name} reaches torch through {sorted(guilty)}"


def test_no_module_is_a_drawer_for_odds_and_ends():
    drawers = {"util", "utils", "helper", "helpers", "common", "base", "misc"}
    found = [module for module in MODULES if drawers & set(module.split("."))]
    assert not found, f"a helper lives with the concept whose name it would use: {found}"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_one_short_file(verb):
    lines = (ROOT / "cli" / f"{verb}.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 80, f"cli/{verb}.py has {len(lines)} lines; the work belongs in a room"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "def f():\n    from denoscope.report import write_report",
            "denoscope.report.write_report",
        ),
        ("from . import page", "denoscope.tables.page"),
        ("from ..report import page", "denoscope.report.page"),
        ("import importlib\nimportlib.import_module('denoscope.cli')", "denoscope.cli"),
        ("if TYPE_CHECKING:\n    import denoscope.cli.demo", "denoscope.cli.demo"),
    ],
)
def test_every_way_to_import_is_seen(source, expected):
    if "denoscope.tables" not in MODULES:
        pytest.fail("this test reads sources as if they stood in denoscope/tables/__init__.py")
    assert expected in [name for name, _ in imports_of("denoscope.tables", ast.parse(source))]
