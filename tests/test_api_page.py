"""docs/api.md is what tools/api_page.py makes of the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import api_page

import tfgen
import tfgen.metrics

ROOT = Path(__file__).parent.parent


def test_the_page_is_up_to_date():
    assert api_page.PAGE.read_text() == api_page.page(), "docs/api.md is stale; run: python tools/api_page.py"


def test_every_public_name_is_on_the_page_with_what_it_is():
    text = api_page.page()
    names = [f"tfgen.{name}" for name in tfgen.__all__] + [f"tfgen.metrics.{name}" for name in tfgen.metrics.__all__]
    for name in names:
        entry = text.partition(f"### {name}\n\n    ")[2].partition("\n### ")[0]
        assert name.rpartition(".")[2] in entry.split("\n")[0], name
        assert len(entry.strip().splitlines()) >= 3, f"{name} has no first sentence"


def test_a_page_that_is_stale_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(api_page, "PAGE", tmp_path / "api.md")
    monkeypatch.setattr(api_page, "PACKAGES", ("tfgen.metrics",))
    assert api_page.main(["--check"]) == 1
    assert "run: python tools/api_page.py" in capsys.readouterr().err
    assert api_page.main([]) == 0
    assert api_page.main(["--check"]) == 0
    (tmp_path / "api.md").write_text(api_page.page().replace("math", "mathematics").replace("nats", "bits"))
    assert api_page.main(["--check"]) == 1


def test_signatures_have_a_parameter_a_line_where_one_is_too_short():
    def short(a: int, *, b: str = "x") -> float: ...
    def long(
        a: int, *rest: str, an_option_with_a_long_name: Mapping[str, int] | None = None, other: float = 1.0
    ) -> float: ...
    def keyword(the_first_parameter: Sequence[int], *, the_second_parameter: str = "a", the_third: int) -> None: ...

    assert api_page._call("short", api_page._signature(short)) == ["short(a: int, *, b: str = 'x') -> float"]
    assert api_page._call("long" * 6, api_page._signature(long))[1:] == [
        "    a: int,",
        "    *rest: str,",
        "    an_option_with_a_long_name: Mapping[str, int] | None = None,",
        "    other: float = 1.0,",
        ") -> float",
    ]
    assert api_page._call("keyword" * 4, api_page._signature(keyword))[2:4] == [
        "    *,",
        "    the_second_parameter: str = 'a',",
    ]
