"""XLA's cost analysis of a compiled program, to check our own count of multiply-adds against.

TensorFlow gives the text of a compiled function; jaxlib, which does not need JAX, has the analysis. It counts two operations
for a multiply-add, the elementwise work as well, and a loop's body once, however long the loop. So products and convolutions
are also given one by one, each analysed as a program of its own, with how often it runs: XLA writes into the optimised text
how long a loop is, where it can tell. Of these, what no result hangs on is left out, as it is before a program runs.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tfgen.errors import TfgenError

#: Both are a text that XLA reads again; in the first one loops have no length and nothing is rewritten.
Stage = Literal["hlo", "optimized_hlo"]

_COMMENT = re.compile(r"/\*.*?\*/")
_INSTRUCTION = re.compile(r"^\s*(?:ROOT )?%?([\w.\-]+) = (\([^=]*\)|\w+\[[\d,]*\]\S*) ([\w\-]+)\((.*)$")
_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) .*\{$")
_NAME = re.compile(r"[\w.\-]+")
_CALLED = re.compile(r"(?:calls|to_apply|body|true_computation|false_computation)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TURNS = re.compile(r'"known_trip_count":\{"n":"(\d+)"\}')
_ATTRIBUTES = re.compile(
    r"(?:\w+_(?:contracting|batch)_dims|window)=\{[^}]*\}|dim_labels=\S+?(?=,|$)|\w+_group_count=\d+"
)


@dataclass(frozen=True)
class HloProduct:
    """A matrix product or a convolution of a compiled program.

    Attributes:
        kind: ``dot`` or ``convolution``.
        flops: by XLA's analysis; of a convolution without what meets padding.
        with_padding: the same with padding counted as if it were image, as layer formulas do.
        times: how often the program runs it.
    """

    kind: str
    flops: float
    with_padding: float
    times: int


@dataclass(frozen=True)
class XlaCost:
    """XLA's cost analysis of a program.

    Attributes:
        flops: of all operations, bodies of loops once.
        bytes: read and written by all instructions, bodies of loops once.
        products: in loops as often as they run; once, where XLA does not know.
    """

    flops: float
    bytes: float
    products: tuple[HloProduct, ...]

    @property
    def multiply_adds(self) -> float:
        """In products and convolutions, padding counted as if it were image; half of their floating-point operations."""
        return sum(product.times * product.with_padding for product in self.products) / 2

    @property
    def product_flops(self) -> float:
        """In products and convolutions, as XLA counts them."""
        return sum(product.times * product.flops for product in self.products)


def xla_cost(function: Any, *arguments: Any, stage: Stage = "hlo") -> XlaCost:
    """Return XLA's cost analysis of a call.

    Args:
        function: a ``tf.function`` with ``jit_compile=True``.
        arguments: of the call.
        stage: ``optimized_hlo`` for programs with loops.

    Raises:
        TfgenError: without jaxlib.
    """
    text: str = function.experimental_get_compiler_ir(*arguments)(stage=stage)
    whole = analysis(text)
    return XlaCost(whole["flops"], whole["bytes accessed"], tuple(products_of(text)))


def analysis(text: str) -> Mapping[str, float]:
    """Return XLA's analysis of a program's text: ``flops``, ``bytes accessed`` and more.

    Raises:
        TfgenError: without jaxlib; gives the pip command.
    """
    try:
        import jaxlib._hlo as hlo
        import jaxlib._jax as xla
    except ImportError as error:  # these two are private, and move from version to version
        raise TfgenError("XLA's cost analysis needs jaxlib 0.10; run: pip install 'jaxlib>=0.10.2,<0.11'") from error
    found: Mapping[str, float] = xla.hlo_module_cost_analysis(_client(), hlo.hlo_module_from_text(text))
    return {"flops": 0.0, "bytes accessed": 0.0, **found}


@functools.cache
def _client() -> Any:
    from jaxlib import xla_client

    return xla_client.make_cpu_client()


def products_of(text: str) -> list[HloProduct]:
    """Return the products and convolutions of a program's text."""
    computations, entry = _computations(text)
    times: dict[str, int] = defaultdict(int)
    _count(entry, 1, computations, times)
    found = []
    for name, lines in computations.items():
        shapes = {label: shape for label, shape, _, _ in lines}
        for _, shape, opcode, rest in lines:
            if opcode in ("dot", "convolution") and times[name]:
                operands = [part.split("%")[-1].split()[-1] for part in rest[: _end(rest)].split(", ")]
                factors = tuple(_plain(shapes[operand]) for operand in operands)
                flops, with_padding = _alone(opcode, _plain(shape), factors, ", ".join(_ATTRIBUTES.findall(rest)))
                found.append(HloProduct(opcode, flops, with_padding, times[name]))
    return found


