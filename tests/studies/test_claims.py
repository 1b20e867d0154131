"""Verdicts come from records by the comparison that a claim names."""

import re
from dataclasses import asdict
from itertools import permutations

import numpy as np
import pytest

from xstitch_lib import paper
from xstitch_lib.results import measures, settings
from xstitch_lib.results.classes import hardly_predicted, rarer_gains_more, rarest_gain
from xstitch_lib.results.findings import Finding
from xstitch_lib.results.measures import (
    better,
    converges_faster,
    gains_more,
    gains_more_than,
    least,
    only,
    worst_start_gains,
)
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import Difference, summary
from xstitch_lib.studies import STUDIES, claims
from xstitch_lib.studies.claims import CLAIMS, GROUPS, Claim, Group
from xstitch_lib.studies.segmentation_normals import CHOICES, NYU_CHOICES

NORMALS = {
    f"{before}{name}": asdict(quantity)
    for before in ("", "manhattan ")
    for name, quantity in paper.QUANTITIES["normals"].items()
}


def a_record(values, primary=(), per_class=None, curves=None, labels=None):
    """A record of one task, "seg" in mIU; values: arm → one value a seed."""
    cells = [
        {
            "arm": arm,
            "seed": seed,
            "status": "done",
            "results": {"seg": {"mIU": value}},
            "per_class": {"seg": per_class(arm, seed)} if per_class else {},
            "curves": {"": {"1": {"seg": {"mIU": curves(arm, seed)}}}} if curves else {},
        }
        for arm, seeds in values.items()
        for seed, value in enumerate(seeds)
    ]
    content = {
        "study": "s",
        "scale": "small",
        "arms": {arm: {} for arm in values},
        "primary": primary,
        "metrics": {"seg": "mIU"},
        "labels": labels,
        "quantities": {**paper.QUANTITIES.plain(), "normals": NORMALS},
        "settings": {"seeds": range(len(next(iter(values.values()))))},
    }
    return Record(content | {"cells": cells})


NOISE = [0.0, 0.1, -0.1, 0.05]


def shifted(by):
    return [20 + by * (1 + noise) + noise for noise in NOISE]


def test_settings_are_held_against_the_chosen_one_of_their_group():
    made = a_record({"one": shifted(0), "two": shifted(2), "three": shifted(-1)})
    groups = {"rate": ("one", {"0.1": "one", "0.2": "two"}), "width": ("three", {"8": "one", "4": "three"})}
    found = settings.against_chosen(made, groups)
    assert found.choice.tolist() == ["rate", "rate", "width", "width"]
    assert found.setting.tolist() == ["0.1, chosen", "0.2", "8", "4, chosen"]
    against = found["better than chosen, percent"]
    assert against[0] == against[3] == "" and against[1].startswith("+10.") and against[2].startswith("+5.")


def test_a_setting_that_diverged_is_said_to():
    made = a_record({"one": shifted(0), "two": shifted(2)})
    for cell in made.content["cells"]:
        if cell["arm"] == "two":
            cell["status"] = "diverged at step 3"
            del cell["results"]
    found = settings.against_chosen(made, {"rate": ("one", {"0.1": "one", "0.2": "two"})})
    assert found.loc[1, "seg mIU ↑"] == "diverged" and found.loc[1, "better than chosen, percent"] == ""


def test_of_a_setting_that_diverged_but_once_the_other_seed_is_told():
    made = a_record({"one": shifted(0)[:2], "two": shifted(2)[:2]})
    made.content["cells"][-1]["status"] = "diverged at step 3"
    del made.content["cells"][-1]["results"]
    found = settings.against_chosen(made, {"rate": ("one", {"0.1": "one", "0.2": "two"})})
    assert re.fullmatch(r"\+\d+\.\d\d \(one seed\)", found.loc[1, "better than chosen, percent"])


