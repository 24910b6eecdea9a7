"""The top-level statements of a file that what a function computes can depend on.

These are the statements that define the function and all names it uses, and those that may change
the value of such a name: all that mention it while the file runs, themselves or in a function that
they call or hand to others, as to ``map``. Functions, classes, modules and constants do not change
where they are mentioned, and cells that sweeps of this package are given change nothing.
"""

from __future__ import annotations

import ast
import symtable
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
# What is computed of a value by these holds no part of it that could be set.
READING = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.FormattedValue)
PLACES = (ast.Attribute, ast.Subscript)
CONSTANT = (ast.Constant, ast.Tuple, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Load)
# With these a file can set names, or parts of what they name, that are not to be seen in it.
SETTERS = {"globals", "locals", "vars", "exec", "eval", "setattr", "delattr", "__import__"}
SETTERS |= {"import_module", "__dict__", "__globals__", "sys.modules"}
PACKAGE = __name__.partition(".")[0]
STAR = "*"  # stands for the names that a star imports


def dependencies(file: ast.Module, name: str) -> str:
    r"""Return the source of the statements that a name depends on, in order; empty for no name.

    Examples
    --------
    >>> source = "K = {}; K['k'] = 2; other = 3\ndef f(cell): return K['k']"
    >>> print(dependencies(ast.parse(source), "f"))
    K = {}
    K['k'] = 2
    def f(cell):
        return K['k']
    """
    statements = [_Statement(one) for one in _flat(file.body)]
    if not any(name in one.binds for one in statements):
        return ""
    if SETTERS & set(map(_called, ast.walk(file))):
        return "\n".join(one.source for one in statements)
    reached, changing = _reached(statements, name), _changing(file, statements)
    names, needed, before = {name, STAR}, set[_Statement](), -1
    while before < len(needed):
        before = len(needed)
        for one in statements:
            if one.binds & names or reached(one) & names & changing:
                needed.add(one)
                names |= one.uses | one.binds
    return "\n".join(one.source for one in statements if one in needed)


def global_names(source: str) -> tuple[set[str], set[str]]:
    """Return all global names in some statements, and those to which these give a value.

    Examples
    --------
    >>> used, bound = global_names("import math; scaled = lambda x: K * math.sin(x)")
    >>> sorted(used - bound)
    ['K']
    """
    statements = [_Statement(one) for one in ast.parse(source).body]
    used, bound = ([getattr(one, of) for one in statements] for of in ("uses", "binds"))
    return set().union(*used), set().union(*bound)


def _called(node: ast.AST) -> str:
    """Return the name that a node is, that of an attribute of sys with it, or an empty text."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in SETTERS:
            return name
        case ast.Attribute(value=ast.Name(id="sys"), attr=name):
            return f"sys.{name}"
    return ""


class _Statement:
    """A statement at the top level: the global names in it."""

    def __init__(self, node: ast.stmt) -> None:
        self.node = node
        self.source = ast.unparse(node)
        self.running, self.nodes = list(_running(node)), list(ast.walk(node))

    @cached_property
    def binds(self) -> set[str]:
        """The names that it gives a value."""
        return {name for node in self.running for name in _bound(node)}

    @cached_property
    def mentions(self) -> set[str]:
        """The names that are met when it runs, without those in bodies of functions."""
        return {node.id for node in self.running if isinstance(node, ast.Name)}

    @cached_property
    def alters(self) -> set[str]:
        """The names in it but for those of which it only reads, such as ``K[1] + x``."""
        names = {node for node in self.nodes if isinstance(node, ast.Name)}
        for node in self.nodes:
            if isinstance(node, READING):
                names -= {_place(part) for part in ast.iter_child_nodes(node)}
        return self.uses & {node.id for node in names}

    @cached_property
    def uses(self) -> set[str]:
        """The names in it, those in bodies of functions included."""
        return _globals(symtable.symtable(self.source, "statement", "exec"))


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, and for what runs as a program alone its own ones."""
    for one in body:
        if isinstance(one, ast.If) and "__name__" in ast.unparse(one.test):
            yield from _flat(one.body + one.orelse)
        else:
            yield one


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a statement without the bodies of its functions."""
    yield node
    inner = ast.iter_child_nodes(node)
    if isinstance(node, FUNCTIONS):
        inner = iter([*node.decorator_list, node.args])
    for child in inner:
        yield from _running(child)


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.alias():
            yield (node.asname or node.name).partition(".")[0]
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name


def _globals(table: symtable.SymbolTable) -> set[str]:
    """Return the global names of a scope and of those in it."""
    inside = table.get_type() == "function"
    found = {one.get_name() for one in table.get_symbols() if not inside or one.is_global()}
    return found.union(*map(_globals, table.get_children()))


def _heads(nodes: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield what is called: before brackets, or as a decorator."""
    for node in nodes:
        if isinstance(node, ast.Call):
            yield node.func
        elif isinstance(node, DEFINITIONS):
            yield from node.decorator_list