_Lines = list[tuple[str, str, str, str]]  # name, shape, opcode, and what follows the opening bracket


def _computations(text: str) -> tuple[dict[str, _Lines], str]:
    """Return the instructions of each computation on which its result hangs, and which one is the program."""
    found: dict[str, _Lines] = {}
    roots: dict[str, str] = {}
    entry = name = ""
    for line in _COMMENT.sub("", text).splitlines():
        if head := _COMPUTATION.match(line):
            name = head[2]
            found[name] = []
            entry = name if head[1] else entry
        elif name and (instruction := _INSTRUCTION.match(line)):
            found[name].append((instruction[1], instruction[2], instruction[3], instruction[4]))
            if line.lstrip().startswith("ROOT "):
                roots[name] = instruction[1]
    return {name: _needed(lines, roots[name]) for name, lines in found.items()}, entry


def _needed(lines: _Lines, root: str) -> _Lines:
    """Return the instructions without those whose results nobody uses, such as gradients towards data."""
    uses = {name: set(_NAME.findall(rest)) for name, _, _, rest in lines}
    wanted, found = [root], set()
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            wanted += uses[name] & uses.keys()
    return [line for line in lines if line[0] in found]


def _count(name: str, times: int, computations: Mapping[str, _Lines], found: dict[str, int]) -> None:
    found[name] += times
    for _, _, opcode, rest in computations[name]:
        called = _CALLED.findall(rest)
        for branches in _BRANCHES.findall(rest):
            called += [branch.strip().lstrip("%") for branch in branches.split(",")]
        turns = _TURNS.search(rest) if opcode == "while" else None
        for other in called:
            _count(other, times * (int(turns[1]) if turns else 1), computations, found)


def _end(rest: str) -> int:
    """Return where the brackets around the operands close; names and shapes of arrays have none in them."""
    return rest.index(")")


def _plain(shape: str) -> str:
    """Return a shape without its layout: ``f32[2,3]`` for ``f32[2,3]{1,0}``."""
    return shape.partition("{")[0]


@functools.cache
def _alone(opcode: str, shape: str, factors: tuple[str, ...], attributes: str) -> tuple[float, float]:
    """Return the floating-point operations of one instruction, as XLA counts them and with padding as if it were image."""
    lines = [f"p{number} = {factor} parameter({number})" for number, factor in enumerate(factors)]
    operands = ", ".join(f"p{number}" for number in range(len(factors)))
    lines.append(f"ROOT r = {shape} {opcode}({operands}), {attributes}")
    flops = analysis("HloModule alone\nENTRY e {\n" + "\n".join(lines) + "\n}\n")["flops"]
    return flops, flops if opcode == "dot" else _with_padding(shape, factors, attributes)


def _with_padding(shape: str, factors: tuple[str, ...], attributes: str) -> float:
    """Return two for each pair of a pixel and a place of the kernel, whether the pixel is there or not.

    Pixels are those of the result; or of the input, where these are fewer, as in the gradient of a convolution by its input,
    which in XLA is one with holes in its input.
    """
    labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", attributes)
    if labels is None:
        raise ValueError(f"a convolution without dim_labels: {attributes}")
    given, kernel, result = (
        dict(zip(names, _sizes(of), strict=True)) for names, of in zip(labels.groups(), (*factors, shape), strict=True)
    )
    pairs = kernel["i"] * kernel["o"] * result["b"]
    for axis in (name for name in kernel if name.isdigit()):
        pairs *= min(given[axis], result[axis]) * kernel[axis]
    groups = re.search(r"batch_group_count=(\d+)", attributes)
    return 2.0 * pairs / (int(groups[1]) if groups else 1)


def _sizes(shape: str) -> list[int]:
    inner = shape[shape.index("[") + 1 : shape.index("]")]
    return [int(size) for size in inner.split(",")] if inner else []