def test_post_processing_is_held_against_the_normals_before_it_seed_by_seed():
    made = a_record({"a": shifted(0), "b": shifted(0)[:3]})  # the second lacks a seed
    for cell in made.content["cells"]:
        seed = cell["seed"]
        angles, shares = {"mean": 30.0, "median": 20.0 + seed}, {"11.25": 40.0, "22.5": 50.0, "30": 60.0}
        after = {f"manhattan {name}": value - 1 - seed / 100 for name, value in {**angles, **shares}.items()}
        cell["results"]["normals"] = angles | shares | after
    of_both = settings.post_processing(made)
    assert not of_both[of_both.arm == "b"].gain.str.contains("nan").any()
    found = of_both[of_both.arm == "a"].set_index("metric")
    assert found.loc["median", ["before", "after"]].tolist() == ["21.50", "20.48"]  # means over four seeds
    assert found.gain["median"].startswith("+1.0") and found.gain["mean"].startswith("+1.0")  # less is better
    assert found.gain["11.25"].startswith("-1.0")


@pytest.mark.parametrize(
    ("study", "scale", "choices"),
    [("choices", "small", CHOICES), ("nyuv2_choices", "medium", NYU_CHOICES)],
)
def test_the_groups_of_choices_have_all_of_its_arms_and_the_chosen_one_among_them(study, scale, choices):
    in_groups = {arm for _, settings in choices.values() for arm in settings.values()}
    compared = set(STUDIES[study].names(scale)) - {"ensemble", "self-stitch"}  # these are there as context
    assert in_groups == compared
    assert all([chosen in settings.values() for chosen, settings in choices.values()])


def test_better_is_the_paired_gain_and_its_verdict():
    found = better("a", "b")(a_record({"a": shifted(1), "b": shifted(0)}))["seg"]
    assert found.gain.mean == pytest.approx(1, abs=0.02) and found.verdict == "supported" and found.unit == "points"
    assert better("b", "a")(a_record({"a": shifted(1), "b": shifted(0)}))["seg"].verdict == "contradicted"


@pytest.mark.parametrize(
    "measure", [better, converges_faster, rarest_gain, rarer_gains_more], ids=lambda measure: measure.__name__
)
def test_nothing_is_said_of_an_arm_that_was_not_run(measure):
    assert measure("a", "c")(a_record({"a": shifted(1), "b": shifted(0)})) == {}


def test_a_primary_claim_needs_holms_p_and_another_does_not():
    """A difference with p between 0.025 and 0.05, beside one that is pure noise."""
    arms = {"a": [0.2, 1.2, 1.0, 1.6], "b": [0.0] * 4, "c": [0.3, 1.1, 1.1, 1.5]}
    alone = better("a", "b")(a_record(arms))["seg"]
    among = better("a", "b")(a_record(arms, primary=[["a", "b"], ["a", "c"]]))["seg"]
    assert alone.verdict == "supported" and among.verdict == "undecided" and alone.gain == among.gain


def test_a_gain_can_be_held_against_a_number():
    """Clear of zero either way, it is more than one, less than one, or neither."""
    for gain, verdict in ((2.0, "supported"), (0.5, "contradicted"), (1.0, "undecided")):
        found = gains_more_than(1, "a", "b")(a_record({"a": shifted(gain), "b": shifted(0)}))["seg"]
        assert found.verdict == verdict and found.gain.mean == pytest.approx(gain, abs=0.05) and found.gain.low > 0


def test_the_ends_of_the_dial_are_compared_seed_by_seed():
    """At each end against none of that end: what a label is worth alone changes along the dial."""
    ends = {"none, 0 of 10": 0, "dense, 0 of 10": 1, "none, 10 of 10": 5, "dense, 10 of 10": 8}
    made = a_record({arm: [value + noise * value for noise in NOISE] for arm, value in ends.items()})
    upper, lower = ("dense, 10 of 10", "none, 10 of 10"), ("dense, 0 of 10", "none, 0 of 10")
    gain = gains_more(upper, lower)(made)["seg"].gain
    assert gain == pytest.approx(summary([(8 - 5 - 1) * (1 + noise) for noise in NOISE]))


def test_convergence_is_judged_after_the_start_and_on_average():
    ahead = {"fast": [5.0, 8.0, 9.0], "slow": [7.0, 6.0, 9.0]}
    made = a_record({"fast": NOISE, "slow": NOISE}, curves=lambda arm, seed: [[0, 50, 100], ahead[arm]])
    assert converges_faster("fast", "slow")(made)["seg"].gain.mean == pytest.approx(1)


