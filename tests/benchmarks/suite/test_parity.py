"""Whether contenders do the same work: counts side by side, and a reason where they differ."""

import pytest

from tests.made_rows import changed, made_row, without_numbers
from tfgen_benchmarks.parity import parities

OURS = made_row()


def theirs(**fields):
    return made_row(contender="nflows", way="eager", **fields)


def test_equal_counts_are_told_without_a_warning():
    (parity,) = parities([OURS, theirs(parameters=1_234_000)])
    assert parity.differing == parity.unknown == []
    assert parity.text() == (
        "realnvp, sample: tfgen and nflows: parameters 1.23 M and 1.23 M (-0.0 %); "
        "multiply-adds an image 500 M and 500 M (+0.0 %)"
    )


@pytest.mark.parametrize(
    ("counts", "differing"),
    [
        ({"parameters": 1_296_000}, []),  # 4.98 %
        ({"parameters": 1_297_000}, ["parameters"]),  # 5.06 %
        ({"multiply_adds": 0.94 * OURS.multiply_adds}, ["multiply_adds"]),
        ({"parameters": 1, "multiply_adds": 9 * OURS.multiply_adds}, ["parameters", "multiply_adds"]),
    ],
)
def test_counts_within_five_percent_are_equal(counts, differing):
    (parity,) = parities([OURS, theirs(**counts)])
    assert parity.differing == differing
    assert ("WARNING: no note says why" in parity.text()) == bool(differing)


def test_the_notes_of_the_peer_are_the_reason():
    (parity,) = parities([OURS, theirs(multiply_adds=784 * OURS.multiply_adds, notes=["a pass for each pixel"])])
    assert "500 M and 392 G (784 times); differs by more than 5 %: a pass for each pixel" in parity.text()
    assert "WARNING" not in parity.text()


def test_an_image_is_compared_and_not_a_call():
    (parity,) = parities([OURS, theirs(examples=4.0, multiply_adds=5e8 * 4)])
    assert parity.multiply_adds == pytest.approx(1)


def test_what_is_unknown_is_told_and_does_not_differ():
    (parity,) = parities([OURS, theirs(multiply_adds=None)])
    assert (parity.differing, parity.unknown) == ([], ["multiply_adds"])
    assert parity.text().endswith("500 M and -; not known on both sides")


def test_the_largest_batch_of_both_is_taken_and_known_counts_before_unknown_ones():
    rows = [made_row(batch=batch) for batch in (1, 4, 16)]
    rows += [theirs(batch=batch) for batch in (1, 4)]
    rows.append(changed(theirs(batch=16), multiply_adds=None))
    (parity,) = parities(rows)
    assert (parity.ours.batch, parity.theirs.batch) == (4, 4)


def test_each_peer_and_work_has_its_own_line_and_one_that_is_absent_has_none():
    rows = [OURS, made_row(part="training", work="train"), theirs(), theirs(part="training", work="train")]
    rows += [
        made_row(contender="normflows"),
        without_numbers("not installed", contender="torch"),
        made_row(model="vae"),
    ]
    found = [(parity.theirs.contender, parity.theirs.work) for parity in parities(rows)]
    assert found == [("nflows", "sample"), ("nflows", "train"), ("normflows", "sample")]
