"""What chapter "How related must two tasks be?" says of its record."""

import pandas as pd

from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import gains, summary
from xstitch_lib.studies.reports.wording import level

DIAL = [0, 3, 5, 7, 10]
ARMS = {"per channel": "paper", "dense at fc3": "dense", "linear inside": "inside"}
METRICS = [("article", "accuracy"), ("second", "accuracy")]
Gains = dict[str, dict[str, dict[str, pd.Series]]]


def by_dial(record: Record) -> Gains:
    """Task → position → arm → gain over no units at the same position, one value a seed."""
    return {
        task: {
            f"{at} of 10": {
                arm: gains(record.table, f"{arm}, {at} of 10", f"none, {at} of 10", task, "accuracy") for arm in ARMS
            }
            for at in DIAL
        }
        for task, _ in METRICS
    }


def dial_says(record: Record) -> dict[str, str]:
    """Every gain, the level without units, the ends of the dial, the control, and how much is shared."""
    says, found = {}, by_dial(record)
    for arm, name in ARMS.items():
        ends = [found["article"][f"{at} of 10"][arm] for at in (0, 10)]
        says[f"{name}_ends"] = summary((ends[1] - ends[0]).dropna()).short(" points")
    for at in DIAL:
        row = found["article"][f"{at} of 10"]
        says[f"over_inside_{at}"] = summary((row["dense at fc3"] - row["linear inside"]).dropna()).short(" points")
        for task, by_position in found.items():
            says[f"none_{task}_{at}"] = f"{level(record, f'none, {at} of 10', task, 'accuracy').mean():.1f}"
            for arm, name in ARMS.items():
                says[f"{name}_{task}_{at}"] = summary(by_position[f"{at} of 10"][arm]).short(" points")
    shared = record.sharing[record.sharing.task != record.sharing.source]
    return says | {"most_shared": f"{shared.groupby(['arm', 'layer', 'task']).share.mean().max():.1%}"}