def test_rare_classes_are_those_with_the_fewest_training_labels():
    labels = {"seg": {"wall": 900, "bed": 90, "vase": 9}}
    gains = {"wall": 0.0, "bed": 1.0, "vase": 2.0}

    def per_class(arm, seed):
        return {name: {"IU": 10 + (arm == "a") * gain + NOISE[seed]} for name, gain in gains.items()}

    made = a_record({"a": NOISE, "b": NOISE}, per_class=per_class, labels=labels)
    assert rarest_gain("a", "b", classes=2)(made)["seg"].gain.mean == pytest.approx(1.5)
    assert rarer_gains_more("a", "b")(made)["seg"].gain.mean == pytest.approx(1)
    assert rarer_gains_more("b", "a")(made)["seg"].gain.mean == pytest.approx(-1)


def test_classes_that_are_hardly_predicted_can_be_left_out():
    """Among all, the rarest class spoils the order; among those that one-task predicts, it is perfect."""
    labels = {"seg": {"wall": 900, "bed": 90, "rug": 50, "vase": 9}}
    level = {"wall": 60, "bed": 40, "rug": 20, "vase": 0.2}
    gains = {"wall": 0.0, "bed": 1.0, "rug": 2.0, "vase": -1.0}

    def per_class(arm, seed):
        return {name: {"IU": level[name] + (arm == "a") * gain + 0.1 * NOISE[seed]} for name, gain in gains.items()}

    made = a_record({"a": NOISE, "one-task": NOISE}, per_class=per_class, labels=labels)
    assert hardly_predicted(made) == ["vase"]
    assert rarer_gains_more("a", "one-task")(made)["seg"].gain.mean < 0.5
    assert rarer_gains_more("a", "one-task", predicted=True)(made)["seg"].gain.mean == pytest.approx(1)


def test_a_claim_can_be_about_one_task():
    made = a_record({"a": shifted(1), "b": shifted(0)})
    assert list(only("seg", better("a", "b"))(made)) == ["seg"]


def test_two_records_are_compared_seed_by_seed():
    here, there = a_record({"a": shifted(3), "b": shifted(0)}), a_record({"a": shifted(1), "b": shifted(0)})
    gain = gains_more(("a", "b"), ("a", "b"))(here, there)["seg"].gain
    assert gain == pytest.approx(summary([2 * (1 + noise) for noise in NOISE]))


@pytest.fixture
def verdicts_on(monkeypatch):
    """The cells of the verdicts that a record has."""
    claim = Claim("6.2", "a is better", ("table5",), better("a", "b"))
    monkeypatch.setitem(claims.GROUPS, "test", Group("test", "Test", "index", {"small": "rooms"}, (claim,)))

    def found(made):
        monkeypatch.setattr(claims, "load", lambda study, scale: made)
        rows = claims.verdicts("test")
        return list(rows.segmentation) if len(rows) else []

    return found


def test_an_unfinished_record_has_no_verdicts(verdicts_on):
    assert len(verdicts_on(a_record({"a": shifted(1), "b": shifted(0)}))) == 1
    assert verdicts_on(a_record({"a": shifted(1), "b": shifted(0)[:3]})) == []


def test_four_seeds_of_an_unfinished_record_are_compared_and_the_verdict_says_so(verdicts_on):
    (cell,) = verdicts_on(a_record({"a": [*shifted(1), 40.0], "b": shifted(0)}))
    assert cell.startswith("**supported**: +1.01 points") and cell.endswith(", 4 of 5 seeds")
    early = a_record({"a": shifted(1), "b": shifted(0)})
    early.content["settings"]["seeds"] = range(8)
    assert verdicts_on(early)[0].endswith(", 4 of 8 seeds")


def test_arms_of_an_unfinished_record_without_seeds_in_common_have_no_verdict(verdicts_on):
    apart = a_record({"a": shifted(1), "b": shifted(0)})
    apart.content["settings"]["seeds"] = range(8)
    for cell in apart.content["cells"]:
        cell["seed"] += 4 * (cell["arm"] == "b")
    assert verdicts_on(apart) == []


