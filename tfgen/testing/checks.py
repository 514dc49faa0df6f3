"""Conformance checks: what every model must do, tested on a small data set in seconds.

In a test of a plugin::

    import pytest
    from tfgen.testing import CHECKS, ModelUnderTest

    under_test = ModelUnderTest("mymodel", plugins=["my_plugin.py"], options={"layers": 2})

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
    def test_conformance(check):
        check(under_test)

A check for something that the model does not offer raises `unittest.SkipTest`, which pytest counts as skipped; so does one
that requires another one that fails. ``tfgen check mymodel`` runs the same checks.
"""

from __future__ import annotations

from tfgen.testing.basic_checks import (
    bounds_are_numbers_per_example,
    densities_are_numbers_per_example,
    everything_is_a_function_of_the_seed,
    methods_can_be_traced,
    model_can_be_built,
    objectives_are_sound,
    samples_are_examples,
)
from tfgen.testing.bound_checks import (
    bounds_are_ordered,
    bounds_stay_below_the_evidence,
    particles_are_importance_weighted,
    posterior_and_terms_agree,
)
from tfgen.testing.check import Check
from tfgen.testing.code_checks import codes_become_examples, codes_decode_to_what_was_encoded
from tfgen.testing.density_checks import densities_integrate_to_one, samples_follow_the_density
from tfgen.testing.jacobian_check import log_determinants_match_the_jacobian
from tfgen.testing.label_checks import labels_matter_where_they_are_asked_for, labels_that_do_not_fit_are_refused
from tfgen.testing.sample_checks import (
    known_pixels_are_kept,
    samples_are_the_same_however_compiled,
    samples_do_not_depend_on_the_batch,
    sampling_options_matter,
)
from tfgen.testing.training_checks import (
    a_loaded_model_is_the_trained_one,
    compile_modes_agree,
    every_weight_is_trained,
)

#: Every check, those first on which others rest.
CHECKS: tuple[Check, ...] = (
    model_can_be_built,
    objectives_are_sound,
    samples_are_examples,
    densities_are_numbers_per_example,
    bounds_are_numbers_per_example,
    methods_can_be_traced,
    everything_is_a_function_of_the_seed,
    every_weight_is_trained,
    samples_are_the_same_however_compiled,
    samples_do_not_depend_on_the_batch,
    sampling_options_matter,
    known_pixels_are_kept,
    labels_matter_where_they_are_asked_for,
    labels_that_do_not_fit_are_refused,
    codes_become_examples,
    codes_decode_to_what_was_encoded,
    log_determinants_match_the_jacobian,
    densities_integrate_to_one,
    samples_follow_the_density,
    bounds_are_ordered,
    particles_are_importance_weighted,
    posterior_and_terms_agree,
    bounds_stay_below_the_evidence,
    a_loaded_model_is_the_trained_one,
    compile_modes_agree,
)
