"""What chapter 15 says of its data and records, of whole records and of those that are still to come."""

import json
import re
from pathlib import Path

import pytest

from xstitch_lib.data import FaceEmbeddings
from xstitch_lib.results.record import Record
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
}
PEOPLE, SCRIPT = a_record(LEVELS, draws=6), a_record(LEVELS | {"look-up": 97, "dense": 86}, scale="script")
NOTHING = dict.fromkeys(("script", "readme", "pictures", "people", "utkface", "utkface_years"))


def test_what_the_chapter_asks_for_is_said_with_records_and_without():
    prose = [c["source"] for c in json.loads(CHAPTER.read_text())["cells"] if c["cell_type"] == "markdown"]
    asked = {*re.findall(r"\{glue:text\}`([^`]+)`", "\n".join(["".join(source) for source in prose]))}
    data = FaceEmbeddings.synthetic()
    for records in (NOTHING, NOTHING | {"script": SCRIPT, "readme": SCRIPT, "people": PEOPLE}, page.recorded()):
        said = page.all_says(data, records)
        assert asked - {"gender_age_runtime"} <= {*said} and not [name for name, text in said.items() if "nan" in text]


def test_the_page_says_whose_vectors_it_shows():
    assert "synthetic stand-in" in page.data_say(FaceEmbeddings.synthetic())["data_note"]
    data = FaceEmbeddings.synthetic()
    data.source = "a folder"
    assert "the script's own" in page.data_say(data)["data_note"]


def test_with_people_apart_draws_decide_and_under_the_scripts_split_seeds_do():
    people, script = page.gains_say(PEOPLE, "people"), page.gains_say(SCRIPT, "script")
    assert people["people_dense"].startswith("-0.99 points (") and people["people_dense_verdict"] == "contradicted"
    assert script["script_dense"].startswith("+1.00 points (") and script["script_dense_verdict"] == "supported"
    assert people["people_twins"] == people["people_twins_verdict"] == page.NOT_YET
    assert "script_twins" not in script  # the scale has no such arm


def test_a_record_that_is_not_whole_has_gains_and_no_verdict():
    begun = a_record({"none": 85, "dense": 84, "linear inside": 84}, draws=3, seeds=1)
    begun.content["settings"]["seeds"] = [0, 1, 2, 3]
    says = page.gains_say(begun, "people")
    assert says["people_dense"].startswith("-0.88 points (") and says["people_dense_verdict"] == "still being recorded"
    assert page.progress_says({"people": begun})["progress_people"] == "3 of 12 runs"
    assert page.three_intervals(begun)["over seeds"].tolist() == ["one seed"] * 3
    cells = [cell for cell in begun.content["cells"] if cell["arm"] != "linear inside"]  # a primary pair lacks an arm
    earlier = Record({**begun.content, "primary": [["dense", "none"], ["dense", "linear inside"]], "cells": cells})
    assert page.gains_say(earlier, "people")["people_dense"] == says["people_dense"]
    assert len(page.three_intervals(earlier)) == 1 and [*page.gains_by_draw(earlier)[0]] == ["dense − none"]


def test_three_intervals_stand_beside_each_other_and_draws_are_drawn():
    shown = page.three_intervals(PEOPLE)
    assert list(shown.columns)[2:] == ["over seeds", "over people", "over draws, corrected"] and len(shown) == 5
    values, summaries = page.gains_by_draw(PEOPLE)
    assert [*values] == [*summaries] and {len(found) for found in values.values()} == {6}
    assert summaries["dense − none"].mean == pytest.approx(values["dense − none"].mean())
    assert page.three_intervals(None).iloc[0, 0] == page.NOT_YET and page.gains_by_draw(None) == ({}, {})


def test_accuracies_have_a_row_an_arm_and_gaps_where_nothing_was_run():
    shown = page.accuracies({"here": PEOPLE.table, "there": None})
    assert list(shown.index)[:3] == ["logistic regression", "nearest neighbour", "look-up"]
    assert shown.loc["none", "here, gender"] == "90.0" and set(shown["there, age"]) == {""}
    levels = page.levels_by_split({"here": PEOPLE.table, "there": None}, ["none", "per channel"])
    assert levels == {"none": {"here": pytest.approx(85, abs=0.1)}, "per channel": {}}


def test_the_epoch_that_is_best_on_the_test_is_told_apart_and_so_is_where_two_points_lie():
    says = page.script_says(SCRIPT, SCRIPT)
    assert says["best_none"].startswith("+1.00 points") and says["readme_two"] == "above the interval"
    assert float(says["readme_least"]) < 1 < float(says["readme_most"])
