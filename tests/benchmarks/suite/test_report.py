"""What people read: numbers in their units, reasons in their place, every note once, and all of it in 160 columns."""

import pytest

from tests.made_rows import changed, grown, made_result, made_row, without_numbers
from tfgen_benchmarks.report import below, ceiling_lines, machine_lines, markdown, print_report, tables
from tfgen_benchmarks.words import count, exponent, factor, number, percent, with_range


def only(result, part=0):
    """Return the rows of one table as dictionaries."""
    table = tables(result)[part]
    return [dict(zip(table.headings, cells, strict=True)) for cells in table.rows]


def test_a_row_in_peoples_units():
    (cells,) = only(made_result([made_row(multiply_adds=11.3e6 * 16)]))
    assert cells == {
        "model": "realnvp",
        "by": "tfgen graph",
        "batch": "16",
        "images/s (range)": "100 (90-110)",
        "first call s": "1.2",
        "peak MB": "250",
        "multiply-adds an image": "11.3 M",
        "GFLOP/s": "2.26",
        "of product ceiling": "1.1 %",
        "of copy ceiling": "20 % *",  # the nearer one
    }


def test_the_mark_is_at_the_ceiling_that_bounds():
    rows = [made_row(), made_row(way="xla", multiply_adds=1.0), made_row(way="a", multiply_adds=1.0, bytes=1.0)]
    shown = [(cells["of product ceiling"], cells["of copy ceiling"]) for cells in only(made_result(rows))]
    assert shown[0] == ("50 % *", "20 %")
    assert shown[1][1] == "20 % *"
    assert not any("*" in cell for cell in shown[2])  # calls take the time


def test_what_is_unknown_is_a_dash():
    nothing = {"multiply_adds": None, "bytes": None, "first_seconds": None, "peak_bytes": None, "ceilings": {}}
    (cells,) = only(made_result([made_row(**nothing)]))
    assert list(cells.values())[4:] == ["-"] * 6


def test_peers_bring_the_column_of_ratios_to_tfgens_best_of_that_batch():
    rows = [
        made_row(rates=(100.0, 100.0, 100.0)),
        made_row(way="xla", rates=(200.0, 200.0, 200.0)),
        made_row(contender="nflows", way="eager", rates=(100.0, 50.0, 40.0)),
        made_row(contender="torch", way="eager", rates=(10.0,)),  # too slow for more than a round
        made_row(contender="nflows", way="eager", batch=64),  # tfgen has none
        changed(made_row(way="lost", rates=(900.0, 900.0)), reason="the process died"),
    ]
    times = [cells["tfgen's best: times as many"] for cells in only(made_result(rows))]
    assert times == ["2.00 (2.00-2.00)", "1.00 (1.00-1.00)", "4.00 (2.00-5.00)", "20", "-", ""]
    assert "tfgen's best: times as many" not in only(made_result(rows[:2]))[0]


def test_encoding_stands_beside_decoding():
    rows = [
        made_row(part="directions", work=work, rates=rates)
        for work, rates in (("decode", (4.0, 6.0)), ("encode", (2.0, 2.0)))
    ]
    decode, encode = only(made_result(rows))
    assert (decode["by"], decode["times as long as decode"]) == ("tfgen graph, decode", "-")
    assert (encode["by"], encode["times as long as decode"]) == ("tfgen graph, encode", "2.50 (2.00-3.00)")


def test_a_reason_stands_in_the_place_of_numbers_once_for_all_batches():
    pip = "PyTorch is not installed; run: pip install -e '.[peers]'"
    rows = [made_row(), *(without_numbers(pip, contender="nflows", way="-", batch=batch) for batch in (1, 4, 16))]
    rows += [without_numbers("out of memory", batch=batch) for batch in (256, 1024)]
    _, absent, memory = only(made_result(rows))
    assert (absent["by"], absent["batch"], absent["images/s (range)"]) == ("nflows", "1..16", pip)
    assert (memory["by"], memory["batch"], memory["images/s (range)"]) == ("tfgen graph", "256, 1024", "out of memory")
    assert set(list(memory.values())[4:]) == {""}


def test_notes_are_numbered_and_told_once():
    rows = [made_row(notes=["a", "b"]), made_row(batch=1, notes=["b"]), made_row(batch=4)]
    result = made_result(rows)
    assert [cells["by"] for cells in only(result)] == ["tfgen graph [1,2]", "tfgen graph [2]", "tfgen graph"]
    assert below(result)["Notes"] == ["[1] a", "[2] b"]


def test_growth_is_a_line_for_each_axis():
    rows = grown((8, 14, 28, 56), [[1e-3 * side**2 / 64] * 2 for side in (8, 14, 28, 56)])
    rows += [without_numbers("out of memory", part="growth", sizes={"side": 112})]
    rows += grown((1, 2), [[1e-3], [2e-3]], "layers")
    result = made_result([changed(row, multiply_adds=row.sizes.get("side", 1) ** 3.0) for row in rows])
    side, layers = only(result)
    assert side["sizes"] == "side 8, 14, 28, 56 (112: out of memory)"
    assert side["ms an image"] == "1, 3.06, 12.2, 49"
    assert tables(result)[0].rows[0][-4:] == ["2.00 (2.00-2.00)", "2.00", "3.00", "3.00"]
    assert (layers["sizes"], layers["ms an image"]) == ("layers 1, 2", "1, 2")
    assert layers["exponent"] == "2 sizes have numbers, and a fit needs 3"


