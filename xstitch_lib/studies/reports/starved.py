"""What chapter "Data-starved categories" says of its records: classes on rooms and on NYU-v2, and a starved task."""

import pandas as pd

from xstitch_lib.results import paper
from xstitch_lib.results.classes import hardly_predicted, rarer_gains_more, rarest_gain
from xstitch_lib.results.record import Record, load
from xstitch_lib.results.statistics import class_gains, gain, summary
from xstitch_lib.studies.reports.wording import level, worded_gain

METRICS = [("normals", "mean"), ("seg", "pixacc"), ("seg", "mIU"), ("seg", "fwIU")]  # of the chapter's tables
PAIRS = {
    "cross": ("cross-stitch", "one-task"),
    "self": ("self-stitch", "one-task"),
    "ensemble": ("ensemble", "one-task"),
    "other": ("cross-stitch", "self-stitch"),
}


def counts_of(record: Record, task: str = "seg") -> pd.Series:
    """Labels of each class or attribute, the rarest first."""
    return pd.Series(record.content["labels"][task]).sort_values()


def with_intervals(
    record: Record, first: str = "cross-stitch", second: str = "one-task", task: str = "seg", metric: str = "IU"
) -> pd.DataFrame:
    """For `xstitch_lib.page.plots.gains_by_class`: class, count, gain, low, high over seeds; the rarest first."""
    counts = counts_of(record, task)
    rows = record.quantities.attach(record.per_class[record.per_class.task == task])
    found = class_gains(rows, first, second, metric).loc[counts.index]
    found = found.apply(summary, axis=1, result_type="expand").iloc[:, :3]
    found.columns = ["gain", "low", "high"]
    found.insert(0, "count", counts)
    return found.rename_axis("class").reset_index()


def classes_say(record: Record) -> dict[str, str]:
    """Which classes surely gain or lose by training seeds, and which are hardly predicted."""
    never, found = hardly_predicted(record), with_intervals(record)
    known = found[~found["class"].isin(never)]
    return {
        "never": ", ".join(never),
        "known": str(len(known)),
        "clear": ", ".join(known[known.low > 0]["class"]) or "none",
        "worse": ", ".join(known[known.high < 0]["class"]) or "none",
        "lifted": f"{(found.low > 0).sum()} of {len(found)}",
    }


def rareness(record: Record, extra: Record | None = None) -> pd.DataFrame:
    """What the ten rarest classes, the others, and the order gain, as text: a row a comparison.

    Args:
        extra: a record with the arms *mtl-shared* and *own map*.
    """
    pairs = [(record, pair) for pair in PAIRS.values() if {*pair} <= {*record.content["arms"]}]
    pairs += [(extra, pair) for pair in (("own map", "one-task"), ("mtl-shared", "own map")) if extra]
    rows, common = [], counts_of(record).index[10:]
    for found, pair in pairs:
        others = class_gains(found.per_class, *pair).loc[common].mean()
        rows.append(
            {
                "gain in IU, points": " − ".join(pair),
                "ten rarest": rarest_gain(*pair)(found)["seg"].gain.short(),
                f"{len(common)} others": summary(others).short(),
                "rarer gains more": rarer_gains_more(*pair)(found)["seg"].gain.short(),
                "of those predicted": rarer_gains_more(*pair, predicted=True)(found)["seg"].gain.short()
                if "one-task" in {*found.table.arm}
                else "",
            }
        )
    return pd.DataFrame(rows)


def rareness_says(record: Record) -> dict[str, str]:
    """The same, for the prose: "rare_cross", "rank_cross" and so on."""
    says = {}
    for name, pair in PAIRS.items():
        if {*pair} <= {*record.content["arms"]}:
            says[f"rare_{name}"] = rarest_gain(*pair)(record)["seg"].gain.short()
            says[f"rank_{name}"] = rarer_gains_more(*pair)(record)["seg"].gain.short()
    return says


OF_ATTRIBUTES = {"task": "attributes", "metric": "AP"}


