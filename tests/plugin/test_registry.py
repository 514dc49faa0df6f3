"""What plugins add can be found again, conflicts and strangers' failures are told, and observers harm nobody."""

import dataclasses
import json
import warnings
from dataclasses import dataclass

import pytest

from tfgen import DatasetSpec, ModelSpec, hookimpl
from tfgen.errors import PluginError, UnknownNameError
from tfgen.plugin.registry import PluginRecord, Registry


@dataclass(frozen=True)
class Config:
    """No options."""


def model(name, path="nowhere.at_all:Model"):
    return ModelSpec(name, Config, path, summary="A model.")


def dataset(name):
    return DatasetSpec(name, load=lambda sources: None, summary="A data set.")


class Adds:
    """A plugin that adds what it is given, in order."""

    def __init__(self, *specs):
        self.specs = specs

    @hookimpl
    def tfgen_register(self, registry):
        for spec in self.specs:
            (registry.add_dataset if isinstance(spec, DatasetSpec) else registry.add_model)(spec)


class Watches:
    """A plugin that notes each call, and raises `error` in the hook `at`."""

    def __init__(self, at=None, error=None):
        self.calls = []
        self.at, self.error = at, error

    def note(self, hook, *arguments):
        self.calls.append((hook, *arguments))
        if hook == self.at:
            raise self.error

    @hookimpl
    def tfgen_run_started(self, run, model):
        self.note("tfgen_run_started", run, model)

    @hookimpl
    def tfgen_progress(self, metrics, step, run):
        self.note("tfgen_progress", run, step, metrics)

    @hookimpl
    def tfgen_run_finished(self, run, results):
        self.note("tfgen_run_finished", run, results)

    @hookimpl
    def tfgen_run_failed(self, error):
        self.note("tfgen_run_failed", error)


def installed(name, **details):
    return PluginRecord(name, "installed", **details)


def registry_of(**plugins):
    registry = Registry()
    for name, plugin in plugins.items():
        registry.adopt(plugin, installed(name))
    return registry


def test_adopt_calls_tfgen_register():
    registry = registry_of(one=Adds(model("b"), model("a"), dataset("d")), two=Adds(model("c")))
    assert list(registry.models) == ["a", "b", "c"]
    assert list(registry.datasets) == ["d"]
    assert registry.model("b").name == "b"
    assert registry.dataset("d").name == "d"
    assert registry.model_origin("c").name == "two"
    assert registry.plugins[0].models == ("b", "a")
    assert registry.plugins[0].datasets == ("d",)
    assert registry.plugins[0].hooks == ("tfgen_register",)


def test_each_plugin_registers_once_only():
    first = Adds(model("a"))
    registry = registry_of(one=first, two=Adds(model("b")))
    assert len(registry.models) == 2
    assert not registry.conflicts


def test_records_fit_json():
    registry = registry_of(one=Adds(model("a")))
    assert json.loads(json.dumps(dataclasses.asdict(registry.plugins[0])))["models"] == ["a"]


def test_program_adds_its_own():
    registry = Registry()
    registry.add_model(model("mine"))
    registry.add_dataset(dataset("mine"))
    assert registry.model("mine").name == registry.dataset("mine").name == "mine"
    assert registry.model_origin("mine").name == "this program"
    with pytest.raises(PluginError, match=r"tfgen\.ModelSpec"):
        registry.add_model(dataset("mine"))


def test_hook_that_raises_half_way_leaves_nothing():
    class HalfWay(Watches):
        @hookimpl
        def tfgen_register(self, registry):
            registry.add_model(model("a"))
            raise ValueError("no more")

    registry, plugin = Registry(), HalfWay()
    with pytest.raises(ValueError, match="no more"):
        registry.adopt(plugin, installed("half"))
    assert not registry.models
    assert not registry.plugins
    registry.observe("tfgen_progress", run=None, step=1, metrics={})
    assert not plugin.calls
    registry.adopt(Adds(model("a")), installed("half"))
    assert registry.model_origin("a").name == "half"


def test_two_models_with_one_name_are_an_error_that_names_both_origins():
    registry = Registry()
    registry.adopt(Adds(model("same"), model("a")), installed("one", distribution="first", version="1.0", file="/1.py"))
    registry.adopt(Adds(model("same")), PluginRecord("two", "file", file="/2.py"))
    registry.adopt(Adds(model("z")), installed("three"))
    for look_up in (registry.model, registry.model_origin):
        with pytest.raises(PluginError) as caught:
            look_up("same")
        message = str(caught.value)
        assert "plugin 'one' (distribution first 1.0, /1.py) and plugin 'two' (/2.py)" in message
        assert message.endswith("block one with `-p no:one`.")
        assert registry.conflicts == [message]
    assert list(registry.models) == ["a", "z"]


def test_two_data_sets_with_one_name():
    registry = registry_of(one=Adds(dataset("same")), two=Adds(dataset("same")))
    with pytest.raises(PluginError, match=r"data set 'same' is claimed by .*`-p no:one` or `-p no:two`"):
        registry.dataset("same")
    assert len(registry.conflicts) == 1


