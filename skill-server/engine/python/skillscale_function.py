"""Loads the function of a skill and calls it. Used by every kind of runner.

A call is a dict: `dialect` (open_skills, skillet, skillos), `folder` (of the skill),
`file` or `module`, `function` (empty: the one that is marked with @skill), `inputs`
(a list of {name, default?}), `input` (checked already; missing: none given) and
`text` (what stands in for a missing input of a SkillOS skill).
"""

import importlib
import importlib.machinery
import importlib.util
import json
import math
import os
import sys
import types

import skillscale

_VARKEYWORDS = 0x08  # CO_VARKEYWORDS of the inspect module.


class SkillError(Exception):
    """Something about the skill itself is wrong; its text says what."""


# --- Loading ---------------------------------------------------------------------


class _SkillosImporter:
    """Stands in for the package `skillos` where it is not installed.

    Skills of that dialect import their decorator from it, and need nothing else.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "skillos" and not name.startswith("skillos."):
            return None
        return importlib.machinery.ModuleSpec(name, _SkillosImporter, is_package=True)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        module.skill = skillscale.skill
        module.Context = types.SimpleNamespace


def load_function(call):
    """The function that `call` names, from the skill's folder."""
    sys.dont_write_bytecode = True  # The skill's folder belongs to others.
    folder = call["folder"]
    paths = [folder]
    if call.get("file"):
        paths.insert(0, os.path.dirname(call["file"]))
    sys.path[:0] = [path for path in paths if path not in sys.path]
    if call["dialect"] == "skillos" and _SkillosImporter not in sys.meta_path:
        sys.meta_path.append(_SkillosImporter)
    module = _load_file(call["file"]) if call.get("file") else importlib.import_module(call["module"])
    name = call.get("function")
    if not name:
        return _marked_function(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise SkillError(f"there is no function {name!r} in {module.__file__}")
    return function


def _load_file(path):
    name = os.path.splitext(os.path.basename(path))[0]
    if not name.isidentifier() or name in sys.modules:
        name = "skill_" + "".join(c if c.isalnum() else "_" for c in name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise SkillError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Classes that are pickled need to be found again.
    spec.loader.exec_module(module)
    return module


def _marked_function(module):
    marked = [value for value in vars(module).values() if callable(value) and hasattr(value, "_skill_metadata")]
    own = [value for value in marked if getattr(value, "__module__", None) == module.__name__] or marked
    if len(own) != 1:
        raise SkillError(f"{module.__file__} has {len(own)} functions marked with @skill; one is needed")
    return own[0]


# --- Calling ---------------------------------------------------------------------


def call_function(function, call):
    """Calls it as its dialect says. The result as a dict: outputs, artifacts, content."""
    arguments, keywords = _arguments(function, call)
    value = function(*arguments, **keywords)
    if hasattr(type(value), "__await__"):
        import asyncio

        async def wait():
            return await value

        value = asyncio.run(wait())
    return _result(value, call["dialect"])


def _parameters(function):
    """The names of its parameters (None: nobody knows), and whether it takes keywords of any name."""
    if type(function) is types.FunctionType and not {"__wrapped__", "__signature__"} & vars(function).keys():
        code = function.__code__
        return list(code.co_varnames[:code.co_argcount + code.co_kwonlyargcount]), bool(code.co_flags & _VARKEYWORDS)
    import inspect  # It costs more than most runs, and few need it.

    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # Written in C.
        return None, False
    any_keyword = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)], any_keyword


def _arguments(function, call):
    parameters, any_keyword = _parameters(function)
    if parameters == [] and not any_keyword:
        return [], {}
    if call["dialect"] == "skillos":
        payload = call.get("input", call.get("text", ""))
        named = parameters is not None and "payload" in parameters
        return ([], {"payload": payload}) if named else ([payload], {})
    value = call.get("input", {})
    if not isinstance(value, dict):
        return [value], {}
    value = dict(value)
    fields = call.get("inputs", [])
    for field in fields:
        if "default" in field:
            value.setdefault(field["name"], field["default"])
    if call["dialect"] == "skillet" and _takes_fields(parameters, any_keyword, fields):
        return [], {name: item for name, item in value.items() if any_keyword or name in parameters}
    if call["dialect"] == "skillet":
        for field in fields:
            value.setdefault(field["name"], None)
    return [value], {}


def _takes_fields(parameters, any_keyword, fields):
    """True for `def run(url, as_markdown=False)`, false for `def run(params)`."""
    if parameters is None:
        return False
    names = {field["name"] for field in fields}
    return any_keyword or len(parameters) != 1 or parameters[0] in names


# --- The result --------------------------------------------------------------------


def _result(value, dialect):
    result = {}
    if dialect == "open_skills" and isinstance(value, dict) and isinstance(value.get("outputs"), dict):
        artifacts = value.get("artifacts") or []
        if not isinstance(artifacts, (list, tuple)):
            raise SkillError("the function's `artifacts` is not a list of paths")
        result["artifacts"] = [os.fspath(path) for path in artifacts if isinstance(path, (str, os.PathLike))]
        value = value["outputs"]
    if isinstance(value, str):
        result["content"] = value
    value = _plain(value)
    if value is not None:
        result["outputs"] = value if isinstance(value, dict) else {"result": value}
    return result


def _plain(value):
    """The value as JSON has it."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if hasattr(type(value), "__dataclass_fields__"):
        import dataclasses

        return _plain(dataclasses.asdict(value))
    for method in ("model_dump", "tolist", "isoformat", "__fspath__"):  # pydantic, numpy, dates, paths.
        if callable(getattr(value, method, None)):
            return _plain(getattr(value, method)())
    raise SkillError(f"the function returned a {type(value).__name__}, which is not JSON")


def encode_result(result):
    return json.dumps(result, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