def attribute_rareness(record: Record) -> pd.DataFrame:
    """Figure 5 in numbers, as text: what the rarest attributes gain, and the order, a row a comparison."""
    rows = []
    for pair in [PAIRS[name] for name in ("cross", "self", "other")]:
        row = {"gain in AP, points": " − ".join(pair)}
        for count, words in ((10, "ten rarest"), (20, "twenty rarest")):
            row[words] = rarest_gain(*pair, count, **OF_ATTRIBUTES)(record)["attributes"].gain.short()
        row["rarer gains more"] = rarer_gains_more(*pair, **OF_ATTRIBUTES)(record)["attributes"].gain.short()
        rows.append(row)
    return pd.DataFrame(rows)


def attributes_say(record: Record, photos: Record) -> dict[str, str]:
    """Which attributes of rooms surely gain or lose, the rarest and the commonest one, and what the rarest gain.

    Args:
        photos: the same of the paper's own pictures.
    """
    found = with_intervals(record, **OF_ATTRIBUTES)
    says = {f"paper_{count}": f"{theirs:+.1f} points" for count, theirs in paper.FIGURE5.items()}
    for name, rows in (("clear_attributes", found[found.low > 0]), ("worse_attributes", found[found.high < 0])):
        says[name] = ", ".join(rows["class"]) or "none"
    for name, row in (("rarest_attribute", found.iloc[0]), ("commonest_attribute", found.iloc[-1])):
        says |= {name: row["class"], f"{name}_labels": f"{row['count']:.0f}"}
    for name, of in (("rooms", record), ("photos", photos)):
        for count in paper.FIGURE5:
            gain = rarest_gain(*PAIRS["cross"], count, **OF_ATTRIBUTES)(of)["attributes"].gain
            says[f"{name}_rarest_{count}"] = gain.short(" points")
    return says


def rooms_say(record: Record) -> dict[str, str]:
    """All that the chapter says of classes of rooms; the ceiling is the common one that gains most."""
    return classes_say(record) | rareness_says(record) | _ceiling_says(record)


def nyu_says(record: Record, control: Record) -> dict[str, str]:
    """The same of NYU-v2, with a shorter run and what one more layer gives the rarest.

    Args:
        control: a record with the arms *mtl-shared* and *own map*.
    """
    says = {f"nyu_{name}": text for name, text in (classes_say(record) | rareness_says(record)).items()}
    says |= {f"brief_{name}": text for name, text in rareness_says(load("table5", "brief")).items()}
    for name, pair in (("layer", ("own map", "one-task")), ("shared", ("mtl-shared", "own map"))):
        says[f"nyu_rare_{name}"] = rarest_gain(*pair)(control)["seg"].gain.short()
    return says | {"nyu_seeds": str(len(record.seeds))}


def _ceiling_says(record: Record) -> dict[str, str]:
    by_pair = {name: class_gains(record.per_class, *PAIRS[name]).loc["ceiling"] for name in ("cross", "self")}
    return {f"ceiling_{name}": summary(found).short() for name, found in by_pair.items()}


def few_labels_say(few: Record, tuned: Record, all_labels: Record) -> dict[str, str]:
    """A task with a tenth of its labels, at the rate of all labels and at its own; few pictures, and many."""
    says, (scarce, plenty) = {}, [load(name, "small") for name in ("fewer_pictures", "more_pictures")]
    for name, found in (("few", few), ("tuned", tuned)):
        for short, second in (("one", "one-task"), ("self", "self-stitch")):
            says[f"{name}_{short}"] = worded_gain(found.table, "cross-stitch", second, "seg", "mIU")
        says[f"{name}_normals"] = worded_gain(found.table, "cross-stitch", "one-task", "normals", "mean")
    for name, found in (("few", few), ("tuned", tuned), ("many", all_labels)):
        says[f"{name}_level"] = f"{level(found, 'one-task', 'seg', 'mIU').mean():.1f}"
    price = level(tuned, "one-task", "normals", "mean") - level(few, "one-task", "normals", "mean")
    for task, metric in (("seg", "mIU"), ("normals", "mean")):
        says[f"scarce_{task}"] = worded_gain(scarce.table, "cross-stitch", "one-task", task, metric)
    return says | {
        "few_second": gain(few.table, "self-stitch", "one-task", "seg", "mIU").short(),
        "normals_price": summary(price).short("°"),
        "plenty_seg": worded_gain(plenty.table, "cross-stitch", "one-task", "seg", "mIU"),
    }
