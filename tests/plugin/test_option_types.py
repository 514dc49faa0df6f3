"""Option types: what is written to JSON or said on a command line is read back the same; others are refused by name."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Any, Literal, Optional, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tfgen.cli import parse
from tfgen.errors import OptionError
from tfgen.files import finite
from tfgen.plugin.option_types import checked, to_json, type_in_words, why_unsupported
from tfgen_plugins.report.reproduction import words_of


class Colour(enum.Enum):
    RED = 1
    DARK_BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Parts(enum.Flag):
    HEAD = 1
    TAIL = 2


#: Types of single values, each with a strategy of its values.
SINGLE: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(),
    str: st.text(),
    Path: st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=20).map(Path),
    Literal["a", "b-c", 3]: st.sampled_from(["a", "b-c", 3]),
    Colour: st.sampled_from(Colour),
    Level: st.sampled_from(Level),
    int | Literal["auto"]: st.integers() | st.just("auto"),
    Literal["none"] | float: st.floats() | st.just("none"),
    int | None: st.integers() | st.none(),
    Colour | None: st.sampled_from(Colour) | st.none(),
    Optional[bool]: st.booleans() | st.none(),  # noqa: UP045 - as authors write it as well
}


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, Any]:
    """A type that an option can have, and a value of it."""
    single = draw(st.sampled_from(list(SINGLE)))
    kind = draw(st.sampled_from(["single", "any length", "fixed", "pairs", "optional tuple"]))
    if kind == "single":
        return single, draw(SINGLE[single])
    values = st.lists(SINGLE[single], max_size=3).map(tuple)
    if kind == "any length":
        return tuple[single, ...], draw(values)
    if kind == "optional tuple":
        return tuple[single, ...] | None, draw(values | st.none())
    other = draw(st.sampled_from(list(SINGLE)))
    pair = st.tuples(SINGLE[single], SINGLE[other])
    if kind == "fixed":
        return tuple[single, other], draw(pair)
    return tuple[tuple[single, other], ...], draw(st.lists(pair, max_size=3).map(tuple))


def through_json(value: Any) -> Any:
    """As `tfgen.files.write_json` and `read_json` do it."""
    return json.loads(json.dumps(finite(to_json(value)), allow_nan=False))


def same(value: Any, other: Any) -> bool:
    """Equal and of the same type, with NaN like itself."""
    if isinstance(value, tuple):
        return type(other) is tuple and len(value) == len(other) and all(map(same, value, other))
    return type(value) is type(other) and (value == other or (value != value and other != other))


@given(typed_values())
def test_a_value_survives_json(typed):
    hint, value = typed
    assert why_unsupported(hint) is None
    assert same(checked("x", value, hint), value)
    assert same(checked("x", through_json(value), hint), value)


@settings(max_examples=60)
@given(typed_values())
def test_a_value_survives_a_command_line(typed):
    hint, value = typed
    words = words_of("inner.the_option", value, hint)
    assume(words is not None)  # of several texts with dashes in front, which no words say
    assume(not (value == (None,) and type(None) in get_args(hint)))  # one None: no tuple, or a tuple of it
    if value == "None" or (isinstance(value, tuple) and "None" in value) or hint is Path:
        assume(str(value) not in ("None", "-", "--") and not str(value).startswith("-"))
    inner = make_dataclass("Inner", [("the_option", hint, field(default=value))], frozen=True)
    other = make_dataclass("Outer", [("inner", inner, field(default=inner()))], frozen=True)
    assert same(parse(other, words, "run", "").inner.the_option, value)


class Text(enum.StrEnum):
    SHORT = "short"


@pytest.mark.parametrize(
    ("hint", "value", "read"),
    [
        (int, Level.HIGH, 2), (str, Text.SHORT, "short"), (Literal["short", 2], Text.SHORT, "short"),
        (Literal["short", 2], Level.HIGH, 2), (float, 3, 3), (float, "nan", math.nan), (Path, "a/b", Path("a/b")),
        (tuple[Path, ...], ["a"], (Path("a"),)), (Colour, "RED", Colour.RED), (Text, "SHORT", Text.SHORT),
    ],
)  # fmt: skip
def test_what_is_close_becomes_the_type(hint, value, read):
    assert same(checked("x", value, hint), read)


@pytest.mark.parametrize(
    ("hint", "value", "says"),
    [
        (Colour, "GREEN", "option 'x' must be one of RED, DARK_BLUE, got 'GREEN'"),
        (Colour, 1, "must be one of RED, DARK_BLUE, got 1"),
        (Path, 3, "must be a path, got 3"),
        (tuple[int, float], [1], "must be a list of 2 values: a whole number, a number, got [1]"),
        (tuple[int, ...], 3, "must be a list of values that are each a whole number, got 3"),
        (tuple[int, ...] | None, [None], "must be a list of values that are each a whole number or none, got [None]"),
        (int | Literal["auto"], "car", "must be a whole number or one of 'auto', got 'car'"),
        (Literal[1, 2], True, "must be one of 1, 2, got True"),
        (Literal[1, 2], 1.0, "must be one of 1, 2, got 1.0"),
        (int, True, "must be a whole number, got True"),
        (float, "x", "must be a number, got 'x'"),
        (str, None, "must be a text, got None"),
    ],
)
def test_a_value_of_another_type_is_refused(hint, value, says):
    with pytest.raises(OptionError) as caught:
        checked("x", value, hint)
    assert says in str(caught.value)


def test_every_type_has_words():
    for hint in SINGLE:
        assert "typing" not in type_in_words(hint)


NESTED = make_dataclass("Nested", [("x", int, 1)], frozen=True)
UNSUPPORTED = [
    (list[int], "write tuple"), (list, "write tuple"), (dict[str, int], "write a frozen dataclass"), (set, "write tuple"),
    (tuple, "say what it holds"), (tuple[()], "say what it holds"), (Any, "an option is a bool"),
    (complex, "an option is a bool"), (bytes, "an option is a bool"), (Parts, "a Flag can be several"),
    (int | str, "of several types only a number and a Literal"), (int | Literal[3], "of several types only"),
    (Colour | str, "of several types only"), (NESTED | None, "a dataclass stands alone"),
    (tuple[NESTED, ...], "a dataclass stands alone"), (Literal["1", 1], "two of its choices read alike"),
    (Literal[Colour.RED], "write an Enum for its members"), (Literal["a", None], "add `| None` for None"),
    (tuple[tuple[int, ...], ...], "no tuples of any length"), (tuple[tuple[int, int] | None, ...], "no optional tuples"),
    (tuple[list[int], ...], "write tuple"), (list[int] | None, "write tuple"),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "says"), UNSUPPORTED, ids=str)
def test_a_type_that_no_option_can_have(hint, says):
    assert says in why_unsupported(hint)


def test_a_nested_dataclass_is_supported():
    assert why_unsupported(NESTED) is None
