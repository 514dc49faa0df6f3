"""Find and load plugins, one at a time, so that a broken one harms no other."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from types import ModuleType

from tfgen.errors import PluginError, TfgenError, UnknownNameError
from tfgen.plugin.registry import PluginRecord, Registry
from tfgen.version import DISTRIBUTION, VERSION

GROUP = "tfgen"

#: What the distribution was called before another project's had this name on the public index.
_FORMER_NAME = "tfgen"
BUILTIN = "tfgen.builtin"

Loader = Callable[[], object]


def load_registry(plugins: Sequence[str] = ()) -> Registry:
    """Load what comes with tfgen, the installed plugins, and those that are asked for.

    An installed plugin that fails is recorded in ``registry.plugins`` with the cause, and the others go on.

    Args:
        plugins: what ``-p`` was given, in order: the path of a ``.py`` file, the dotted name of a module, or
            ``no:NAME``, which keeps the installed or built-in plugin of that name out.

    Raises:
        PluginError: when a file or module in `plugins` does not load.
        UnknownNameError: when ``no:NAME`` names no plugin.
    """
    registry = Registry()
    installed = sorted(_installed(), key=lambda found: _precedence(found[0]))
    known = {record.name for record, _ in installed}
    blocked = {argument.removeprefix("no:") for argument in plugins if argument.startswith("no:")}
    for name in sorted(blocked - known):
        raise UnknownNameError("plugin", name, known)

    owners: dict[str, PluginRecord] = {}
    for record, load in installed:
        owner = owners.setdefault(record.name, record)
        if record.name in blocked:
            registry.plugins.append(replace(record, status="blocked"))
        elif owner is not record:
            cause = f"distributions {owner.distribution} and {record.distribution} both have a plugin {record.name!r}"
            registry.plugins.append(replace(record, status="failed", cause=f"{cause}; uninstall one"))
        else:
            _load_installed(registry, record, load)
    for argument in dict.fromkeys(plugins):
        if not argument.startswith("no:"):
            _load_wished(registry, argument)
    return registry


def _load_installed(registry: Registry, record: PluginRecord, load: Loader) -> None:
    """Load a plugin that came by itself; record a failure."""
    try:
        plugin = load()
        record = replace(record, file=_file(plugin))
        registry.adopt(plugin, record)
    except (Exception, SystemExit) as error:  # whatever a stranger's module may raise: the other plugins go on
        file, _ = _place(error)
        registry.plugins.append(replace(record, status="failed", cause=_cause(error), file=record.file or file))


def _load_wished(registry: Registry, argument: str) -> None:
    """Load a plugin that the user asked for; a failure is an error."""
    load: Loader
    if argument.endswith(".py") or "/" in argument or os.sep in argument:
        path = Path(os.path.expanduser(argument)).resolve()
        record, load = PluginRecord(path.stem, "file", file=str(path)), partial(_import_file, path)
    else:
        record, load = PluginRecord(argument, "module"), partial(importlib.import_module, argument)
    try:
        plugin = load()
        registry.adopt(plugin, replace(record, file=_file(plugin)))
    except (Exception, SystemExit) as error:  # whatever a stranger's module may raise is told in one line
        file = Path(f"{argument.removesuffix('.py')}.py")
        missing = isinstance(error, ModuleNotFoundError) and record.kind == "module" and os.path.isfile(file)
        hint = f" Did you mean -p ./{file}?" if missing else ""
        raise PluginError(f"plugin {argument!r} does not load: {_cause(error)}.{hint}") from error


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, which dataclasses and dotted paths need to find it again.

    Raises:
        PluginError: when it is no Python file.
        Exception: whatever the file raises.
    """
    if path.is_dir():
        raise PluginError(f"{path} is a folder; name a .py file, or a module that Python can import")
    if not path.is_file():
        raise PluginError(f"there is no file {path}")
    if path.suffix != ".py":
        raise PluginError("a plugin's file ends in .py; a module is given by its dotted name")
    name = "tfgen_local_" + re.sub(r"\W", "_", path.stem)
    while name in sys.modules and _file(sys.modules[name]) != str(path):
        name += "_"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # a .py file always has a loader
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:  # as `import` does: no half-made module stays behind, not even after an interrupt
        del sys.modules[name]
        raise
    return module


def _installed() -> Iterator[tuple[PluginRecord, Loader]]:
    """Find what comes with tfgen and the entry points of all distributions.

    Distributions are read one by one, and only those that name the group: `importlib.metadata.entry_points` gives up
    on all of them for one malformed line.
    """
    core = metadata.EntryPoint(GROUP, BUILTIN, GROUP)
    yield PluginRecord(GROUP, "built-in", distribution=DISTRIBUTION, version=VERSION), core.load
    named: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        if re.search(rf"^\s*\[\s*{GROUP}\s*]", distribution.read_text("entry_points.txt") or "", re.MULTILINE):
            # One that is earlier on the path shadows the others of its name.
            named.setdefault(distribution.metadata["Name"] or "unknown", distribution)
    if DISTRIBUTION in named:
        named.pop(_FORMER_NAME, None)  # an earlier installation of the same plugins, left behind
    for name, distribution in named.items():
        record = PluginRecord(
            name,
            "built-in" if name in (DISTRIBUTION, _FORMER_NAME) else "installed",
            distribution=name,
            version=distribution.metadata["Version"],
        )
        try:
            points = list(distribution.entry_points.select(group=GROUP))
        except Exception as error:  # malformed metadata raise TypeError, ValueError and others
            yield record, partial(_fail, PluginError(f"malformed entry_points.txt: {error}"))
            continue
        for point in points:
            yield replace(record, name=point.name), point.load


def _fail(error: Exception) -> None:
    raise error


def _precedence(record: PluginRecord) -> tuple[bool, str, str]:
    """Sort built-in plugins first, so that they keep their names, then the same way on every machine."""
    return record.kind != "built-in", record.distribution or "", record.name


def _file(plugin: object) -> str | None:
    """Return the source file of a module, or of an instance's class."""
    module = plugin if isinstance(plugin, ModuleType) else sys.modules.get(type(plugin).__module__)
    return getattr(module, "__file__", None)


def _cause(error: BaseException) -> str:
    """Return in one line what was raised and where in the plugin."""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    named = message if isinstance(error, TfgenError) else f"{type(error).__name__}: {message}"
    file, line = _place(error)
    return " ".join(named.split()).rstrip(".:") + (f" ({file}:{line})" if file else "")


def _place(error: BaseException) -> tuple[str | None, int | None]:
    """Return the file and line of the plugin's own code that raised, if any of it ran."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not _is_machinery(str(frame.f_globals.get("__name__")))
    ]
    own = [place for place in frames if place[0] == frames[0][0]]
    return own[-1] if own else (None, None)


def _is_machinery(module: str) -> bool:
    return module in (__name__, "tfgen.plugin.registry") or module.partition(".")[0] in ("importlib", "pluggy")
