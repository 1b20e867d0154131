"""Figures draw what they are given: every seed, the mean, its interval."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb

from xstitch_lib.page import plots
from xstitch_lib.results.statistics import summary
from xstitch_lib.tasks.boxes import Mark

matplotlib.use("agg")
SEEDS = [0.2, 0.5, 0.9, 0.4]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(ax, marker):
    return [line.get_xdata() for line in ax.get_lines() if line.get_marker() == marker]


def test_gain_bars_show_every_seed_the_mean_and_the_interval():
    ax = plots.gain_bars({"seg": {"a": SEEDS, "b": [-x for x in SEEDS]}}, {"seg": "points"}).axes[0]
    mean, low, high, _ = summary(SEEDS)
    assert np.allclose(drawn(ax, "o"), [SEEDS, [-x for x in SEEDS]])
    assert np.allclose(np.ravel(drawn(ax, "D")), [mean, -mean])
    assert np.allclose([bar.get_width() for bar in ax.patches], [mean, -mean])
    whiskers = next(c for c in ax.collections if isinstance(c, LineCollection)).get_segments()[0]
    assert np.allclose(whiskers[:, 0], [low, high])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_settings_have_a_dot_a_seed_and_say_which_diverged():
    first, second = plots.settings_dots({"rate": {"0.1": [1.0, 2.0], "1": []}, "split": {"a": [0.5]}}, "percent").axes
    assert [list(x) for x in drawn(first, "o")] == [[1.0, 2.0], []] and list(drawn(second, "o")[0]) == [0.5]
    assert [text.get_text().strip() for text in first.texts] == ["diverged"]


def test_gains_by_setting_have_a_marker_an_arm_and_one_legend_entry_each():
    by_setting = {"here": {"x": SEEDS, "y": SEEDS}, "there": {"x": SEEDS, "y": SEEDS}}
    figure = plots.gains_by_setting({"seg": by_setting, "normals": by_setting}, {"seg": "p", "normals": "d"})
    assert len(drawn(figure.axes[0], "D")) == len(drawn(figure.axes[1], "s")) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["x", "y"]


def test_levels_by_setting_have_a_line_an_arm_and_no_marker_where_there_is_no_level():
    ax = plots.levels_by_setting({"x": {"here": 90, "there": 80}, "y": {"here": 85}}, "accuracy").axes[0]
    assert np.allclose(drawn(ax, "D"), [[90, 85]]) and np.allclose(drawn(ax, "s"), [[80]])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["here", "there"]


def test_gains_by_class_have_the_rarest_on_top_and_its_labels_beside_it():
    frame = pd.DataFrame({"class": ["vase", "wall"], "count": [9, 900], "gain": [1, 0], "low": [0, -1], "high": [2, 1]})
    left, right = plots.gains_by_class(frame, "points").axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["wall", "vase"] and right.get_xscale() == "log"
    assert np.allclose(left.get_lines()[0].get_xydata(), [[0, 0], [1, 1]])
    assert np.allclose(right.get_lines()[0].get_xydata(), [[900, 0], [9, 1]])


def test_curves_are_means_over_seeds_with_their_bands():
    frame = pd.DataFrame({0: [3.0, 1.0], 1: [5.0, 2.0], 2: [4.0, 3.0]}, index=[0, 50])
    ax = plots.curves_with_bands({"angle": {"×1": frame}}).axes[0]
    assert np.allclose(ax.get_lines()[0].get_xydata(), [[0, 4], [50, 2]])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(summary([1, 2, 3]).low) and band.max() == pytest.approx(summary([3, 5, 4]).high)


def test_curves_by_seed_have_a_panel_a_seed_and_a_line_an_arm():
    rows = [(arm, seed, epoch, 10 * seed + epoch) for arm in ("x", "y") for seed in (0, 1) for epoch in (1, 2, 3)]
    frame = pd.DataFrame(rows, columns=["arm", "seed", "epoch", "points"])
    axes = plots.curves_by_seed(frame, "epoch", "points").axes
    assert [ax.get_title() for ax in axes] == ["seed 0", "seed 1"]
    lines = [line for line in axes[1].get_lines() if len(line.get_xdata())]
    assert len(lines) == 2 and np.allclose(lines[0].get_xydata(), [[1, 11], [2, 12], [3, 13]])


def test_a_split_shares_what_is_left_of_it():
    layers = ["conv1", "conv2", "fc8"]
    ax = plots.split_networks(layers, layers[1:], ["a", "b"]).axes[0]
    assert len(ax.patches) == (1 + 2 * 2) + (2 + 2 * 1)


def test_weights_by_start_have_a_panel_a_layer_and_start():
    rows = [
        (arm, seed, layer, task, weight, place, seed + place)
        for arm in ("(0.9, 0.1)", "(0.5, 0.5)")
        for seed in (0, 1)
        for layer in ("pool1", "fc7")
        for task in ("seg", "normals")
        for weight in ("alpha_S", "alpha_D")
        for place in (0.0, 1.0)
    ]
    frame = pd.DataFrame(rows, columns=["arm", "seed", "layer", "task", "weight", "channel", "value"])
    axes = plots.weights_by_start(frame, {"seg": "segmentation", "normals": "normals"}).axes
    assert len(axes) == 4
    lines = [line.get_xydata() for line in axes[0].get_lines() if len(line.get_xydata()) == 2]
    assert len(lines) == 4 and all(np.allclose(line, [[0, 0.5], [1, 1.5]]) for line in lines)


def test_shares_show_every_seed_and_the_interval():
    rows = [
        (layer, task, seed, v)
        for layer in ("pool1", "fc7")
        for task in ("seg", "normals")
        for seed, v in enumerate(SEEDS)
    ]
    frame = pd.DataFrame(rows, columns=["layer", "task", "seed", "value"])
    ax = plots.shares(frame, {"seg": "segmentation", "normals": "normals"}, "share").axes[0]
    dots = [line.get_ydata() for line in ax.get_lines() if line.get_marker() == "o"]
    assert len(dots) == 2 * len(SEEDS) and np.allclose(np.array(dots)[:4, 0], SEEDS)
    whiskers = next(c for c in ax.collections if isinstance(c, LineCollection)).get_segments()
    assert np.allclose([whiskers[0][0][1], whiskers[0][1][1]], summary(SEEDS)[1:3])


def test_sorted_alphas_of_three_tasks_show_each_source():
    alpha = np.arange(18.0).reshape(2, 3, 3)
    ax = plots.sorted_alphas({"pool1": alpha}, ["a", "b", "c"]).axes[0]
    drawn = [line.get_ydata().tolist() for line in ax.get_lines()]
    assert drawn == [alpha[:, i, j].tolist() for i in range(3) for j in range(3)]


def test_marks_are_boxes_on_the_pixels_with_their_words_and_no_more_than_asked_for():
    marks = [Mark((1.0, 2.0, 5.0, 6.0), "chair 0.93"), Mark((0.0, 0.0, 2.0, 2.0), "a very long list, of attributes")]
    figure = plots.marked([np.zeros((8, 10, 3))] * 2, {"true": [marks, []], "found": [marks, marks]}, most=1)
    (first, empty), (other, _) = np.reshape(figure.axes, (2, 2))
    boxes = [patch for patch in first.patches if patch.get_edgecolor()[:3] == pytest.approx(to_rgb(plots.COLOURS["a"]))]
    assert [box.get_bbox().extents.tolist() for box in boxes] == [[0.5, 1.5, 4.5, 5.5]]
    assert [text.get_text() for text in first.texts] == ["chair 0.93"] and not empty.patches
    assert first.get_xlim() == (-0.5, 9.5) and len(other.texts) == 1


def test_precision_over_recall_has_every_detection_and_eleven_points():
    ax = plots.precision_recall([0.5, 0.5, 1.0], [1.0, 0.5, 2 / 3], [1.0] * 6 + [2 / 3] * 5).axes[0]
    assert np.allclose(drawn(ax, "o"), [[0.5, 0.5, 1.0]]) and len(drawn(ax, "D")[0]) == 11
