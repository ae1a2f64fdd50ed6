"""What the product can put on record, read from its code: the actions and the names in details of every call.

An expression is followed to where its texts are written down: constants, both sides of a choice, what a variable was
given, what callers pass on, what a function returns. What cannot be followed raises `Unfollowed`, unless `told` says
what it can be.
"""

import ast
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("accounts", "projects", "clusters", "registry", "portal")
RECORDERS = frozenset({"record", "record_read"})
# Records in the other party's log what the account in scope has done with a link.
TELLER = "accounts/actions/links.py"
# The functions themselves, and the door that hands its arguments on to them.
OWN = frozenset({"accounts/audit/record.py", "accounts/audit/batch.py", TELLER})
Function = ast.FunctionDef | ast.AsyncFunctionDef
# What an expression can be, by the module's path and the expression's text.
Told = Mapping[tuple[str, str], frozenset[str]]
_DEEPEST = 12
_DOORS = "self.record_read"
# Which argument is the action, where it is not the first.
_FIRST = {_DOORS: 2, "tell": 1}


class Unfollowed(Exception):
    """Nobody can say what this expression is."""


@dataclass(frozen=True)
class Place:
    """An expression, the module that it stands in, and the innermost function around it."""

    path: str
    node: ast.expr
    within: Function | None = None

    @property
    def key(self) -> tuple[str, str]:
        """How it is told what this can be."""
        return self.path, ast.unparse(self.node)

    def at(self, node: ast.expr) -> "Place":
        """Another expression of the same function."""
        return Place(self.path, node, self.within)


@dataclass(frozen=True)
class Recording:
    """A call that writes a record."""

    line: int
    action: Place
    detail: Place | None


@cache
def _modules() -> dict[str, ast.Module]:
    found = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in found}


def _within(
    path: str, node: ast.AST, around: Function | None = None
) -> Iterator[tuple[str, ast.Call, Function | None]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield path, child, around
        yield from _within(path, child, child if isinstance(child, Function) else around)


@cache
def _calls() -> list[tuple[str, ast.Call, Function | None]]:
    return [call for path, module in _modules().items() for call in _within(path, module)]


def _last(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _writes(node: ast.expr) -> bool:
    owner = _last(node.value) if isinstance(node, ast.Attribute) else "audit"
    return _last(node) in RECORDERS and owner in {"audit", "self"}


def _imports(path: str, module: str) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.module == module for node in ast.walk(_modules()[path])
    )


def recordings() -> list[Recording]:
    """Every call that writes a record, also where the function is handed on together with its arguments."""
    found = []
    for path, call, within in _calls():
        if path in OWN:
            continue
        handed = [place for place, arg in enumerate(call.args) if _writes(arg)]
        called = ast.unparse(call.func)
        if called == "tell" and not _imports(path, "accounts.actions.links"):
            continue
        first = handed[0] + 1 if handed else _FIRST.get(called, 0 if _writes(call.func) else None)
        if first is None:
            continue
        given = {each.arg: each.value for each in call.keywords}
        detail = given.get("detail") or (call.args[4] if called == _DOORS else None)
        place = Place(path, call.args[first], within)
        found.append(Recording(call.lineno, place, place.at(detail) if detail is not None else None))
    return found


def constants(function: str) -> dict[str, str]:
    """The texts that are written out as the first argument of a function, and where."""
    return {
        call.args[0].value: f"{path}:{call.lineno}"
        for path, call, _within in _calls()
        if _last(call.func) == function and call.args and isinstance(call.args[0], ast.Constant)
    }


def _attribute_of(path: str, dotted: str) -> object:
    """What a dotted name is in an imported module; raises `Unfollowed`."""
    value: object = importlib.import_module(
        path.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
    )
    for part in dotted.split("."):
        if not hasattr(value, part):
            raise Unfollowed(f"{path}: {dotted}")
        value = getattr(value, part)
    return value


def _given(name: str, within: Function) -> list[ast.expr]:
    """What a variable of a function is given, in the function itself."""
    found: list[ast.expr] = []
    for node in ast.walk(within):
        if isinstance(node, ast.Assign) and any(
            _last(each) == name for each in node.targets if isinstance(each, ast.Name)
        ):
            found.append(node.value)
        elif (
            isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr)
            and ast.unparse(node.target) == name
        ):
            found += [node.value] if node.value is not None else []
    return found


