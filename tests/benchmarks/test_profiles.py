"""What is read from a trace, and that a profile is whole; never how long anything took."""

import importlib
import json
from pathlib import Path

import pytest
from tensorflow.compiler.xla.service import hlo_pb2
from tensorflow.tsl.profiler.protobuf import xplane_pb2

ROOT = Path(__file__).parents[2]
TINY = ["realnvp", "--side", "4", "--units", "8", "--layers", "1", "--depth", "1", "--batch", "2", "--calls", "2"]


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)  # benchmarks are no part of the installed distribution
        yield importlib.import_module("benchmarks.profiles")


@pytest.fixture(scope="module")
def traces(bench):
    return importlib.import_module("benchmarks.traces")


def plane_of(name, threads):
    """Return a plane of a trace: events of each thread, as (name, begin, duration, facts) in nanoseconds."""
    plane = xplane_pb2.XPlane(name=name)

    def number(of, text):
        known = {metadata.name: key for key, metadata in of.items()}
        key = known.get(text, len(of) + 1)
        of[key].name = text
        return key

    for place, (thread, events) in enumerate(threads.items()):
        line = plane.lines.add(id=place, name=thread, timestamp_ns=1000)
        for text, begin, duration, facts in events:
            event = line.events.add(offset_ps=1000 * begin, duration_ps=1000 * duration)
            event.metadata_id = number(plane.event_metadata, text)
            for fact, value in facts.items():
                stat = event.stats.add(metadata_id=number(plane.stat_metadata, fact))
                if isinstance(value, int):
                    stat.int64_value = value
                else:
                    stat.ref_value = number(plane.stat_metadata, value)
    return plane


def module_of(name, instructions):
    """Return the plane with the texts of compiled modules: one, of (instruction, opcode)."""
    proto = hlo_pb2.HloProto()
    proto.hlo_module.name = name
    computation = proto.hlo_module.computations.add()
    for instruction, opcode in instructions.items():
        computation.instructions.add(name=instruction, opcode=opcode)
    plane = xplane_pb2.XPlane(name="/host:metadata")
    plane.event_metadata[1].name = f"{name}(0)"
    plane.event_metadata[1].stats.add(bytes_value=proto.SerializeToString())
    return plane


def test_operations_are_told_from_all_else_that_a_trace_holds(traces):
    noise = ["EagerLocalExecute: __inference_f_1", "ExecutorState::Process", "ParallelFor", "f/While:PartitionedCall"]
    events = [("net/dense/Relu:_FusedMatMul", 0, 5, {}), *((text, 0, 9, {}) for text in noise), ("Cast:Cast", 6, 1, {})]
    space = xplane_pb2.XSpace(planes=[plane_of("/host:CPU", {"pool": events})])
    found = traces.events_of(space)
    assert [(event.kind, event.name) for event in found] == [("_FusedMatMul", "net/dense/Relu"), ("Cast", "Cast")]
    assert found[0].begin == 1_000_000
    assert found[0].end == 1_005_000


def test_instructions_are_known_by_what_they_do(traces):
    kinds = {"MatMul.7": "dot", "add_maximum_fusion.12": "fusion", "tanh_fusion": "fusion", "while.3": "while"}
    facts = [{"hlo_op": name, "hlo_module": "m.1"} for name in kinds]
    events = [(fact["hlo_op"], 10 * i, 5, fact) for i, fact in enumerate(facts)]
    space = xplane_pb2.XSpace(planes=[module_of("m.1", kinds), plane_of("/host:CPU", {"pool": events})])
    found = traces.events_of(space)
    assert [event.kind for event in found] == ["dot", "add_maximum_fusion", "tanh_fusion", "while"]
    assert [event.name for event in found] == list(kinds)


