"""What was tried and what was done to answers afterwards, as text: settings beside the chosen ones, post-processing."""

from collections.abc import Mapping

import pandas as pd

from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import means, relative_gain, summary
from xstitch_lib.tasks.quantities import Quantities


def against_chosen(record: Record, choices: Mapping[str, tuple[str, Mapping[str, str]]]) -> pd.DataFrame:
    """Settings that were tried, each against the chosen one of its group: in percent, averaged over the record's tasks.

    Args:
        choices: group → the arm that was chosen, and setting → arm. An arm that diverged is said to.
    """
    metrics, rows = record.content["metrics"], []
    levels = means(record.table, list(metrics.items()))
    for group, (chosen, settings) in choices.items():
        for setting, arm in settings.items():
            row = {"choice": group, "setting": f"{setting}, chosen" if arm == chosen else setting}
            nothing = arm == chosen or levels.loc[arm].isna().all()
            found = "" if nothing else relative_gain(record.table, arm, chosen, metrics).short()
            rows.append(row | {**levels.loc[arm].fillna("diverged"), "better than chosen, percent": found})
    return pd.DataFrame(rows)


def post_processing(record: Record) -> pd.DataFrame:
    """What turning predicted normals to each picture's three directions gains: arm, metric, before, after, gain.

    Of records with real frames (`NYUScale`), whose normals are measured twice; see `xstitch_lib.tasks.manhattan`.
    """
    normals, quantities = record.table[record.table.task == "normals"], Quantities.of(record.table)
    by_arm, rows = normals.pivot(index="seed", columns=["arm", "metric"], values="value"), []
    for arm in by_arm.columns.unique("arm"):
        values = by_arm[arm].dropna(how="all")  # an arm may lack a seed
        for metric in ("mean", "median", "11.25", "22.5", "30"):
            before, after = values[metric], values[f"manhattan {metric}"]
            gain = summary(quantities.find("normals", metric).gain(after, before)).short()
            levels = {"before": f"{before.mean():.2f}", "after": f"{after.mean():.2f}"}
            rows.append({"arm": arm, "metric": metric, **levels, "gain": gain})
    return pd.DataFrame(rows)
