"""The studies of the first pair of tasks keep choices and results apart."""

import pytest

from xstitch_lib import record
from xstitch_lib.results.statistics import relative_gain
from xstitch_lib.studies import STUDIES
from xstitch_lib.studies.segmentation_normals import BEST_SPLIT, BRIEF, SPLIT_ARMS

CHOICES, CONTROLLED = ("choices", "nyuv2_choices"), ("table5", "latent_map", "longer")
TABLES = ("fig2", "table1", "table2", "table3", *CONTROLLED)


@pytest.mark.parametrize("name", [*CHOICES, *TABLES])
def test_nyuv2s_test_frames_are_looked_at_by_table_5_and_its_controls_alone(name):
    study = STUDIES[name]
    of_nyu = [study.scale(scale) for scale in study.scales if study.scale(scale).world == "nyuv2"]
    assert all([(scale.table == "test") == (name in CONTROLLED) for scale in of_nyu])


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_made_with_seeds_that_no_table_has(name):
    used = {seed for table in TABLES for scale in STUDIES[table].scales.values() for seed in scale.seeds}
    for scale in STUDIES[name].scales.values():
        assert scale.table == "validation" and not {*scale.seeds} & used


def test_the_best_split_is_the_one_that_the_recorded_choices_name():
    chosen = record.load("choices", "small")
    gains = {
        arm.name: relative_gain(chosen.table, arm.name, "one-task", chosen.content["metrics"]) for arm in SPLIT_ARMS
    }
    assert max(gains, key=lambda name: gains[name].mean) == BEST_SPLIT


def test_the_units_factor_at_brief_is_the_one_that_its_recorded_rule_picks():
    tried = record.load("table2", "brief")
    larger = [arm for arm in tried.content["arms"] if arm != "10"]
    gains = {arm: relative_gain(tried.table, arm, "10", tried.content["metrics"]).mean for arm in larger} | {"10": 0}
    assert float(max(gains, key=gains.get)) == BRIEF.unit_lr_scale
