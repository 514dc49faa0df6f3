"""Comparing results: noise and slower machines are told from slower programs, and whatever is missing is listed."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.made_rows import MACHINE, changed, grown, made_result, made_row, times_as_fast, without_numbers
from tfgen_benchmarks.comparing import VERDICTS, compare_results
from tfgen_benchmarks.comparing_table import above, below, markdown, print_comparison, table

STEADY = made_row(rates=(100.0, 102.0, 98.0))
RATES = st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=6)
FACTORS = st.floats(1e-3, 1e3)


def verdict(old, new, **named):
    (change,) = compare_results(made_result([old]), made_result([new]), **named).changes
    return change.verdict


@st.composite
def rows(draw):
    """Draw a row of any kind, on a machine that is noisy itself."""
    rates = draw(RATES)
    ceilings = st.lists(st.floats(1e6, 1e14), min_size=len(rates), max_size=len(rates))
    known = {"multiply_adds": draw(st.none() | st.floats(1, 1e12)), "bytes": draw(st.none() | st.floats(1, 1e12))}
    return made_row(rates, products=draw(ceilings), memory=draw(ceilings), **known)


@settings(deadline=None)
@given(rows())
def test_a_result_is_the_same_as_itself(row):
    found = compare_results(made_result([row]), made_result([row]), tolerance=0.0)
    (change,) = found.changes
    assert change.verdict == "same"
    assert change.by_clock.middle == change.against_ceiling.middle == 1
    assert (change.remarks, found.slower, found.doubts) == ((), [], [])


@settings(deadline=None)
@given(rows(), FACTORS)
def test_a_machine_of_another_speed_makes_no_row_slower(row, times):
    """Rates and ceilings alike."""
    (change,) = compare_results(made_result([row]), made_result([times_as_fast(row, times, times)])).changes
    assert change.verdict in ("machine", "same")
    assert change.against_ceiling.middle == pytest.approx(1)
    assert change.by_clock.middle == pytest.approx(times)


@settings(deadline=None)
@given(rows(), st.floats(0.01, 0.9), FACTORS)
def test_a_slower_program_is_never_called_faster_and_is_found_where_the_ranges_part(row, times, machine):
    new = times_as_fast(row, times * machine, machine)
    (change,) = compare_results(made_result([row]), made_result([new])).changes
    assert change.verdict != "faster"
    if change.against_ceiling.high < 1 and change.by_clock.high < 1:
        assert change.verdict == "slower"


def test_ratios_and_bands():
    old, new = made_row(rates=(100.0, 110.0, 90.0)), made_row(rates=(50.0, 44.0, 66.0), products=(1e11, 1e11, 2e11))
    (change,) = compare_results(made_result([old]), made_result([new])).changes
    band = change.by_clock
    assert (band.middle, band.low, band.high) == pytest.approx((0.5, 44 / 110, 66 / 90))
    against = change.against_ceiling
    assert change.ceiling == "products"
    assert (against.middle, against.low, against.high) == pytest.approx((0.44, 33 / 110, 50 / 90))
    assert change.verdict == "slower"


@pytest.mark.parametrize(
    ("clock", "machine", "expected"),
    [
        (1.0, 1.0, "same"),
        (1.02, 1.0, "same"),  # in the band
        (0.94, 0.94, "machine"),
        (0.5, 1.0, "slower"),
        (2.0, 1.0, "faster"),
        (0.5, 0.5, "machine"),
        (2.0, 2.0, "machine"),
        (0.25, 0.5, "slower"),  # the machine is slower, and the program as well
        (0.5, 0.25, "machine"),  # a slower machine: what is left of the loss is a gain
        (1.0, 2.0, "suspect"),  # a faster machine has hidden it
        (1.5, 3.0, "suspect"),
        (1.0, 0.5, "same"),
    ],
)
def test_verdicts(clock, machine, expected):
    assert verdict(STEADY, times_as_fast(STEADY, clock, machine)) == expected


def test_small_differences_beyond_noise_are_none():
    old = made_row(rates=(100.0, 100.0, 100.0))
    for times, expected in ((0.96, "same"), (1.04, "same"), (0.94, "slower"), (1.06, "faster")):
        assert verdict(old, times_as_fast(old, times)) == expected
    assert verdict(old, times_as_fast(old, 0.99), tolerance=0.0) == "slower"
    assert verdict(old, times_as_fast(old, 0.8), tolerance=0.3) == "same"


def test_ranges_that_overlap_are_noise_however_far_the_medians_are():
    assert verdict(made_row(rates=(100.0, 30.0, 110.0)), made_row(rates=(40.0, 41.0, 42.0))) == "same"


def test_what_makes_its_time_in_calls_is_no_suspect():
    row = changed(STEADY, multiply_adds=1e6, bytes=1e4)
    assert row.bound == "calls"
    assert verdict(row, times_as_fast(row, 1.0, 2.0)) == "same"
    assert verdict(row, times_as_fast(row, 0.5, 0.5)) == "machine"


def test_the_ceiling_that_bounds_the_row_counts():
    """The copy alone has become slower, and a row bound by it with it."""
    bound = changed(STEADY, bytes=9e7 * 16)
    assert bound.bound == "memory"

    def slower_copy(row, times):
        ceilings = {**row.ceilings, "memory": [times * value for value in row.ceilings["memory"]]}
        return changed(times_as_fast(row, times), ceilings=ceilings)

    assert verdict(bound, slower_copy(bound, 0.5)) == "machine"
    assert verdict(STEADY, slower_copy(STEADY, 0.5)) == "slower"


def test_fewer_multiply_adds_are_no_loss():
    """The share of the ceiling falls, though images come faster."""
    old = STEADY
    new = changed(times_as_fast(old, 1.5), multiply_adds=old.multiply_adds / 4)
    assert new.products_share < old.products_share
    (change,) = compare_results(made_result([old]), made_result([new])).changes
    assert change.verdict == "faster"
    assert change.against_ceiling.middle == pytest.approx(1.5)
    assert "500 M multiply-adds an example before, 125 M now" in change.remarks


def test_without_ceilings_the_clock_alone_judges():
    bare = changed(STEADY, ceilings={})
    (change,) = compare_results(made_result([bare]), made_result([times_as_fast(STEADY, 0.5)])).changes
    assert (change.verdict, change.ceiling, change.against_ceiling) == ("slower", None, None)
    assert change.remarks[0] == "no ceiling in both: by the clock alone"


@pytest.mark.parametrize(("before", "now"), [(1, 3), (3, 1), (1, 1)])
def test_a_single_round_has_no_band_and_is_not_judged(before, now):
    old, new = times_as_fast(STEADY, rounds=before), times_as_fast(STEADY, 0.2, rounds=now)
    found = compare_results(made_result([old]), made_result([new]))
    assert found.changes[0].verdict == "unjudged"
    assert found.changes[0].remarks[0] == "a single round has no noise band"
    assert found.changes[0].by_clock.middle == pytest.approx(0.2, rel=0.03)
    assert found.slower == []
    assert any(line.startswith("unjudged: 1 row") for line in below(found))


def test_a_ceiling_too_noisy_to_tell_is_told():
    new = times_as_fast(STEADY, 0.6)
    noisy = changed(new, ceilings={**new.ceilings, "products": [0.5e11, 1e11, 2e11]})
    (change,) = compare_results(made_result([STEADY]), made_result([noisy])).changes
    assert change.verdict == "machine"
    assert change.remarks[0] == "the ceiling is too noisy to tell: measure again"
    (change,) = compare_results(made_result([STEADY]), made_result([times_as_fast(STEADY, 0.6, 0.6)])).changes
    assert change.remarks == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"parameters": 1_300_000}, "1.23 M parameters before, 1.3 M now: another model"),
        ({"peak_bytes": 500_000_000}, "peak memory 2.00 times"),
        ({"first_seconds": 5.0}, "first call 4.00 times as long"),
        ({"cores_busy": [1.0, 1.0, 1.0]}, "cores busy 1.90 before, 1.00 now"),
        ({"multiply_adds": 1e6, "bytes": 1e4}, "bound by products before, by calls now"),
        ({"peak_bytes": 260_000_000, "first_seconds": 1.5, "cores_busy": [1.8] * 3}, None),
        ({"peak_bytes": None, "first_seconds": None, "cores_busy": [], "parameters": None}, None),
    ],
)
def test_what_else_has_changed_is_remarked(changes, says):
    (change,) = compare_results(made_result([STEADY]), made_result([changed(STEADY, **changes)])).changes
    assert change.verdict == "same"
    assert change.remarks == () if says is None else says in change.remarks


def test_rows_in_one_result_alone_or_without_numbers_are_listed():
    gone = without_numbers("out of memory", batch=64)
    died = changed(made_row(batch=256), reason="the process died", seconds=[0.1])  # in a later round
    old = made_result([STEADY, made_row(batch=64), made_row(batch=256), without_numbers("no", batch=2), gone])
    old.rows[-1] = without_numbers("no PyTorch", contender="nflows")
    new = made_result([gone, died, without_numbers("no", batch=2), made_row(contender="nflows"), made_row(model="vae")])
    found = compare_results(old, new)
    assert found.changes == []
    assert [row.batch for row in found.lost] == [64, 256]
    assert [row.contender for row in found.gained] == ["nflows"]
    assert [row.name for row in found.only_old] == [STEADY.name]
    assert [row.model for row in found.only_new] == ["vae"]
    assert [row.batch for row in found.without] == [2]
    lines = below(found)
    assert "LOST its numbers: sampling, realnvp, tfgen graph, sample, batch 64: out of memory" in lines
    assert "LOST its numbers: sampling, realnvp, tfgen graph, sample, batch 256: the process died" in lines
    assert "has numbers now: sampling, realnvp, nflows graph, sample, batch 16" in lines
    assert "only in the old result: sampling, realnvp, tfgen graph, sample, batch 16" in lines
    assert "only in the new result: sampling, vae, tfgen graph, sample, batch 16" in lines
    assert "without numbers in both: 1 row" in lines
    assert "no row has numbers in both results: nothing was compared" in lines


def test_rows_that_differ_in_batch_or_size_are_listed_together():
    old = made_result([*(made_row(batch=batch) for batch in (1, 4)), *grown((8, 14), [[1.0], [2.0]])])
    lines = [line for line in below(compare_results(old, made_result())) if line.startswith("only")]
    assert lines == [
        "only in the old result: sampling, realnvp, tfgen graph, sample, batch 1 4",
        "only in the old result: growth, realnvp, tfgen graph, sample, side 8 14, batch 16",
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"machine": {**MACHINE, "cpu": "Abacus 9001"}}, "machine, cpu: Abacus 9000 then, Abacus 9001 now"),
        ({"machine": {**MACHINE, "cores_usable": 1}}, "machine, cores usable: 2 then, 1 now"),
        (
            {"machine": {**MACHINE, "versions": {"python": "3.11.7", "tensorflow": "2.22.0"}}},
            "machine, version of tensorflow: 2.21.0 then, 2.22.0 now",
        ),
        ({"machine": {**MACHINE, "versions": {"python": "3.11.7"}}}, "version of tensorflow: 2.21.0 then, none now"),
        ({"options": {"seed": 0, "rounds": 3, "precision": "tf32"}}, "option precision: none then, tf32 now"),
        (
            {"machine": {**MACHINE, "versions": {**MACHINE["versions"], "tf_keras": "2.21.0"}}},
            "machine, version of tf_keras: none then, 2.21.0 now",
        ),
        ({"load_at_start": 2.5}, "the machine was not idle when the new result began (load 2.5)"),
        ({"peers": {"nflows": {"versions": {"torch": "3"}, "threads": 1}}}, "nflows, version of torch: 2 then, 3 now"),
    ],
)
def test_what_makes_a_comparison_doubtful_is_told_first(changes, says):
    peers = {"nflows": {"versions": {"torch": "2"}, "threads": 1}}
    found = compare_results(made_result([STEADY], peers=peers), made_result([STEADY], **{"peers": peers, **changes}))
    assert any(says in line for line in found.doubts)
    assert above(found)[0] == f"DOUBT: {found.doubts[0]}"
    hardware = bool(
        {"cpu", "cores_usable"} & {key for key, value in changes.get("machine", {}).items() if value != MACHINE[key]}
    )
    assert found.doubts[0].startswith("other hardware") == hardware
    assert len(found.doubts) == 1 + hardware


def test_load_and_where_results_went_are_no_doubts():
    machine = {**MACHINE, "load_average": [0.4, 9.0, 9.0]}
    options = {"seed": 0, "rounds": 3, "out": "elsewhere", "models": ["realnvp"], "quick": True}
    assert compare_results(made_result([STEADY]), made_result([STEADY], machine=machine, options=options)).doubts == []


def test_one_name_twice_is_a_doubt():
    found = compare_results(made_result([STEADY, STEADY]), made_result([STEADY]))
    assert found.doubts == ["rows of one name: 1 were left out, the last one counts"]


def test_the_machines_own_change_is_told():
    found = compare_results(made_result([STEADY]), made_result([times_as_fast(STEADY, 0.5, 0.5)]))
    assert found.ceilings["products"].middle == pytest.approx(0.5)
    assert "a large matrix product now runs 0.50 times as fast as then" in above(found)


def test_how_many_rows_chance_alone_would_make_slower():
    """All three new rounds below all three old ones: one of the (6 over 3) orders."""
    twenty = [made_row(batch=batch) for batch in range(1, 21)]
    found = compare_results(made_result(twenty), made_result(twenty))
    assert found.by_chance == pytest.approx(20 / math.comb(6, 3))
    assert any("about 1.00 of 20 rows look slower by the clock" in line for line in below(found))
    single = [times_as_fast(row, rounds=1) for row in twenty]
    assert compare_results(made_result(twenty), made_result(single)).by_chance == 0


def test_the_table_begins_with_the_worst():
    old = made_result([changed(STEADY, batch=batch) for batch in range(1, 7)])
    factors = (1.0, 0.6, 2.0, 0.5, 1.0, 0.5)
    new = made_result([times_as_fast(row, factor) for row, factor in zip(old.rows, factors, strict=True)])
    new.rows[4] = times_as_fast(old.rows[4], 1.0, 2.0)
    new.rows[5] = times_as_fast(old.rows[5], 0.5, 0.5)
    found = compare_results(old, new)
    shown = [(cells[3], cells[8]) for cells in table(found).rows]
    assert [batch for batch, _ in shown] == ["4", "2", "5", "3", "6", "1"]
    assert [verdict for _, verdict in shown] == ["slower", "slower", "suspect", "faster", "machine", "same"]
    assert [change.new.batch for change in found.slower] == [2, 4]
    assert below(found)[-1].startswith(
        "SLOWER: sampling, realnvp, tfgen graph, sample, batch 4: 0.50 (0.48-0.52) times"
    )
    assert table(found).rows[0][4:8] == ["100", "50", "0.50 (0.48-0.52)", "0.50 (0.48-0.52) products"]


def test_means_of_each_part():
    old = [changed(STEADY, batch=batch) for batch in (1, 2)] + [changed(STEADY, part="training", work="train")]
    new = [times_as_fast(old[0], 2.0), times_as_fast(old[1], 0.5), times_as_fast(old[2], 0.5, 0.5)]
    lines = below(compare_results(made_result(old), made_result(new)))
    assert "sampling: 2 rows, 1.00 times as fast by the clock, 1.00 against the ceilings (geometric means)" in lines
    assert "training: 1 row, 0.50 times as fast by the clock, 1.00 against the ceilings (geometric means)" in lines


def test_printed_in_160_columns_and_as_markdown(capsys):
    old = made_result([STEADY, made_row(batch=1024, contender="normflows", way="compiled"), made_row(batch=2)])
    slower = changed(times_as_fast(old.rows[1], 0.3), parameters=3, peak_bytes=9_000_000_000, first_seconds=99.0)
    found = compare_results(
        old, made_result([STEADY, slower, without_numbers("out of memory", batch=2)], load_at_start=4.0)
    )
    print_comparison(found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("DOUBT: the machine was not idle")
    assert max(len(line) for line in lines if not line.startswith(("LOST", "had", "SLOWER", "DOUBT"))) <= 160
    text = markdown(found)
    assert text.startswith("# New through old\n\n- DOUBT: the machine")
    assert "| sampling | realnvp | normflows compiled | 1024 | 100 | 30 | 0.30 (0.25-0.37) |" in text


def test_json_for_programs():
    old = made_result([STEADY, made_row(batch=2), made_row(batch=4)])
    new = made_result(
        [times_as_fast(STEADY, 0.5), without_numbers("gone", batch=2), made_row(batch=8)], load_at_start=4.0
    )
    content = json.loads(json.dumps(compare_results(old, new).to_json()))
    assert content["benchmark"] == "comparison"
    assert content["verdicts"] == {name: int(name == "slower") for name in VERDICTS}
    (row,) = content["rows"]
    assert (row["model"], row["batch"], row["verdict"], row["ceiling"]) == ("realnvp", 16, "slower", "products")
    assert row["by_clock"]["middle"] == pytest.approx(0.5)
    assert row["rate"] == pytest.approx({"old": 100, "new": 50})
    assert [(row["batch"], row["reason"]) for row in content["lost"]] == [(2, "gone")]
    assert [row["batch"] for row in content["only_old"] + content["only_new"]] == [4, 8]
    assert len(content["doubts"]) == 1
    assert content["slower_by_chance"] == pytest.approx(0.05)
