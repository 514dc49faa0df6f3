"""Bodies of requests: which fields each endpoint of a model takes, with their types, checked by pydantic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from tfgen import OptionError, UnknownNameError
from tfgen.sample import PATHS
from tfgen_plugins.serve.model import ServedModel

#: Most particles of a bound, and of inpainting.
MOST_PARTICLES = 64
#: Most examples on a path.
MOST_STEPS = 201

FORMATS = ("json", "npz", "png")
_Label = Annotated[int, Field(strict=True)] | Annotated[str, Field(max_length=200)]


class Body(BaseModel):
    """Fields that every request may have."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    seed: Annotated[int, Field(ge=0, lt=2**31, description="same seed, same bytes")] = 0
    format: Annotated[
        Literal["json", "npz", "png"] | None,
        Field(description="of the answer; by default as the header Accept says, else json"),
    ] = None


def bodies_of(model: ServedModel, most: int) -> dict[str, type[Body]]:
    """Return the body of each endpoint that a model offers.

    Args:
        model: that is asked.
        most: rows of one request.
    """
    return {
        endpoint: create_model(f"{endpoint}", __base__=Body, **_fields(model, endpoint, most))
        for endpoint in model.endpoints
    }


def _fields(model: ServedModel, endpoint: str, most: int) -> dict[str, Any]:
    if endpoint == "sample":
        count = (Annotated[int, Field(ge=1, le=most, description="number of samples")], 64)
        options = {name: (hint | None, None) for name, hint in model.sampling.types.items()}
        return {"count": count, **_conditions(model, most, "gone round; all classes in turn by default"), **options}
    conditions = _conditions(model, most, "one for all, or one for each")
    examples = (_described(f"examples, {model.data.described()}"), ...)
    particles = (Annotated[int, Field(ge=1, le=MOST_PARTICLES)], 1)
    if endpoint == "log_prob":
        bound = {"particles": particles} if model.score == "elbo" else {}
        return {"x": examples, **conditions, **bound}
    if endpoint == "encode":
        return {"x": examples, **conditions}
    if endpoint == "decode":
        return {"z": (_described(f"codes of {model.latent} numbers"), ...), **conditions}
    if endpoint == "inpaint":
        samples = (Annotated[int, Field(ge=1, le=most, description="completions of each image")], 1)
        known = (_described("true where a pixel is known, [n, height, width]"), ...)
        return {"x": examples, "known": known, **conditions, "samples": samples, "particles": particles}
    ends = {"z": (_described("two codes; without ends, two codes of the prior") | None, None)}
    if "encode" in model.endpoints:
        ends["x"] = (_described("two examples, in the place of codes") | None, None)
    path = (Literal[tuple(PATHS)], "linear")
    return {
        **ends,
        **_conditions(model, most, "one, or one for each end"),
        "path": path,
        "steps": (Annotated[int, Field(ge=2, le=MOST_STEPS)], 11),
    }


def _described(what: str) -> Any:
    return Annotated[list[Any], Field(description=f"nested lists of numbers: {what}")]


def _conditions(model: ServedModel, most: int, how: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    # The first wrong entry of a list ends its check, so that a long one makes no list of errors.
    if "labels" in model.conditions:
        several = Annotated[list[_Label], Field(fail_fast=True, max_length=most)]
        labels = Annotated[_Label | several, Field(description=f"classes by number or name: {how}")]
        fields["labels"] = (labels | None, None)
    if "context" in model.conditions:
        row = Annotated[list[float], Field(fail_fast=True, max_length=len(model.data.context or ()))]
        rows = Annotated[list[row], Field(fail_fast=True, max_length=most)]
        context = Annotated[row | rows, Field(description=f"numbers of the context: {how}")]
        fields["context"] = (context | None, None)
    return fields


def parse(body: type[Body], content: bytes) -> Body:
    """Return the fields of a request.

    Raises:
        UnknownNameError: for a field that there is not, with the closest one.
        OptionError: for anything else that does not fit, in one line; `MalformedError` for what is no JSON.
    """
    try:
        return body.model_validate_json(content or b"{}")
    except ValidationError as error:
        raise _in_one_line(error, tuple(body.model_fields)) from error


class MalformedError(OptionError):
    """A body that is no JSON object."""


def _in_one_line(error: ValidationError, known: Sequence[str]) -> Exception:
    found = error.errors(include_url=False, include_input=False)
    first = found[0]
    if first["type"] in ("json_invalid", "model_type"):
        return MalformedError(f"the body must be a JSON object: {first['msg']}.")
    if first["type"] == "extra_forbidden":
        return UnknownNameError("field", str(first["loc"][-1]), known)
    name = str(first["loc"][0]) if first["loc"] else "the body"
    # Of a union there is a message for each member.
    says = [entry["msg"] for entry in found if entry["loc"][:1] == first["loc"][:1]]
    words = " or ".join(dict.fromkeys(says[:3]))
    return OptionError(f"{name}: {words[:1].lower()}{words[1:]}.")
