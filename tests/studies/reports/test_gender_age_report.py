"""What chapter 15 says of its data and records."""

import json
import re
from pathlib import Path

import pytest

from xstitch_lib.data import FaceEmbeddings
from xstitch_lib.results.record import Record, load
from xstitch_lib.studies.reports import gender_age as page

CHAPTER = Path(__file__).parents[3] / "book" / "15_gender_and_age.ipynb"
ACCURACY = {"title": "accuracy", "unit": "%", "higher_is_better": True, "digits": 2}
NOISE = (0.0, 0.1, -0.1, 0.05)


def a_record(arms, draws=0, seeds=4, scale="people"):
    """Mean accuracies: arm → its level; each draw and seed is a little better or worse in all arms and in each."""
    cells = []
    for number, (arm, value) in enumerate(arms.items()):
        for seed in range(seeds):
            own = value + NOISE[(seed + number) % 4]
            tasks = {"gender": own + 5, "age": own - 5, "both": own}
            results = {task: {"accuracy": x, "best": x + 1} for task, x in tasks.items()}
            per_class = {
                task: {f"person {p}": {"accuracy": x, "samples": 4} for p in range(8)} for task, x in tasks.items()
            }
            per_class["both"] = {}
            for task, x in tasks.items():
                for draw in range(draws):
                    moved = x + NOISE[(draw + number) % 4]
                    per_class[task][f"fold {draw}"] = {"accuracy": moved, "train": 70, "test": 20}
            cells.append({"arm": arm, "seed": seed, "status": "done", "results": results, "per_class": per_class})
    content = {"study": "gender_age", "scale": scale, "arms": dict.fromkeys(arms), "primary": [["dense", "none"]]}
    content |= {"metrics": {"both": "accuracy"}, "settings": {"seeds": list(range(seeds))}, "cells": cells}
    quantities = {task: {"accuracy": ACCURACY, "best": ACCURACY} for task in ("gender", "age", "both")}
    return Record(content | {"quantities": quantities})


LEVELS = {
    "logistic regression": 86,
    "nearest neighbour": 80,
    "look-up": 82,
    "none": 85,
    "dense": 84,
    "linear inside": 84,
    "per channel": 85,
    "per channel, (0.9, 0.1)": 85,
    "self-stitch": 84,
}
PEOPLE, SCRIPT = a_record(LEVELS, draws=6), a_record(LEVELS | {"look-up": 97, "dense": 86}, scale="script")


def test_what_the_chapter_asks_for_is_said():
    prose = [c["source"] for c in json.loads(CHAPTER.read_text())["cells"] if c["cell_type"] == "markdown"]
    asked = {*re.findall(r"\{glue:text\}`([^`]+)`", "\n".join(["".join(source) for source in prose]))}
    said = page.all_says(FaceEmbeddings.synthetic(), page.recorded())
    assert asked - {"gender_age_runtime"} <= {*said} and not [name for name, text in said.items() if "nan" in text]


def test_everybody_in_a_test_by_picture_is_in_training():
    says = page.leak_says()
    assert int(says["script_pictures_each"]) > 0 and int(says["others_pictures_each"]) > 0
    least, most = [int(part) for part in says["others_people"].split(" to ")]
    assert 80 < least < most <= 100


def test_the_page_says_whose_vectors_it_shows():
    assert "synthetic stand-in" in page.data_say(FaceEmbeddings.synthetic())["data_note"]
    data = FaceEmbeddings.synthetic()
    data.source = "a folder"
    assert "the script's own" in page.data_say(data)["data_note"]


def test_with_people_apart_draws_decide_and_under_the_scripts_split_seeds_do():
    people, script = page.gains_say(PEOPLE, "people"), page.gains_say(SCRIPT, "script")
    assert people["people_dense"].startswith("-0.99 points (") and people["people_dense_verdict"] == "contradicted"
    assert script["script_dense"].startswith("+1.00 points (") and script["script_dense_verdict"] == "supported"
    assert people["people_dense_in_age"].startswith("-0.99 points (") and script["script_dense_in_age"][:5] == "+1.00"
    assert "script_twins" not in script  # the scale has no such arm


def test_three_intervals_stand_beside_each_other_and_draws_are_drawn():
    shown = page.three_intervals(PEOPLE)
    assert list(shown.columns)[2:] == ["over seeds", "over people", "over draws, corrected"] and len(shown) == 10
    values, summaries = page.gains_by_draw(PEOPLE)
    assert [*values] == [*summaries] and {len(found) for found in values.values()} == {6}
    assert summaries["dense − none"].mean == pytest.approx(values["dense − none"].mean())


def test_accuracies_have_a_row_an_arm_and_gaps_where_nothing_was_run():
    shown = page.accuracies({"here": PEOPLE.table, "there": PEOPLE.table[PEOPLE.table.task != "age"]})
    assert list(shown.index)[:3] == ["logistic regression", "nearest neighbour", "look-up"]
    assert shown.loc["none", "here, gender"] == "90.0" and set(shown["there, age"]) == {""}
    levels = page.levels_by_split({"here": PEOPLE.table}, ["none", "per channel"])
    assert levels == {"none": {"here": pytest.approx(85, abs=0.1)}, "per channel": {"here": pytest.approx(85, abs=0.1)}}


def test_the_epoch_that_is_best_on_the_test_is_told_apart_and_so_is_where_two_points_lie():
    says = page.script_says(SCRIPT, SCRIPT)
    assert says["best_none"].startswith("+1.00 points") and says["readme_two"] == "above the interval"
    assert float(says["readme_least"]) < 1 < float(says["readme_most"])


def test_years_are_told_seed_by_seed_where_a_tower_went_wrong():
    says = page.utkface_says(load("utkface", "small"), load("utkface_years", "small"))
    wrong, gains = (
        int(says["utk_years_wrong"]),
        [float(says[f"utk_years_{which}_gain"]) for which in ("wrong", "other")],
    )
    mean = float(says["utk_years_self"].split()[0])
    assert (wrong * gains[0] + (8 - wrong) * gains[1]) / 8 == pytest.approx(mean, abs=0.05) and 0 < wrong < 4