def _place(node: ast.AST) -> ast.AST:
    """Return the part that a place begins with: ``a`` of ``a.b[c].d``."""
    while isinstance(node, (*PLACES, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node


def _root(node: ast.AST) -> str:
    """Return the name that a place begins with, or an empty text."""
    place = _place(node)
    return place.id if isinstance(place, ast.Name) else ""


def _reached(statements: list[_Statement], but: str) -> Callable[[_Statement], set[str]]:
    """Return a function that gives the names that a statement meets, also in what may be called."""
    binding, ours = defaultdict(list), set[str]()
    for one in statements:
        for name in one.binds:
            binding[name].append(one)
        ours |= one.binds if _imports_ours(one.node) else set()

    def reached(statement: _Statement) -> set[str]:
        found, seen = set(statement.mentions), {(but, True), (but, False)}
        waiting = _met(statement.running, True, ours)
        while waiting:
            name, called = pair = waiting.pop()
            for one in binding[name] if pair not in seen else []:
                if isinstance(one.node, DEFINITIONS):
                    found |= one.uses if called else one.alters
                    waiting += _met(one.nodes, called, ours)
                else:
                    waiting += _met(one.running, False, ours)
            seen.add(pair)
        return found

    return reached


def _met(nodes: list[ast.AST], called: bool, ours: set[str]) -> list[tuple[str, bool]]:
    """Return the names of what is called, if so, and of what is handed to others, who may call it.

    Functions of this package are handed cells, which change nothing.
    """
    heads = [_place(head) for head in _heads(nodes)]
    calls = (node for node in nodes if isinstance(node, ast.Call) and _root(node) in ours)
    cells = [one for call in calls for one in (*call.args, *(word.value for word in call.keywords))]
    names = {node for node in nodes if isinstance(node, ast.Name)}
    handed = [(node.id, False) for node in names.difference(heads, cells)]
    return [(_root(head), called) for head in heads] + handed


def _imports_ours(node: ast.stmt) -> bool:
    match node:
        case ast.ImportFrom(module=str(module), level=0):
            modules = [module]
        case ast.Import(names=names):
            modules = [alias.name for alias in names]
        case _:
            modules = []
    return any(one.partition(".")[0] == PACKAGE for one in modules)


def _changing(file: ast.Module, statements: list[_Statement]) -> set[str]:
    """Return the names whose value may change where they are mentioned.

    Those are all but functions, classes, modules and constants, and of these the ones that a
    function rebinds or that have a part set, those of which a method is called, and classes that
    others are derived from.
    """
    changing: set[str] = set()
    for node in ast.walk(file):
        if isinstance(node, ast.Global):
            changing.update(node.names)
        elif isinstance(node, PLACES) and not isinstance(node.ctx, ast.Load):
            changing.add(_root(node))
    running = [node for one in statements for node in one.running]
    classes = [node for node in running if isinstance(node, ast.ClassDef)]
    defined = {node.name for node in running if isinstance(node, DEFINITIONS)}
    heads = [head for head in _heads(running) if isinstance(head, ast.Attribute)]
    changing |= defined & {
        _root(one) for one in (*heads, *(base for c in classes for base in c.bases))
    }
    fixed: set[ast.AST] = set()
    for node in running:
        if isinstance(node, ast.Assign) and _is_constant(node.value):
            fixed.update(node.targets)
    for node in running:
        if not isinstance(node, (*DEFINITIONS, ast.alias)) and node not in fixed:
            changing.update(_bound(node))
    return changing


def _is_constant(value: ast.expr) -> bool:
    return all(isinstance(node, CONSTANT) for node in ast.walk(value))
