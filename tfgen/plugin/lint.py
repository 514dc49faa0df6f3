"""Lint of plugins: mistakes in hooks that pluggy would pass over in silence."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from typing import Any

import pluggy

from tfgen.errors import closest
from tfgen.plugin import hookspecs

MARKER = "@tfgen.hookimpl"

#: The arguments of every hook, as specified.
HOOKS: dict[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(function).parameters)
    for name, function in vars(hookspecs).items()
    if hasattr(function, f"{hookspecs.PROJECT}_spec")
}


def lint(plugin: object) -> list[str]:
    """Return what is wrong with a plugin, one line each; an empty list means that each of its hooks will be called.

        >>> class Plugin:
        ...     def tfgen_register(self, registry): ...
        >>> lint(Plugin())
        ["'tfgen_register' is not decorated with @tfgen.hookimpl"]

    Args:
        plugin: a module, or an instance of a class with hooks.
    """
    if inspect.isclass(plugin):
        return [f"{plugin.__name__!r} is a class; a plugin is a module or an instance, such as {plugin.__name__}()"]
    if type(plugin).__hash__ is None:
        return [f"{type(plugin).__name__!r} objects are not hashable; a dataclass needs eq=False to be a plugin"]
    hooks = hooks_of(plugin)
    complaints: list[str] = []
    for name in dir(plugin):
        if name in hooks:
            complaints += _lint_hook(getattr(plugin, name), name, hooks[name])
        elif name.startswith(f"{hookspecs.PROJECT}_"):
            complaints += _lint_undecorated(inspect.getattr_static(plugin, name, None), name)
    return complaints if hooks or complaints else [_no_hooks(plugin)]


def hooks_of(plugin: object) -> dict[str, dict[str, Any]]:
    """Return, by the name of its function, the options of each hook that pluggy sees in `plugin`."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    found = {name: manager.parse_hookimpl_opts(plugin, name) for name in dir(plugin)}
    return {name: dict(options) for name, options in found.items() if options is not None}


def _lint_undecorated(attribute: Any, name: str) -> Iterator[str]:
    """Complain about something that is named like a hook and that pluggy takes for none."""
    function = getattr(attribute, "__func__", attribute)  # of a static or class method
    if inspect.isclass(function) or not callable(function):
        return
    if not inspect.isroutine(function):
        yield f"{name!r} must be a function, got an object of type {type(function).__name__!r}"
    elif others := [key.removesuffix("_impl") for key in getattr(function, "__dict__", {}) if key.endswith("_impl")]:
        yield f"{name!r} is decorated with the marker of {others[0]!r}, not with {MARKER}"
    else:
        yield f"{name!r} is not decorated with {MARKER}"
    if name not in HOOKS:
        yield _unknown(name)


def _lint_hook(function: Callable[..., object], name: str, options: dict[str, Any]) -> Iterator[str]:
    """Complain about a decorated function."""
    hook = options.get("specname") or name
    if hook not in HOOKS:
        if not options.get("optionalhook"):
            yield _unknown(hook)
        return
    if options.get("wrapper") or options.get("hookwrapper"):
        yield f"{name!r} is a wrapper; plugins are called one at a time, so there is nothing to wrap"
    elif inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        yield f"{name!r} is async or a generator, so its body would never run"
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:  # a method without self, or a built-in function
        yield f"{name!r} has no usable signature: {error}"
        return
    for parameter in parameters:
        yield from _lint_parameter(parameter, name, HOOKS[hook])


def _lint_parameter(parameter: inspect.Parameter, name: str, known: tuple[str, ...]) -> Iterator[str]:
    """Complain about an argument that pluggy would not fill."""
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        yield f"{name!r} takes {str(parameter).split(':')[0]!r}, which is never filled; name the arguments"
    elif parameter.name not in known:
        close = closest(parameter.name, known)
        advice = f"did you mean {close!r}?" if close else f"it may take: {', '.join(known)}"
        yield f"{name!r} takes {parameter.name!r}, which is no argument of this hook; {advice}"
    elif parameter.kind is parameter.KEYWORD_ONLY:
        yield f"{name!r} takes {parameter.name!r} by keyword only, and hooks are called by position"
    elif parameter.default is not parameter.empty:
        yield f"{name!r} gives {parameter.name!r} a default, and arguments with defaults are not filled"


def _unknown(name: str) -> str:
    close = closest(name, HOOKS)
    advice = f"did you mean {close!r}?" if close else f"known: {', '.join(HOOKS)}"
    return f"there is no hook {name!r}; {advice}"


def _no_hooks(plugin: object) -> str:
    for value in vars(plugin).values() if isinstance(plugin, types.ModuleType) else ():
        if inspect.isclass(value) and hooks_of(value):
            return f"the hooks of class {value.__name__!r} are not the module's; make them functions of the module"
    return f"it has no hooks; write tfgen_register(registry) and decorate it with {MARKER}"
