"""Each mistake that pluggy accepts in silence is a complaint here; so is none that it calls."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pluggy
import pytest

from tfgen import hookimpl
from tfgen.plugin import hookspecs
from tfgen.plugin.lint import HOOKS, lint

ROOT = Path(__file__).parents[2]


def module(**contents):
    made = ModuleType("some_plugin")
    vars(made).update(contents)
    return made


def only_complaint(plugin):
    (complaint,) = lint(plugin)
    assert "\n" not in complaint
    return complaint


@hookimpl
def tfgen_register(registry): ...


class Observer:
    @hookimpl
    def tfgen_progress(self, step, run): ...

    @hookimpl
    @staticmethod
    def tfgen_run_failed(error): ...

    @hookimpl(specname="tfgen_run_finished")
    def write_report(self, results): ...

    def helper(self, *args, **kwargs): ...


def test_sound_plugins_have_no_complaints():
    assert lint(module(tfgen_register=tfgen_register, tfgen_constant=3)) == []
    assert lint(Observer()) == []


def test_specs_are_known_with_their_arguments():
    assert HOOKS == {
        "tfgen_register": ("registry",),
        "tfgen_run_started": ("run", "model"),
        "tfgen_progress": ("run", "step", "metrics"),
        "tfgen_run_finished": ("run", "results"),
        "tfgen_run_failed": ("run", "error"),
    }


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented(hook):
    assert f"`{hook}(" in (ROOT / "docs/plugins/README.md").read_text(), f"docs/plugins says nothing of {hook}"
    assert "Args:" in getattr(hookspecs, hook).__doc__


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_tested(hook):
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert re.search(rf"def test_\w*calls_{hook}\b", tests), f"no test called test_..._calls_{hook}"


def test_class_instead_of_instance():
    assert "'Observer' is a class" in only_complaint(Observer)


def test_unknown_hook_with_the_closest_name():
    complaint = only_complaint(module(tfgen_registr=hookimpl(lambda registry: None)))
    assert "no hook 'tfgen_registr'; did you mean 'tfgen_register'?" in complaint


def test_unknown_specname():
    complaint = only_complaint(module(progress=hookimpl(specname="tfgen_progres")(lambda step: None)))
    assert "no hook 'tfgen_progres'; did you mean 'tfgen_progress'?" in complaint


def test_unknown_hook_that_is_optional_passes():
    later = hookimpl(optionalhook=True)(lambda tea: None)
    assert lint(module(tfgen_register=tfgen_register, tfgen_tea=later)) == []


def test_undecorated_function_in_a_module():
    assert "'tfgen_register' is not decorated with @tfgen.hookimpl" in only_complaint(
        module(tfgen_register=lambda registry: None)
    )


def test_undecorated_method_beside_a_decorated_one():
    class Plugin(Observer):
        def tfgen_run_started(self, run): ...

    assert "'tfgen_run_started' is not decorated" in only_complaint(Plugin())


def test_undecorated_and_misspelt():
    complaints = lint(module(tfgen_registr=lambda registry: None))
    assert len(complaints) == 2
    assert "did you mean 'tfgen_register'?" in complaints[1]


def test_another_projects_marker():
    other = pluggy.HookimplMarker("llm")
    complaint = only_complaint(module(tfgen_register=other(lambda registry: None)))
    assert "the marker of 'llm', not with @tfgen.hookimpl" in complaint


def test_another_projects_hooks_beside_ours_pass():
    other = pluggy.HookimplMarker("pytest")
    assert lint(module(tfgen_register=tfgen_register, pytest_configure=other(lambda config: None))) == []


def test_argument_that_is_not_in_the_spec():
    complaint = only_complaint(module(tfgen_progress=hookimpl(lambda run, metric: None)))
    assert "'tfgen_progress' takes 'metric'" in complaint
    assert "did you mean 'metrics'?" in complaint


def test_keyword_only_argument():
    @hookimpl
    def progress(run, *, step): ...

    assert "takes 'step' by keyword only" in only_complaint(module(tfgen_progress=progress))


def test_argument_with_a_default():
    assert "gives 'step' a default" in only_complaint(module(tfgen_progress=hookimpl(lambda run, step=0: None)))


@pytest.mark.parametrize(
    ("function", "shown"),
    [(lambda *args: None, r"'\*args'"), (lambda **kwargs: None, r"'\*\*kwargs'")],
)
def test_arguments_that_are_never_filled(function, shown):
    assert re.search(f"takes {shown}, which is never filled", only_complaint(module(tfgen_progress=hookimpl(function))))


def test_method_without_self():
    class Plugin:
        @hookimpl
        def tfgen_run_started(): ...

    assert "no usable signature" in only_complaint(Plugin())


def test_wrapper_async_and_generator():
    @hookimpl(wrapper=True)
    def wrapper(registry):
        yield

    @hookimpl
    async def asynchronous(run): ...

    @hookimpl
    def generator(run):
        yield run

    assert "is a wrapper" in only_complaint(module(tfgen_register=wrapper))
    assert "would never run" in only_complaint(module(tfgen_run_started=asynchronous))
    assert "would never run" in only_complaint(module(tfgen_run_started=generator))


def test_callable_that_is_no_function():
    partial = functools.partial(tfgen_register, None)
    assert "must be a function, got an object of type 'partial'" in only_complaint(module(tfgen_register=partial))


def test_no_hooks_at_all():
    assert "it has no hooks" in only_complaint(module(answer=42))


def test_hooks_only_in_a_class_of_the_module():
    assert "the hooks of class 'Observer' are not the module's" in only_complaint(module(Observer=Observer))


def test_unhashable_instance_would_break_the_others():
    @dataclass
    class Plugin:
        @hookimpl
        def tfgen_progress(self, step): ...

    assert "eq=False" in only_complaint(Plugin())