def test_what_other_threads_finish_lasts_until_the_next_instruction(traces):
    """A convolution is begun in 2 ns and told to be over at 50 ns; the next instruction begins at 40."""
    begun = {"hlo_op": "conv", "hlo_module": "m", "_p": 7}
    first = [("conv", 0, 2, begun), ("add", 40, 5, {"hlo_op": "add", "hlo_module": "m", "_p": 8})]
    ends = [("end: conv", 50, 0, {"_c": 7}), ("end: add", 45, 0, {"_c": 8})]
    space = xplane_pb2.XSpace(planes=[plane_of("/host:CPU", {"a": first, "b": ends})])
    assert [(event.end - event.begin) // 1000 for event in traces.events_of(space)] == [40, 5]


def test_on_a_gpu_the_table_is_of_its_streams(traces):
    host = plane_of("/host:CPU", {"pool": [("a:MatMul", 0, 9, {})]})
    streams = {
        "Stream #1": [("sgemm_kernel", 0, 4, {"tf_op": "net/a:MatMul"}), ("memset", 5, 1, {})],
        "XLA Ops": [("again", 0, 4, {"hlo_op": "again"})],
    }
    space = xplane_pb2.XSpace(planes=[host, plane_of("/device:GPU:0", streams)])
    found = traces.events_of(space)
    assert [(event.kind, event.name) for event in found] == [("MatMul", "net/a"), ("memset", "memset")]


def test_self_time_leaves_out_what_is_inside_and_idle_what_is_beside(bench, traces):
    """A loop of 10 around two products of 3 on one thread, a sum of 4 on another, half of it beside the loop."""
    one, other = ("cpu", 1), ("cpu", 2)
    events = [
        traces.Event("while", "w", one, 0, 10_000_000_000),
        traces.Event("dot", "d", one, 1_000_000_000, 4_000_000_000),
        traces.Event("dot", "d", one, 5_000_000_000, 8_000_000_000),
        traces.Event("sum", "s", other, 8_000_000_000, 12_000_000_000),
    ]
    shares, idle = bench.summarise(events, calls=2, seconds=0.016, by="kind")
    assert {share.what: (share.calls, share.milliseconds, share.share) for share in shares} == {
        "dot": (1.0, pytest.approx(3.0), pytest.approx(3 / 8)),
        "while": (0.5, pytest.approx(2.0), pytest.approx(2 / 8)),
        "sum": (0.5, pytest.approx(2.0), pytest.approx(2 / 8)),
    }
    assert idle == pytest.approx(2.0)  # 12 of 16 ms are covered, in two calls


@pytest.mark.parametrize(
    ("work", "way", "product"),
    [
        ("train", "graph", "MatMul"),
        pytest.param("sample", "graph", "MatMul", marks=pytest.mark.slow),
        pytest.param("sample", "xla", "dot", marks=pytest.mark.slow),
    ],
)
def test_a_profile_shows_each_product(bench, tmp_path, capsys, work, way, product):
    files = ["--json", str(tmp_path / "out.json"), "--markdown", str(tmp_path / "out.md")]
    assert bench.main([*TINY, "--work", work, "--way", way, *files]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    shares = content["profile"]["shares"]
    products = sum(share["calls"] for share in shares if product in share["what"])
    # Two layers; in training a kernel's gradient for each, and the hidden layer's.
    assert products == (2 if work == "sample" else 5)
    assert content["profile"]["milliseconds"] > 0
    assert 0 <= content["profile"]["idle"] <= content["profile"]["milliseconds"]
    assert f"realnvp, {work}, {way}, batch 2" in capsys.readouterr().out
    assert (tmp_path / "out.md").read_text().startswith("| operation | calls | self ms | share |")


def test_names_can_be_told_apart(bench, tmp_path):
    assert bench.main([*TINY, "--by", "name", "--json", str(tmp_path / "out.json")]) == 0
    names = [share["what"] for share in json.loads((tmp_path / "out.json").read_text())["profile"]["shares"]]
    assert sum(name.endswith(("/Relu", "/BiasAdd", "/MatMul")) for name in names) >= 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["realnvpp"], "realnvp"),
        (["--calls", "2", "cvae"], "name the model before its options"),
        (["realnvp", "--calls", "0"], "at least 1"),
        (["realnvp", "--batch", "0"], "at least 1"),
    ],
)
def test_bad_options_are_one_line(bench, wrong, message, capsys):
    assert bench.main(wrong) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
