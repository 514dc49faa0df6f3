"""Weight budget: weights of the saved shapes are free, few others are, and no other gets any memory."""

import itertools
import threading
import tracemalloc

import keras
import pytest

from tfgen.model.weight_budget import WeightBudget, WeightBudgetError


def dense(units, inputs=4):
    layer = keras.layers.Dense(units)
    layer.build((None, inputs))
    return layer


def test_the_saved_weights_and_a_few_more():
    with WeightBudget([(4, 3), (3,)] * 2).enforced():
        for _ in range(2):
            dense(3)
        dense(5)
        keras.layers.Dropout(0.5)  # has a seed
    dense(7)


def test_a_large_weight_gets_no_memory():
    tracemalloc.start()
    try:
        says = r"a weight of shape \[1000000, 1000000000\]"
        with WeightBudget([(4, 3), (3,)]).enforced(), pytest.raises(WeightBudgetError, match=says):
            dense(10**9, 10**6)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_endless_layers_end():
    for make, says in ((dense, "many more weights"), (keras.layers.Dense, "many more layers")):
        made = itertools.count()
        with WeightBudget([(4, 3), (3,)]).enforced(), pytest.raises(WeightBudgetError, match=says):
            any(make(3) is None for _ in iter(made.__next__, 10**9))
        assert next(made) < 1000


def test_the_budget_is_that_of_one_thread_and_one_block():
    before = keras.Variable.__init__
    with WeightBudget([]).enforced():
        thread = threading.Thread(target=dense, args=(10_000, 1_000))
        thread.start()
        thread.join()
        with pytest.raises(WeightBudgetError):
            dense(10_000, 1_000)
    assert keras.Variable.__init__ is before
    dense(10_000, 1_000)
