"""Home Assistant's own validation of discovery messages, run from its source.

Home Assistant needs a newer Python and 50 packages. Its wheel is downloaded without them, and only those of its modules
with schemas are run: in them, classes other than enumerations and coroutines are left out, voluptuous stands for
probatio, which has the same interface, and whatever else they import is a stand-in that does nothing.
"""

from __future__ import annotations

import ast
import builtins
import enum
import re
import subprocess
import sys
import types
import typing
import zipfile
from pathlib import Path
from typing import Any

import jinja2
import pytest
import voluptuous

VERSION = "2026.11.0"
PYTHON = "3.14.2"  # the version that Home Assistant needs
CACHE = Path(__file__).parents[2] / "build" / "home-assistant"
MQTT = "homeassistant.components.mqtt"
MODULES = (
    "homeassistant.const",
    "homeassistant.generated.entity_platforms",
    *(f"homeassistant.components.{name}.const" for name in ("binary_sensor", "event", "sensor")),
    *(
        f"{MQTT}.{name}"
        for name in ("abbreviations", "binary_sensor", "config", "const", "discovery", "event")
    ),
    *(f"{MQTT}.{name}" for name in ("schemas", "sensor", "util")),
)
VALIDATORS = "homeassistant.helpers.config_validation"
VALIDATOR_NAMES = "boolean|configuration_url|icon|string|url|UrlProtocolSchema"
VALIDATOR_CONSTANTS = "(?:EXTERNAL|CONFIGURATION)_URL_PROTOCOL_SCHEMA_LIST|_URL_CONTROL_CHARS|_URL_WHITESPACE"


def home_assistant_files() -> Path:
    """Return a folder with Home Assistant's wheel, which is downloaded once."""
    wheel = CACHE / f"homeassistant-{VERSION}-py3-none-any.whl"
    if not wheel.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        command += ["--python-version", PYTHON, "--dest", str(CACHE), f"homeassistant=={VERSION}"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"needs the wheel homeassistant=={VERSION} from a package index")
    return wheel


class StandIn:
    """Anything that does not matter for a schema; as a decorator it changes nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn()

    def __call__(self, *values: Any, **_: Any) -> Any:
        return values[0] if len(values) == 1 and callable(values[0]) else StandIn()

    def __getitem__(self, _: object) -> StandIn:
        return StandIn()

    def __or__(self, _: object) -> StandIn:
        return StandIn()

    __ror__ = __or__

    def __iter__(self) -> Any:
        return iter(())


class HomeAssistant:
    """The modules of Home Assistant that hold schemas."""

    def __init__(self) -> None:
        with zipfile.ZipFile(home_assistant_files()) as wheel:
            self._sources = {
                name: wheel.read(f"{name.replace('.', '/')}.py").decode() for name in (*MODULES, VALIDATORS)
            }
        self._modules: dict[str, types.ModuleType] = {}

    def module(self, name: str) -> Any:
        """Return a module, or a stand-in."""
        if name not in self._modules:
            self._modules[name] = module = types.ModuleType(name)
            module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
            module.__dict__["__package__"] = name.rpartition(".")[0]
            source = self._sources[name]
            tree = _validators(source) if name == VALIDATORS else _without_machinery(ast.parse(source))
            exec(compile(tree, name, "exec"), module.__dict__)
            if name == VALIDATORS:
                module.__dict__.update(template=_template, removed=lambda *_, **__: lambda value: value)
                module.__dict__["positive_int"] = voluptuous.All(
                    voluptuous.Coerce(int), voluptuous.Range(min=0)
                )
        return self._modules[name]

    def _import(
        self, name: str, where: Any = None, _locals: Any = None, names: Any = (), level: int = 0
    ) -> Any:
        if level:
            package = where["__package__"].rsplit(".", level - 1)[0]
            name = f"{package}.{name}".rstrip(".")
        first = name.partition(".")[0]
        if first == "probatio":
            return _probatio()
        if name == "typing":
            return types.SimpleNamespace(**vars(typing), override=lambda function: function)
        if first != "homeassistant":
            try:
                return builtins.__import__(name, where, _locals, names, 0)
            except ImportError:  # a package that is needed only elsewhere
                return StandIn()
        return types.SimpleNamespace(**{item: self._named(name, item) for item in names})

    def _named(self, module: str, item: str) -> Any:
        """Return the object that `from module import item` gives."""
        if f"{module}.{item}" in self._sources:
            return self.module(f"{module}.{item}")
        for name in (module, f"{module}.const"):
            if name in self._sources and hasattr(self.module(name), item):
                return getattr(self.module(name), item)
        if item == "ENTITY_CATEGORIES_SCHEMA":
            return voluptuous.Coerce(self.module("homeassistant.const").EntityCategory)
        return StandIn()


def _probatio() -> Any:
    return types.SimpleNamespace(
        **vars(voluptuous),
        EnsureList=lambda: (
            lambda value: value if isinstance(value, list) else [] if value is None else [value]
        ),
        NonNegative=lambda: voluptuous.Range(min=0),
    )


def _template(value: Any) -> str:
    """Return a template that Jinja can read."""
    try:
        jinja2.Environment(autoescape=False).parse(value)
    except jinja2.TemplateError as error:
        raise voluptuous.Invalid(f"invalid template ({error})") from error
    return str(value)


def _without_machinery(tree: ast.Module) -> ast.Module:
    """Return a module with its values, functions and enumerations."""
    enums = {name for name in vars(enum) if name[0].isupper()}
    tree.body = [
        node
        for node in tree.body
        if not isinstance(node, ast.AsyncFunctionDef)
        and not (
            isinstance(node, ast.ClassDef)
            and not any(isinstance(base, ast.Name) and base.id in enums for base in node.bases)
        )
    ]
    # Annotations may name objects that are left out.
    tree.body.insert(0, ast.parse("from __future__ import annotations").body[0])
    return tree


def _validators(source: str) -> ast.Module:
    """Return a few functions, with what they use, from a module that this Python cannot read as a whole."""
    chunks = re.split(r"\n(?=[^\s)\]}])", source)
    wanted = re.compile(rf"import|from|(?:def|class) (?:{VALIDATOR_NAMES})\b|(?:{VALIDATOR_CONSTANTS})\b")
    body = ast.parse("from __future__ import annotations").body
    return ast.Module([*body, *ast.parse("\n".join(filter(wanted.match, chunks))).body], [])
