"""The numbers are typed once, so they are checked against what the paper says about them."""

import os
from pathlib import Path

import pytest

from xstitch_lib import paper
from xstitch_lib.data import FaceEmbeddings
from xstitch_lib.results import errata

SOURCES = {"paper": "001_*.txt", "readme": "002_*.txt", "blog": "003_*.txt"}


@pytest.mark.parametrize("name", [name for name, (source, _) in paper.QUOTES.items() if source in SOURCES])
def test_a_quotation_is_what_its_source_says(name):
    folder = os.environ.get("XSTITCH_SEEDS")
    if not folder:
        pytest.skip("XSTITCH_SEEDS does not name the folder of the sources' texts")
    source, quotation = paper.QUOTES[name]
    (path,) = Path(folder).glob(SOURCES[source])
    assert " ".join(quotation.split()) in " ".join(path.read_text().split())


def test_equation_3_as_printed_is_the_gradient_of_the_other_weight():
    found = errata.equation_3()
    assert found["printed_one"] == found["ba_one"] != found["ab_one"] == found["right_one"]
    assert found["summed_six"] == found["ab_six"] != found["right_six"]


def test_what_the_errata_say_of_tables_and_bars():
    found = errata.said()
    assert (found["bar_fc7"], found["det_cross"], found["det_ensemble"]) == ("45.6", "45.2", "46.1")
    assert (found["within_two"], found["within_five"], found["equal_columns"]) == ("39.2", "39.0", "7 of 8")
    assert (found["best_det"], found["best_attr"], found["lowest_bar"]) == ("fc7", "conv2", "conv5")
    assert (found["size_large"], found["size_convex"]) == ("18.9", "1.0")
    assert (found["dense_weights"], found["channel_weights"]) == ("200.9", "4,480")


def test_everybody_in_the_second_scripts_test_is_in_its_training_set():
    found = errata.second_script()
    assert (found["face_test_people"], found["face_known_people"]) == ("89", "89")
    person = FaceEmbeddings().tensors["person"]
    assert person[: len(person) // 2].tolist() == [p for p in range(errata.PEOPLE) for _ in range(errata.PICTURES)]


def value(name, arm, task, metric):
    table = paper.table(name)
    return table[(table.arm == arm) & (table.task == task) & (table.metric == metric)].value.item()


def test_every_table_has_every_arm_task_and_metric_once():
    for name, rows in {"table1": 32, "table2": 32, "table3": 16, "table5": 40, "table6": 12, "fig2": 28}.items():
        table = paper.table(name)
        assert (
            len(table) == rows and not table.duplicated(["arm", "task", "metric"]).any() and table.value.notna().all()
        )


def test_table_5s_cross_stitch_row_is_table_2s_fastest_and_table_3s_one_task_row_but_for_one_number():
    """Errata 5 and 9."""
    five, two, three = [
        paper.table(name)[paper.table(name).arm == arm].value.tolist()
        for name, arm in (("table5", "cross-stitch"), ("table2", "1000"), ("table3", "one-task"))
    ]
    assert five == three
    assert [(a, b) for a, b in zip(five, two, strict=True) if a != b] == [(39.0, 39.2)]


def test_cross_stitch_is_not_best_in_everything():
    """Erratum 4."""
    assert value("table5", "cross-stitch", "seg", "pixacc") < value("table5", "ensemble", "seg", "pixacc")
    assert value("table6", "cross-stitch", "detection", "mAP") < value("table6", "ensemble", "detection", "mAP")


def test_figure_2_and_table_5_agree_on_the_split_at_conv4_for_segmentation_and_not_for_normals():
    """Erratum 6."""

    def change(task, metric):
        return value("table5", "split-conv4", task, metric) - value("table5", "one-task", task, metric)

    assert value("fig2", "split-conv4", "seg", "mIU") == pytest.approx(change("seg", "mIU"))
    assert value("fig2", "split-conv4", "normals", "median") != pytest.approx(change("normals", "median"))


def test_table_6s_split_at_fc7_has_figure_2s_bars_of_fc6():
    """Erratum 3."""
    for task in ("detection", "attributes"):
        change = value("table6", "split-fc7", task, "mAP") - value("table6", "one-task", task, "mAP")
        assert change == pytest.approx(value("fig2", "split-fc6", task, "mAP"), abs=0.05)
        assert change != pytest.approx(value("fig2", "split-fc7", task, "mAP"), abs=0.05)


def test_an_unknown_table_names_the_known_ones():
    with pytest.raises(ValueError, match="no table 'table4' here: choose one of table1"):
        paper.table("table4")
