"""What is said of recorded weights, against weights that are known."""

import numpy as np
import pytest

from xstitch_lib.results.alphas import moved, own_minus_other, sorted_weights
from xstitch_lib.results.record import Record
from xstitch_lib.results.weights import own_at, own_more_than, shares_more, takes_less, takes_more

LAYERS = ["pool1", "pool5", "fc7", "pool2", "fc6"]


def a_record(alpha, arms=("start",), seeds=4, share=None):
    """alpha(arm, layer, seed) → (C, 2, 2) after training."""
    cells = []
    for arm in arms:
        for seed in range(seeds):
            layers = {layer: alpha(arm, layer, seed) for layer in LAYERS}
            history = {layer: np.stack([np.zeros_like(a), a]).astype(np.float16) for layer, a in layers.items()}
            sharing = {layer: {"share": share(seed), "correlation": np.eye(2).tolist()} for layer in LAYERS if share}
            cells.append(
                {"arm": arm, "seed": seed, "status": "done", "alphas": {"": {"steps": [0, 9], "layers": history}}}
            )
            cells[-1] |= {"sharing": sharing, "results": {"seg": {}, "normals": {}}}
    return Record({"study": "alphas", "scale": "small", "metrics": {"seg": "mIU", "normals": "mean"}, "cells": cells})


def rising(arm, layer, seed):
    """alpha_SS from 0 to 1 over the channels, alpha_S of normals 3, all alpha_D 0.5, in an order of the seed's own."""
    values = np.full((5, 2, 2), 0.5)
    values[:, 0, 0] = np.random.default_rng(seed).permutation(np.linspace(0, 1, 5))
    values[:, 1, 1] = 3
    return values


def test_sorted_weights_are_sorted_over_channels_and_tell_own_from_other():
    table = sorted_weights(a_record(rising), ["start"], ["pool1"], points=5)
    own = table[(table.task == "seg") & (table.weight == "alpha_S") & (table.seed == 2)]
    assert np.allclose(own.value, [0, 0.25, 0.5, 0.75, 1], atol=1e-3) and np.allclose(own.channel, own.value, atol=1e-3)
    assert (table[(table.task == "normals") & (table.weight == "alpha_S")].value == 3).all()
    assert (table[table.weight == "alpha_D"].value == 0.5).all()


def test_own_minus_other_is_a_difference_of_means():
    table = own_minus_other(a_record(rising), ["start"], ["fc7"])
    by_task = table.groupby("task").value
    assert by_task.mean().to_dict() == pytest.approx({"seg": 0, "normals": 2.5}) and (by_task.count() == 4).all()


def test_weights_have_moved_as_far_as_they_end_from_their_start():
    """They start at 0 here."""
    made = a_record(rising, ["start", "one-task"])
    for cell in made.content["cells"]:
        if cell["arm"] == "one-task":
            cell["alphas"] = {}
    table = moved(made, ["start", "one-task"])
    assert len(table) == 4 * len(LAYERS) and table.value.tolist() == pytest.approx([(0.5 + 0.5 + 0.5 + 3) / 4] * 20)


def test_seeds_that_diverged_are_left_out():
    found = a_record(rising)
    cell = found.content["cells"][1]
    del cell["alphas"]
    cell["status"] = "diverged at step 7"
    assert set(own_minus_other(found, ["start"], ["fc7"]).seed) == {0, 2, 3}


def gap(size):
    """alpha whose own weights exceed the others' by ``size`` and a little of the seed's."""
    return lambda arm, layer, seed: np.tile(np.eye(2) * (size(arm, layer) + 0.01 * seed), (3, 1, 1))


def test_the_start_that_prefers_its_own_least_decides():
    sizes = {"a": 0.9, "b": 0.4, "c": -0.3}
    found = own_at("pool5", list(sizes))(a_record(gap(lambda arm, layer: sizes[arm]), arms=sizes))
    assert found["all"].gain.mean == pytest.approx(-0.285, abs=1e-3) and found["all"].verdict == "contradicted"
    assert found["all"].note.endswith("from c")


def test_a_layer_is_compared_with_another():
    sizes = {"pool1": 0.2, "pool5": 1.0, "fc7": 0.4, "pool2": 0.0, "fc6": 0.0}
    found = own_more_than("pool5", "fc7", "start")(a_record(gap(lambda arm, layer: sizes[layer])))
    assert found["normals"].gain.mean == pytest.approx(0.6, abs=1e-3)


def test_the_task_with_the_smaller_gap_shares_more():
    found = shares_more("seg", "normals", "start")(a_record(rising))
    assert found["seg"].gain.mean == pytest.approx(2.5, abs=1e-3) and list(found) == ["seg"]


def test_taking_more_is_told_by_shares_of_the_other_task():
    made = a_record(rising, share=lambda seed: [[0.9, 0.1], [0.3 + 0.01 * seed, 0.7 - 0.01 * seed]])
    found = takes_more("normals", "seg", "start")(made)["normals"]
    assert found.gain.mean == pytest.approx(0.215) and found.unit == "share of variance"


def test_a_layer_that_takes_less_from_the_other_task_than_another_layer():
    made = a_record(rising, share=lambda seed: [[0.9, 0.1], [0.3, 0.7]])
    for cell in made.content["cells"]:
        cell["sharing"]["fc7"] = {"share": [[0.6 + 0.01 * cell["seed"], 0.4 - 0.01 * cell["seed"]], [0.3, 0.7]]}
        cell["sharing"]["fc7"]["correlation"] = np.eye(2).tolist()
    found = takes_less("pool5", "fc7", "start")(made)
    assert found["seg"].gain.mean == pytest.approx(0.285) and found["seg"].verdict == "supported"
    assert found["normals"].gain.mean == 0