def _passed(place: Place) -> list[Place]:
    """What the callers of this function pass for a parameter of it."""
    within, name = place.within, ast.unparse(place.node)
    assert within is not None
    parameters = [each.arg for each in within.args.posonlyargs + within.args.args]
    if name not in parameters + [each.arg for each in within.args.kwonlyargs]:
        return []
    found = []
    for path, call, around in _calls():
        # A private function has its callers beside it.
        if _last(call.func) != within.name or (within.name.startswith("_") and path != place.path):
            continue
        by_name = [each.value for each in call.keywords if each.arg == name]
        skipped = 1 if parameters[:1] == ["self"] else 0
        position = parameters.index(name) - skipped if name in parameters else len(call.args)
        node = by_name[0] if by_name else call.args[position] if position < len(call.args) else None
        if node is not None:
            found.append(Place(path, node, around))
    return found


def _sources(place: Place) -> list[Place]:
    """Where a variable's values come from; raises `Unfollowed` where that cannot be seen."""
    name = ast.unparse(place.node)
    if place.within is not None:
        found = [place.at(each) for each in _given(name, place.within)] + _passed(place)
        if found:
            return found
    raise Unfollowed(f"{place.path}: {name}")


def texts(place: Place, told: Told, depth: int = _DEEPEST) -> frozenset[str]:
    """Return what an expression that is a text can be."""
    node = place.node
    if place.key in told:
        return told[place.key]
    if not depth:
        raise Unfollowed(f"{place.path}: {ast.unparse(node)}")
    match node:
        case ast.Constant(value=str(text)):
            return frozenset({text})
        case ast.IfExp():
            return texts(place.at(node.body), told, depth) | texts(place.at(node.orelse), told, depth)
        case ast.Name() | ast.Attribute():
            try:
                value = _attribute_of(place.path, ast.unparse(node))
            except Unfollowed:
                found = _sources(place)
                return frozenset().union(*(texts(each, told, depth - 1) for each in found))
            if isinstance(value, str):
                return frozenset({str(value)})
    raise Unfollowed(f"{place.path}: {ast.unparse(node)}")


def _returned(place: Place, told: Told, depth: int) -> list[Place]:
    """What a called function of the product returns; raises `Unfollowed`."""
    assert isinstance(place.node, ast.Call)
    name = _last(place.node.func)
    own = [(path, node) for path, node in _functions(name) if path == place.path]
    found = own or ([] if name.startswith("_") else _functions(name))
    returns = [
        Place(path, node.value, function)
        for path, function in found
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and node.value is not None
    ]
    if not returns:
        raise Unfollowed(f"{place.path}: {ast.unparse(place.node)}")
    return returns


@cache
def _functions(name: str) -> list[tuple[str, Function]]:
    return [
        (path, node)
        for path, module in _modules().items()
        for node in ast.walk(module)
        if isinstance(node, Function) and node.name == name
    ]


def _put(name: str, within: Function) -> list[ast.expr]:
    """The keys that a function puts into a dictionary of this name."""
    return [
        target.slice
        for node in ast.walk(within)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Subscript) and ast.unparse(target.value) == name
    ]


def names(place: Place, told: Told, depth: int = _DEEPEST) -> frozenset[str]:
    """Return the names in a dictionary, those of dictionaries in it too."""
    node = place.node
    if place.key in told:
        return told[place.key]
    if not depth:
        raise Unfollowed(f"{place.path}: {ast.unparse(node)}")
    more = partial(_union, told=told, depth=depth - 1)
    match node:
        case ast.Constant(value=None):
            return frozenset()
        case ast.Dict():
            return _of_literal(place, node, told, depth)
        case ast.IfExp():
            return more([place.at(node.body), place.at(node.orelse)])
        case ast.BoolOp():
            return more([place.at(each) for each in node.values])
        case ast.BinOp(op=ast.BitOr()):
            return more([place.at(node.left), place.at(node.right)])
        case ast.Name():
            put = _put(node.id, place.within) if place.within is not None else []
            keys = frozenset().union(*(texts(place.at(each), told) for each in put))
            return keys | more(_sources(place))
        case ast.Call(func=ast.Name(id="dict")) if not node.args:
            return frozenset(each.arg for each in node.keywords if each.arg)
        case ast.Call():
            return more(_returned(place, told, depth))
    raise Unfollowed(f"{place.path}: {ast.unparse(node)}")


def _union(places: list[Place], *, told: Told, depth: int) -> frozenset[str]:
    return frozenset().union(*(names(each, told, depth) for each in places))


def _of_literal(place: Place, node: ast.Dict, told: Told, depth: int) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for key, value in zip(node.keys, node.values, strict=True):
        inner = place.at(value)
        if key is None:
            found |= names(inner, told, depth - 1)
            continue
        found |= texts(place.at(key), told)
        if isinstance(value, ast.Dict | ast.DictComp):
            found |= names(inner, told, depth - 1)
    return found
