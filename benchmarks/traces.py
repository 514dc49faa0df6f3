"""Read traces of TensorFlow's profiler: which operations ran, on which thread, and for how long.

The processor's events come from each thread that begins an operation, as ``node:Type``; those of programs that XLA compiled
carry the name of an instruction, whose module lies in the trace as well. A GPU's come from its streams.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

#: Operations that only call others, and then wait for them.
_CALLS = ("PartitionedCall", "StatefulPartitionedCall", "XlaLaunch", "XlaLaunchV2", "_XlaRun")


class Event(NamedTuple):
    """An operation that ran.

    Attributes:
        kind: type of the operation, or what an instruction does.
        name: of the operation or instruction.
        thread: on which it was begun; of a GPU, the stream.
        begin: picoseconds.
        end: picoseconds.
    """

    kind: str
    name: str
    thread: tuple[str, int]
    begin: int
    end: int


def events_of(space: Any) -> list[Event]:
    """Return the operations in a trace: those on a GPU where there are any, else those on the processor.

    An instruction that other threads finish, as XLA's convolutions are, counts until the next one begins.

    Args:
        space: an ``XSpace``, as the profiler writes it.
    """
    kinds = _instruction_kinds(space)
    result: dict[bool, list[Event]] = {True: [], False: []}
    started: dict[int, int] = {}  # places in the list, by the number under which an end is told
    ends: dict[int, int] = {}
    for plane in space.planes:
        on_gpu = plane.name.startswith("/device:GPU")
        if not on_gpu and plane.name != "/host:CPU":
            continue
        names = {key: metadata.name for key, metadata in plane.stat_metadata.items()}
        for line in plane.lines:
            if on_gpu and not line.name.startswith("Stream"):
                continue  # the same once more, put together in other ways
            for event in line.events:
                stats = {names[stat.metadata_id]: _value(stat, names) for stat in event.stats}
                name = plane.event_metadata[event.metadata_id].name
                begin = 1000 * line.timestamp_ns + event.offset_ps
                if name.startswith("end: ") and "_c" in stats:
                    ends[stats["_c"]] = begin
                label = _label(name, stats, kinds, on_gpu)
                if label is not None:
                    if "_p" in stats:
                        started[stats["_p"]] = len(result[on_gpu])
                    result[on_gpu].append(Event(*label, (plane.name, line.id), begin, begin + event.duration_ps))
    _finish(result[False], {place: ends[number] for number, place in started.items() if number in ends})
    return result[True] or result[False]


def _value(stat: Any, names: Mapping[int, str]) -> Any:
    """Return a number or a text; texts that occur often are kept as the names of others."""
    which = stat.WhichOneof("value")
    return names.get(stat.ref_value, "") if which == "ref_value" else getattr(stat, which) if which else None


def _finish(events: list[Event], ends: Mapping[int, int]) -> None:
    """Let events last until they were known to be over, or, as that is told late, until the next one begins."""
    begins = sorted(event.begin for event in events)
    for place, end in ends.items():
        event = events[place]
        following = bisect.bisect_left(begins, event.end)
        if end > event.end and following < len(begins):
            events[place] = event._replace(end=min(end, begins[following]))


def _instruction_kinds(space: Any) -> dict[tuple[str, str], str]:
    """Return what each instruction of each compiled module does, by the names of both."""
    from tensorflow.compiler.xla.service import hlo_pb2

    kinds = {}
    for plane in space.planes:
        for metadata in plane.event_metadata.values() if plane.name == "/host:metadata" else ():
            for stat in metadata.stats:
                module = hlo_pb2.HloProto.FromString(stat.bytes_value).hlo_module
                for instruction in (i for computation in module.computations for i in computation.instructions):
                    plain = instruction.name.rpartition(".")[0] if instruction.name[-1].isdigit() else instruction.name
                    kind = instruction.custom_call_target or instruction.opcode
                    # Loops of a product that was too small for a library are fusions as well.
                    kinds[module.name, instruction.name] = (plain or instruction.name) if kind == "fusion" else kind
    return kinds


def _label(
    name: str, stats: Mapping[str, Any], kinds: dict[tuple[str, str], str], on_gpu: bool
) -> tuple[str, str] | None:
    """Return kind and name of an event, None for one that is no operation."""
    if "hlo_op" in stats:
        instruction = stats["hlo_op"]
        return kinds.get((stats.get("hlo_module", ""), instruction), instruction), instruction
    if on_gpu:
        node, _, kind = stats.get("tf_op", "").rpartition(":")
        return (kind or name, node or name)
    node, _, kind = name.rpartition(":")
    if not node or node.endswith(":") or not kind.isidentifier() or kind.startswith("__") or kind in _CALLS:
        return None
    return kind, node


def self_times(events: Iterable[Event]) -> list[tuple[Event, int]]:
    """Return each event with its time without that of the events inside of it on the same thread, in picoseconds."""
    threads: dict[tuple[str, int], list[Event]] = defaultdict(list)
    for event in events:
        threads[event.thread].append(event)
    result: list[tuple[Event, int]] = []
    for members in threads.values():
        around: list[tuple[Event, list[int]]] = []  # those that are not over, from the outermost in
        for event in sorted(members, key=lambda event: (event.begin, -event.end)):
            while around and around[-1][0].end <= event.begin:
                result.append(_closed(around))
            if around:
                around[-1][1].append(min(event.end, around[-1][0].end) - event.begin)
            around.append((event, []))
        while around:
            result.append(_closed(around))
    return result


def _closed(around: list[tuple[Event, list[int]]]) -> tuple[Event, int]:
    event, inside = around.pop()
    return event, event.end - event.begin - sum(inside)


def covered(events: Iterable[Event]) -> int:
    """Return the time in which at least one event was going on, in picoseconds."""
    total, until = 0, -1
    for event in sorted(events, key=lambda event: event.begin):
        total += max(0, event.end - max(event.begin, until))
        until = max(until, event.end)
    return total
