"""Cyclomatic complexity of Python by the McCabe rules, from the syntax tree.

The complexity of a function is 1 plus the number of decisions in it:

  +1  if, elif, conditional expression
  +1  for, async for, while; +1 more for an else of the loop
  +1  each except or except*; +1 for an else of the try
  +1  each for and each if of a comprehension or generator expression
  +1  each further operand of `and` or `or`
  +1  assert
  +1  each case of a match, but not a catch-all (`case _:` or `case name:` without guard)
  +1  the guard of a case

with, finally, else of an if, lambda itself, return, break, raise, await and
yield add nothing.

Each function counts what is written in it, without the functions and classes
inside it: those have their own rows. The body of a lambda belongs to the
function around it. Decorators, defaults and annotations belong to the scope
in which the `def` stands, since that is where they run.

Trees are walked with an explicit stack, so depth of the source cannot
overflow ours.
"""

import ast

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
TRIES = (ast.Try, ast.TryStar)
BLOCKS = (ast.If, ast.With, ast.AsyncWith, ast.Match, *LOOPS, *TRIES)


class SourceError(Exception):
    """The source cannot be measured; the message says where and why."""


class Measure:
    """What is known about a function, or about a module outside its functions.

    `lines` runs from the def to the last line, without decorators. `nesting`
    is the depth of blocks in blocks. `parameters` are without self and cls.
    """

    def __init__(self, name, line, lines, parameters=0):
        self.name = name
        self.line = line
        self.lines = lines
        self.parameters = parameters
        self.complexity = 1
        self.nesting = 0
        self.classes = 0


def parse(source):
    """Returns the syntax tree of `source` (bytes), or raises SourceError."""
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise SourceError(_syntax_message(error)) from None
    except ValueError as error:  # Null bytes, before Python 3.12.
        raise SourceError(f"this is not Python source: {error}") from None
    except (RecursionError, MemoryError):
        raise SourceError("the source is nested too deeply for the Python parser") from None


def _syntax_message(error):
    """Where, what, and the line itself with a caret below the column."""
    if not error.lineno:
        return f"this is not Python source: {error.msg}"
    message = f"syntax error in line {error.lineno}, column {error.offset or 1}: {error.msg}"
    if not error.text:
        return message
    line = error.text.rstrip()
    start = max(0, (error.offset or 1) - 60)  # Keeps the place in view when the line is long.
    shown = "".join(c if c.isprintable() else " " for c in line[start:start + 100])
    return f"{message}\n  {shown}\n  {' ' * ((error.offset or 1) - 1 - start)}^"


def measure(source):
    """Returns (the module's Measure, the Measures of all functions in order of appearance)."""
    tree = parse(source)
    module = Measure("<module>", 1, source.count(b"\n") + (not source.endswith(b"\n")))
    functions = []
    stack = [(tree, "", module, 0, False)]
    while stack:
        node, prefix, owner, depth, in_class = stack.pop()
        inside = []
        if isinstance(node, FUNCTIONS):
            own = _function_measure(node, prefix, in_class)
            functions.append(own)
            inside = [(child, own.name + ".", own, 0, False) for child in node.body]
            around = _evaluated_outside(node)
        elif isinstance(node, ast.ClassDef):
            module.classes += 1
            inside = [(child, f"{prefix}{node.name}.", owner, depth, True) for child in node.body]
            around = [*node.decorator_list, *node.bases, *node.keywords]
        else:
            owner.complexity += decisions(node)
            depth = _depth_inside(node, depth)
            owner.nesting = max(owner.nesting, depth)
            inside = [(child, prefix, owner, _depth_of(child, node, depth), in_class)
                      for child in ast.iter_child_nodes(node)]
            around = []
        stack += reversed(inside + [(child, prefix, owner, depth, in_class) for child in around])
    return module, functions


def _function_measure(node, prefix, in_class):
    return Measure(prefix + node.name, node.lineno, node.end_lineno - node.lineno + 1,
                   parameter_count(node, in_class))


def _evaluated_outside(function):
    """The parts of a def that run where it stands."""
    arguments = function.args
    annotated = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    parts = [*function.decorator_list, *arguments.defaults, *arguments.kw_defaults, function.returns,
             *(argument.annotation for argument in annotated if argument)]
    return [part for part in parts if part]


def parameter_count(function, in_class):
    """All parameters, `*args` and `**kwargs` as one each, without a method's self or cls."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    bound = in_class and positional and positional[0].arg in ("self", "cls")
    return (len(positional) - bool(bound) + len(arguments.kwonlyargs)
            + bool(arguments.vararg) + bool(arguments.kwarg))


def decisions(node):
    """What a node itself adds to the complexity."""
    if isinstance(node, (ast.If, ast.IfExp, ast.Assert)):
        return 1
    if isinstance(node, LOOPS):
        return 1 + bool(node.orelse)
    if isinstance(node, TRIES):
        return len(node.handlers) + bool(node.orelse)
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.match_case):
        return (not _catches_all(node)) + bool(node.guard)
    return 0


def _catches_all(case):
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and not case.guard


def _depth_inside(node, depth):
    """The depth of blocks within `node`, which itself stands at `depth`."""
    return depth + 1 if isinstance(node, BLOCKS) else depth


def _depth_of(child, parent, depth_inside):
    """The depth at which `child` stands: an elif is no deeper than its if."""
    is_elif = (isinstance(parent, ast.If) and isinstance(child, ast.If) and parent.orelse == [child]
               and child.col_offset == parent.col_offset)
    return depth_inside - 1 if is_elif else depth_inside