def test_parts_have_a_table_each_in_the_suites_order():
    rows = [*grown((1, 2, 3), [[1.0]] * 3), made_row(part="training", work="train"), made_row()]
    assert [table.title for table in tables(made_result(rows))] == ["Sampling", "Training", "How cost grows"]
    assert tables(made_result()) == []


def test_ceilings_stand_beside_the_datasheet():
    rows = [made_row(products=(1e11, 2e11, 3e11)), made_row(batch=1, products=(1e11, 2e11, 3e11))]
    alone = ceiling_lines(made_result(rows))
    assert alone[0] == "a large matrix product: 400 (200-600) GFLOP/s"
    assert alone[1] == "a large copy (v += w in place): 10 GB/s"
    beside = ceiling_lines(made_result(rows, datasheet={"flags": "avx2", "multiply_adds": 2.5e11, "bytes": None}))
    assert beside[0] == f"{alone[0]}, 80 % of the 500 GFLOP/s of the datasheet (flags avx2)"
    assert beside[1] == alone[1]
    assert ceiling_lines(made_result([without_numbers("no")])) == []


def test_machine_lines_tell_on_what_by_which_command_and_whether_it_was_idle():
    peers = {"nflows": {"versions": {"torch": "2.9.0", "nflows": "0.14"}, "threads": 2, "device": "cpu"}}
    result = made_result(
        [made_row()], peers=peers, calibration={"slept_ms": 20.0, "timed_ms": 20.2, "off_percent": 1.0}
    )
    assert machine_lines(result) == [
        "clock: a model that sleeps for 20 ms was timed at 20.2 ms, 1 % off",
        "nflows: torch 2.9.0, nflows 0.14, threads 2, device cpu",
        "machine: Abacus 9000, 2 of 4 cores, device CPU (2 cores), load 0.1 at the start",
        "versions: python 3.11.7, tensorflow 2.21.0",
        "command: python -m benchmarks --quick",
    ]
    busy = machine_lines(made_result([made_row()], load_at_start=3.2))
    assert busy[0] == "WARNING: the machine was not idle (load 3.2 at the start)"
    assert "unknown" in machine_lines(made_result(machine={}))[0]  # of an older program


@pytest.fixture
def long():
    """A result in which everything is as long as it gets."""
    rates = (123456.0, 112233.0, 133333.0, 123456.0)
    fields = {"products": (1e11,) * 4, "memory": (1e10,) * 4, "peak_bytes": 12_345_000_000}
    rows = [
        made_row(rates, batch=batch, contender=contender, way=way, notes=["error_text"], **fields)
        for batch in (1, 1024)
        for contender, way in (("tfgen", "graph"), ("normflows", "compiled"), ("tfd.PixelCNN", "graph"))
    ]
    rows += [without_numbers("out of memory: " + "allocating " * 20, model="third_party:units=1024,mask=half+random")]
    rows += grown((8, 14, 28, 56), [[1.23456e-3 * side] * 4 for side in (8, 14, 28, 56)], notes=["error_text"])
    return made_result(rows)


def test_tables_fit_160_columns_and_each_row_of_numbers_one_line(long, capsys):
    print_report(long)
    lines = capsys.readouterr().out.splitlines()
    tables_end = lines.index("What runs")
    assert max(len(line.rstrip()) for line in lines[:tables_end]) <= 160
    whole = [line for line in lines if "123,000 (112,000-133,000)" in line]
    assert len(whole) == 6
    for part in ("1.00 (1.00-1.00)", "12,345", "500 M", "% *"):
        assert all(part in line for line in whole)
    assert sum("normflows compiled [1]" in line for line in whole) == 2
    assert "third_party: " in "\n".join(lines)  # a long name is broken where its options begin


def test_markdown_has_whole_tables(long):
    text = markdown(long, "All of it")
    assert text.startswith("# All of it\n\n## Sampling\n\n| model | by |")
    widths = {line.count(" | ") for line in text.splitlines() if line.startswith("| ") and "third" not in line}
    assert len(widths) == 2  # of rates and of growth
    assert "- [1] error_text\n" in text
    assert text.endswith("- command: python -m benchmarks --quick\n")


def test_words():
    assert [count(value) for value in (0, 999, 1000, 999_499, 11.3e6, 2.51e11)] == [
        "0",
        "999",
        "1 k",
        "999 k",
        "11.3 M",
        "251 G",
    ]
    assert [number(value) for value in (0.01234, 99.96, 100.4, 1234.0)] == ["0.0123", "100", "100", "1,230"]
    assert [percent(value) for value in (None, 0.001, 0.0949, 0.0951, 2.0)] == ["-", "0.1 %", "9.5 %", "10 %", "200 %"]
    assert [factor(value) for value in (0.0123, 0.5, 9.99, 479.2)] == ["0.012", "0.50", "9.99", "479"]
    assert [with_range(values) for values in ([], [2.0], [1.0, 2.0])] == ["-", "2", "1.5 (1-2)"]
    assert with_range([-0.07, 0.02, -0.001], exponent) == "0.00 (-0.07 to 0.02)"
