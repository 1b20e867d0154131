"""What chapter "Detection and attributes" says of its records."""

from xstitch_lib.results.record import load
from xstitch_lib.results.statistics import gain
from xstitch_lib.studies import claims
from xstitch_lib.studies.reports import table6 as page

SIX = load("table6", "small")


def test_the_figure_has_a_line_for_every_arm_and_the_papers_gain_where_it_has_one():
    panels = page.over_one_task(SIX)
    assert list(panels) == ["detection, mAP points", "attributes, mAP points"]
    for lines in panels.values():
        assert [line.label for line in lines] == [arm for arm in SIX.content["arms"] if arm != "one-task"]
        assert {line.label for line in lines if line.paper is not None} == {*page.IN_PAPER}
    assert {line.label: line.paper for line in panels["attributes, mAP points"]}["cross-stitch"] == 2.1


def test_a_comparison_named_beforehand_has_one_verdict_on_every_page():
    told = claims.verdicts("table 6").set_index("claim")
    line = page.over_one_task(SIX)["attributes, mAP points"][[*SIX.content["arms"]].index("mtl-shared") - 1]
    assert told.loc["MTL-shared is better than one network per task", "attributes"].startswith(f"**{line.verdict}**")


def test_each_share_of_foreground_is_compared_with_its_own_one_task_networks():
    record = load("foreground", "small")
    found, says = page.gains_of(record, page.FOREGROUND), page.foreground_says(record)
    for share, setting in zip(page.SHARES, page.FOREGROUND, strict=True):
        by_arm = found["attributes"][setting]
        assert list(by_arm) == ["cross-stitch", "self-stitch"]
        mean = by_arm["cross-stitch"].mean()
        assert says[f"attributes_cross-stitch_{share}"].startswith(f"{mean:+.2f} points")


def test_units_that_diverged_are_counted_with_their_steps():
    says = page.divergence_says(load("units_rates", "small"))
    assert says == {"layer_diverged": "4 of 4 seeds, within 6 steps", "channel_diverged": "none of 4 seeds"}


def test_what_a_unit_a_channel_gains_over_one_a_layer_is_read_off_the_record():
    said = page.table_says(SIX)
    assert said["attributes_channel"] == gain(
        SIX.table, "cross-stitch a channel", "cross-stitch", "attributes", "mAP"
    ).short(" points")


def test_the_papers_own_pictures_have_the_arms_of_that_scale_and_their_settings_in_words():
    photos = load("table6", "medium")
    panels, said = page.over_one_task(photos), page.photos_say(photos)
    assert [line.label for line in panels["attributes, mAP points"]] == ["ensemble", "cross-stitch", "self-stitch"]
    assert said["photos_detection_one"] == gain(photos.table, "cross-stitch", "one-task", "detection", "mAP").short(
        " points"
    )
    assert said["photos_seeds"] == str(len(photos.seeds)) and said["photos_classes"].startswith("8 classes (car, ")
