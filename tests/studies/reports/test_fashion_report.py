"""What chapter 12 says of its records."""

import pytest

from xstitch_lib.results.record import Record, load
from xstitch_lib.studies.reports import fashion_mnist as page

RECORDED, FULL = load("fashion_mnist", "medium"), load("fashion_mnist", "full")
VARIANTS = load("fashion_variants", "narrow")


def a_record(values, primary=(), metric="accuracy"):
    """A record of accuracies; values: arm → one value a seed, None where the run diverged."""
    cells = [
        {"arm": arm, "seed": seed}
        | ({"status": "diverged at step 3"} if value is None else {"status": "done", "results": results(value)})
        for arm, seeds in values.items()
        for seed, value in enumerate(seeds)
    ]
    head = {
        "study": "s",
        "arms": {arm: {} for arm in values},
        "primary": primary,
        "metrics": {"both": metric},
        "settings": {"seeds": []},
    }
    head["quantities"] = RECORDED.quantities.plain()
    return Record(head | {"settings": {"width": 8, "snapshots": 4}, "cells": cells})


def results(value):
    both = {"accuracy": value, "last": value - 1, "agree": value + 1}
    return {"both": both, "group": {"accuracy": value, "from article": value + 2}}


def without(record, arm):
    cells = [cell for cell in record.content["cells"] if cell["arm"] != arm]
    arms = {name: found for name, found in record.content["arms"].items() if name != arm}
    primary = [pair for pair in record.content["primary"] if arm not in pair]
    return Record({**record.content, "arms": arms, "primary": primary, "cells": cells})


def test_every_section_finds_its_numbers_in_the_records():
    says = [
        page.recorded_says(RECORDED),
        page.thirty_epochs_say(FULL),
        page.variants_say(RECORDED, VARIANTS),
    ]
    assert not [name for found in says for name, text in found.items() if "nan" in text or "no seed" in text]
    names = [name for found in says for name in found]
    assert len(names) == len({*names})


def test_units_one_a_channel_have_four_weights_each_and_dense_ones_a_square_matrix():
    says = {name: int(text.replace(",", "")) for name, text in page.weights_say().items()}
    assert says["channel_weights"] < says["dense_at_fc3"] < says["dense_weights"]
    assert says["dense_at_fc3"] ** 0.5 % 1 == 0 and says["channel_weights"] % 4 == 0


def test_a_gain_of_more_than_one_percent_is_another_question_than_a_gain():
    made = a_record({"none": [90.0, 90.1, 89.9], "per channel": [90.5, 90.6, 90.41], "dense at fc3": [92, 92.1, 91.8]})
    says = page.gains_say(made)
    assert says["paper_accuracy"].startswith("+0.50 points (") and says["paper_one_percent"] == "contradicted"
    assert says["dense_one_percent"] == "supported" and "inside_accuracy" not in says  # no such arm


def test_a_diverged_seed_is_left_out_of_both_arms():
    made = a_record({"none": [90.0, 90.0, 90.0], "per channel": [91.0, None, 91.0]})
    assert page.gains_say(made)["paper_accuracy"] == "+1.00 points (+1.00 to +1.00)"


UNITS = {"none": [90, 90.1], "few": [90.2, 90.3], "many": [93, 93.1], "some": [92.5, 92.6]}
PRIMARY = [(arm, "none") for arm in UNITS if arm != "none"]


def test_the_kinds_of_units_are_ordered_by_their_gain():
    says = page.kinds_of_units_say(a_record(UNITS, PRIMARY))
    assert (says["narrow_least"], says["narrow_most"]) == ("few", "many")
    assert says["narrow_last"] == "+0.20 to +3.00 points"
    assert says["narrow_claim"] == "supported for 2 of them, contradicted for 1 of them"


def test_one_verdict_for_all_kinds_is_said_once():
    alike = a_record({arm: values for arm, values in UNITS.items() if arm != "few"}, PRIMARY[1:])
    assert page.kinds_of_units_say(alike)["narrow_claim"] == "supported for any"


def test_an_arm_that_was_not_run_is_said_to():
    says = page.other_task_says(without(VARIANTS, page.SELF))
    assert says["narrow_other_task_verdict"] == "not run" and says["narrow_other_task"] == "no seed in common"
    assert says["narrow_identity"] == page.other_task_says(VARIANTS)["narrow_identity"]


def test_an_unfinished_record_says_what_it_has():
    seeds = [0, 1, 2]
    cells = [
        c for c in RECORDED.content["cells"] if c["seed"] in seeds and (c["arm"], c["seed"]) != ("dense at fc3", 2)
    ]
    unfinished = Record({**RECORDED.content, "cells": cells})
    ahead = page.ahead_of_none(unfinished, "accuracy")
    assert ahead["per channel"].index.tolist() == seeds and ahead["dense at fc3"].index.tolist() == [0, 1]
    assert page.curves_say(unfinished)["dense_beyond"].endswith(" of 16")  # two seeds from the third epoch of ten on


def test_epochs_count_from_one_and_the_difference_to_none_is_paired():
    tested = page.by_epoch(RECORDED, "test accuracy")
    assert tested.columns.tolist() == list(range(1, 11))
    ahead = page.ahead_of_none(RECORDED, "test accuracy")["per channel"]
    assert ahead.loc[3, 10] == pytest.approx(tested.loc[("per channel", 3), 10] - tested.loc[("none", 3), 10])


def test_the_last_epoch_quoted_is_the_recorded_one():
    found, says = page.quoted(FULL), page.thirty_epochs_say(FULL)
    assert says["dense_end_0"] == f"{found.loc['last epoch', 'dense at fc3, seed 0']:+.2f}"
    best = found.loc["best epoch of each, on test pictures"]
    assert best.notna().all() and len(best) == 4  # two arms, two seeds


def test_thirty_epochs_take_thirty_times_one():
    timed = load("fashion_all_dense", "epoch")
    seconds = timed.provenance.set_index("arm").seconds["dense at all three"]
    assert float(page.hours_say(timed)["all_dense_hours"]) == pytest.approx(30 * seconds / 3600, abs=0.05)