def test_a_verdict_is_written_with_its_gain_and_interval(monkeypatch):
    made = a_record({"a": shifted(1), "b": shifted(0)})
    monkeypatch.setattr(claims, "load", lambda study, scale: made)
    known = [Claim("6.2", "a is better", (study,), better("a", "b")) for study in ("table5", "few_labels")]
    of_an_arm_left_out = Claim("6.2", "c is better", ("table5",), better("c", "b"))
    group = Group("test", "Test", "index", {"small": "rooms"}, (*known, of_an_arm_left_out))
    monkeypatch.setitem(claims.GROUPS, "test", group)
    assert len(claims.verdicts("test")) == 2
    (row,) = claims.verdicts("test", scale="medium").itertuples()  # the other study has no such scale
    assert row.claim == "a is better" and row.source == "6.2" and not hasattr(row, "normals")
    assert re.fullmatch(r"\*\*supported\*\*: \+1\.01 points \(\+0\.\d\d to \+1\.\d\d\)", row.segmentation)


@pytest.mark.parametrize("claim", [claim for group in CLAIMS.values() for claim in group], ids=lambda c: c.text)
def test_every_claim_is_about_studies_that_exist(claim):
    assert {*claim.studies} <= {*STUDIES} and claim.source in {"ours", "README", *SECTIONS}


SECTIONS = ["5", "5.1", "5.2", "5.3", "5.4", "6", "6.2", "6.3", "6.4", "6.5"]
SECTIONS += ["figure 2", "table 1", "table 5", "table 6"]


@pytest.mark.parametrize(("about", "scale"), [(name, scale) for name, group in GROUPS.items() for scale in group.data])
def test_the_recorded_verdicts_have_finite_intervals_or_say_why_there_is_none(about, scale):
    for row in claims.rows(GROUPS[about], scale):
        if row.finding is None:
            assert row.why
        elif row.finding.gain.seeds:
            low, mean, high = row.finding.gain.low, row.finding.gain.mean, row.finding.gain.high
            assert low <= mean <= high
        else:
            assert any(row.finding.lost)


def test_claims_about_arms_studies_and_scales_that_are_not_there_say_what_would_help(monkeypatch):
    made = a_record({"a": shifted(1), "b": shifted(0)})
    monkeypatch.setattr(claims, "load", lambda study, scale: made)
    asked = [("table5", "c"), ("table99", "a"), ("few_labels", "a")]
    known = tuple([Claim("6.2", study, (study,), better(arm, "b")) for study, arm in asked])
    found = claims.rows(Group("test", "Test", "index", {"medium": "NYU-v2"}, known), "medium")
    assert [row.why.split(":")[0] for row in found] == [
        "an arm that it compares is no part of this scale",
        "study `table99` is not recorded yet",
        "study `few_labels` has no scale `medium`",
    ]


def test_a_start_that_diverged_is_the_worst_and_is_named():
    starts = {start: shifted(1) for start in measures.STARTS}
    made = a_record({**starts, "one-task": shifted(0)})
    assert worst_start_gains(made)["seg"].verdict == "supported"
    for cell in made.content["cells"]:
        if cell["arm"] == "(0.5, 0.5)" and cell["seed"] != 2:
            cell["status"] = "diverged at step 3"
            del cell["results"]
    del made.table
    finding = worst_start_gains(made)["seg"]
    assert finding.verdict != "supported" and "(0.5, 0.5) diverged in 3 of 4 seeds" in finding.note


def test_the_worst_of_several_does_not_depend_on_their_order():
    named = {
        name: Finding(Difference(mean, mean, mean, 1), "") for name, mean in (("a", np.nan), ("b", 1.0), ("c", 2.0))
    }
    assert {least({name: named[name] for name in order}, "{}").note for order in permutations(named)} == {"a"}


def test_arms_of_table_1_are_called_as_in_the_paper():
    assert set(measures.STARTS) == set(paper.table("table1").arm)