def test_model_and_data_set_may_share_a_name():
    registry = registry_of(one=Adds(model("same"), dataset("same")))
    assert not registry.conflicts


def test_unknown_names_get_the_closest_and_the_plugins_that_failed():
    registry = registry_of(one=Adds(model("realnvp"), dataset("digits")))
    with pytest.raises(UnknownNameError) as caught:
        registry.model("realnvq")
    assert str(caught.value) == "unknown model 'realnvq'; did you mean 'realnvp'?"
    registry.plugins.append(PluginRecord("x", "installed", status="failed", cause="ImportError: no y"))
    with pytest.raises(UnknownNameError, match=r"'digits'.* plugin 'x' failed to load: ImportError: no y; see `tfgen "):
        registry.dataset("digit")


@pytest.mark.parametrize("wrong", [None, "realnvp", Config, dataset("d")])
def test_wrong_type_of_model(wrong):
    class Plugin:
        @hookimpl
        def tfgen_register(self, registry):
            registry.add_model(wrong)

    with pytest.raises(PluginError, match=r"added as a tfgen\.ModelSpec"):
        Registry().adopt(Plugin(), installed("wrong"))


def test_wrong_type_of_data_set():
    class Plugin:
        @hookimpl
        def tfgen_register(self, registry):
            registry.add_dataset(model("m"))

    with pytest.raises(PluginError, match=r"added as a tfgen\.DatasetSpec"):
        Registry().adopt(Plugin(), installed("wrong"))


@pytest.mark.parametrize("name", ["", "RealNVP", "real nvp", "../up", "a\n", 3])
@pytest.mark.parametrize("make", [model, dataset])
def test_malformed_names(make, name):
    with pytest.raises(PluginError, match="lower-case"):
        registry_of(one=Adds(make(name)))


def test_one_plugin_adds_a_name_once():
    with pytest.raises(PluginError, match="model 'a' is added twice"):
        registry_of(one=Adds(model("a"), model("a")))


def test_lint_complaints_keep_a_plugin_out():
    with pytest.raises(PluginError, match="is a class"):
        registry_of(one=Adds)


def test_a_name_and_a_plugin_are_taken_once():
    plugin = Adds(model("a"))
    registry = registry_of(one=plugin)
    with pytest.raises(PluginError, match="already loaded as plugin 'one'"):
        registry.adopt(plugin, installed("two"))
    with pytest.raises(PluginError, match=r"name 'one' is taken by plugin 'one'.*`-p no:one`"):
        registry.adopt(Adds(model("b")), installed("one"))
    assert list(registry.models) == ["a"]


OBSERVED = {
    "tfgen_run_started": {"run": "run", "model": "model"},
    "tfgen_progress": {"run": "run", "step": 3, "metrics": {"train/loss": 1.0}},
    "tfgen_run_finished": {"run": "run", "results": {}},
    "tfgen_run_failed": {"run": "run", "error": ValueError()},
}


def check_observed(hook, expected):
    one, two = Watches(), Watches()
    registry = registry_of(one=one, silent=Adds(), two=two)
    registry.observe(hook, **OBSERVED[hook])
    assert one.calls == two.calls == [(hook, *expected)]


def test_observe_calls_tfgen_run_started():
    check_observed("tfgen_run_started", ("run", "model"))


def test_observe_calls_tfgen_progress():
    check_observed("tfgen_progress", ("run", 3, {"train/loss": 1.0}))


def test_observe_calls_tfgen_run_finished():
    check_observed("tfgen_run_finished", ("run", {}))


def test_observe_calls_tfgen_run_failed():
    check_observed("tfgen_run_failed", (OBSERVED["tfgen_run_failed"]["error"],))


def test_observer_that_raises_is_reported_once_and_the_others_go_on():
    bad, good = Watches("tfgen_progress", OSError("disk\nfull")), Watches()
    registry = registry_of(first=Watches(), bad=bad, good=good)
    registry.observe("tfgen_run_started", **OBSERVED["tfgen_run_started"])
    with pytest.warns(RuntimeWarning) as caught:
        registry.observe("tfgen_progress", **OBSERVED["tfgen_progress"])
    assert [str(warning.message) for warning in caught] == [
        "plugin 'bad' failed in tfgen_progress and is not called again: OSError: disk full"
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.observe("tfgen_progress", **OBSERVED["tfgen_progress"])
        registry.observe("tfgen_run_finished", **OBSERVED["tfgen_run_finished"])
    assert len(bad.calls) == 2
    assert len(good.calls) == 4


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupts_pass_through_observers(error):
    registry = registry_of(one=Watches("tfgen_progress", error()))
    with pytest.raises(error):
        registry.observe("tfgen_progress", **OBSERVED["tfgen_progress"])


def test_order_of_observers_is_pluggys():
    order = []

    def watcher(name, **options):
        class Plugin:
            @hookimpl(**options)
            def tfgen_progress(self, step):
                order.append(name)

        return Plugin()

    registry = registry_of(a=watcher("a", trylast=True), b=watcher("b"), c=watcher("c"), d=watcher("d", tryfirst=True))
    registry.observe("tfgen_progress", **OBSERVED["tfgen_progress"])
    assert order == ["d", "c", "b", "a"]
