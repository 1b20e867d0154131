"""What chapter "One percent on Fashion-MNIST" says of its records, section by section."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import nn

from xstitch_lib.networks import stitch, towers
from xstitch_lib.results.findings import contrasts, verdict_of
from xstitch_lib.results.measures import better, gains_more_than
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import Difference, gain, gains, means, summary
from xstitch_lib.studies.reports.wording import level, worded, worded_gain, worded_verdict

# columns of the chapter's tables
METRICS = [
    ("article", "accuracy"),
    ("group", "accuracy"),
    ("both", "accuracy"),
    ("both", "last"),
    ("group", "from article"),
    ("both", "agree"),
]
NAMED = {"per channel": "paper", "dense at fc3": "dense", "linear inside": "inside"}  # arm → in names of texts
SETTLED = 3  # the first epoch whose points the chapter compares
SELF = "self-stitch, per channel"


def contrasts_shown(values: Mapping[str, Sequence], differences: Mapping[str, Difference]) -> pd.DataFrame:
    """Contrasts of a live run, as text: the two arms' means and their difference.

    Args:
        values: contrast → the two arms' values, one a seed.
    """
    rows = [
        {"contrast": name, "first": f"{first.mean():.2f}", "second": f"{second.mean():.2f}", "difference": str(found)}
        for (name, (first, second)), found in zip(values.items(), differences.values(), strict=True)
    ]
    return pd.DataFrame(rows)


def contrasts_say(differences: Mapping[str, Difference], bound: float) -> dict[str, str]:
    """Of a live run: what stitching gains, over towers apart and over self-stitch, and where one percent lies."""
    average, over_self = [
        differences[name] for name in ("average: stitched − apart", "article: stitched − self-stitch")
    ]
    where = "below" if average.low > 1 else "above" if average.high < 1 else "inside"
    return {
        "average": str(average),
        "verdict": verdict_of(average, bound),
        "over_self": str(over_self),
        "verdict_self": verdict_of(over_self, bound),
        "one_percent": f"{where} the interval",
        "self_apart": str(differences["article: self-stitch − apart"]),
    }


def alphas_say(last: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Of trained units, layer → (C, 2, 2): the mean of alpha_D, and how many of them are below zero.

    >>> alphas_say({"pool1": np.array([[[0.9, -0.1], [0.3, 0.7]]])})
    {'negative': '50%', 'alpha_d_pool1': '+0.10'}
    """
    different = {layer: alpha[:, [0, 1], [1, 0]] for layer, alpha in last.items()}
    every = np.concatenate([weights.ravel() for weights in different.values()])
    return {"negative": f"{(every < 0).mean():.0%}"} | {
        f"alpha_d_{layer}": f"{weights.mean():+.2f}" for layer, weights in different.items()
    }


def weights_say() -> dict[str, str]:
    """How many weights the re-implementation's towers have, and the paper's and its own units between them."""
    says = {}
    with torch.device("meta"):  # shapes without memory
        for per in ("channel", "dense"):
            pair = {"article": towers.fashion_cnn(10), "group": towers.fashion_cnn(3)}
            says["tower_weights"] = f"{sum([_weights(tower) for tower in pair.values()]):,}"
            net = stitch(pair, ["pool1", "pool2", "fc3"], (1, 1, 28, 28), per=per)
            says[f"{per}_weights"] = f"{_weights(net.units):,}"
        return says | {"dense_at_fc3": f"{_weights(net.units['fc3']):,}"}


def side_by_side(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The mean of both accuracies, as text: a row an arm, a column a table."""
    columns = {name: means(table, [("both", "accuracy")]).iloc[:, 0] for name, table in tables.items()}
    return pd.concat(columns, axis=1)


def recorded_says(record: Record) -> dict[str, str]:
    """All that the chapter says of ten epochs at the whole width."""
    return gains_say(record) | primary_say(record) | curves_say(record)


def variants_say(wide: Record, narrow: Record) -> dict[str, str]:
    """All that it says of many kinds of units on narrow towers."""
    return widths_say(wide, narrow) | kinds_of_units_say(narrow) | other_task_says(narrow)


def gains_say(record: Record) -> dict[str, str]:
    """What the units, and the layers alone, change against *none*; whether accuracy gains more than one percent."""
    says = {}
    for arm, name in _named(record).items():
        for metric in ("accuracy", "last"):
            says[f"{name}_{metric}"] = worded_gain(record.table, arm, "none", "both", metric)
        says[f"{name}_one_percent"] = gains_more_than(1, arm, "none")(record)["both"].verdict
    return says


def primary_say(record: Record) -> dict[str, str]:
    """The three comparisons named before the run: verdict and p of each, and the gain over the control."""
    pairs, says = [tuple(pair) for pair in record.content["primary"]], {}
    rows = contrasts(record.table, pairs, record.content["metrics"]).itertuples()
    for name, pair, row in zip(("paper", "dense", "control"), pairs, rows, strict=True):
        says[f"{name}_verdict"] = worded_verdict(better(*pair)(record), "both")
        says[f"{name}_p"] = f"p = {row.p:.3f}, corrected {row.holm:.2f}"
    return says | {"control": worded_gain(record.table, "dense at fc3", "linear inside", "both", "accuracy")}


def gains_of_primary(record: Record) -> tuple[dict[str, pd.Series], dict[str, Difference]]:
    """For `xstitch_lib.page.plots.paired_differences`: each named comparison's gains, seed by seed, and their mean."""
    by_pair = {
        f"{first} − {second.replace(', per channel', '')}": gains(record.table, first, second, "both", "accuracy")
        for first, second in record.content["primary"]
    }
    return by_pair, {name: summary(values) for name, values in by_pair.items()}


def by_epoch(record: Record, metric: str) -> pd.DataFrame:
    """A metric's mean over both tasks: a row an arm and seed, a column an epoch, from 1 on."""
    rows = record.curves.query("task in ['article', 'group'] and step > 0")
    rows = rows[rows.metric == metric]
    epoch = rows.step.rank(method="dense").astype(int).rename("epoch")
    return rows.groupby(["arm", "seed", epoch], sort=False).value.mean().unstack("epoch")


def settled(record: Record) -> pd.DataFrame:
    """For `xstitch_lib.page.plots.curves_by_seed`: test accuracy of each run, from the epoch on that is compared."""
    return by_epoch(record, "test accuracy").loc[:, SETTLED:].stack().rename("test accuracy").reset_index()


def ahead_of_none(record: Record, metric: str) -> dict[str, pd.DataFrame]:
    """Arm → its `by_epoch` minus that of *none* with the same seed: a row a seed, a column an epoch."""
    along = by_epoch(record, metric)
    return {arm: (along.loc[arm] - along.loc["none"]).dropna(how="all") for arm in _named(record)}


def curves_say(record: Record) -> dict[str, str]:
    """How far one curve can be trusted: its jumps, its last points, and points more than one from those of *none*."""
    settings = record.content["settings"]
    delay = 1 / settings["momentum"]  # steps
    of_an_epoch = settings["steps"][1] / (settings["snapshots"] - 1)
    ends = gains(record.table, "dense at fc3", "none", "both", "last")
    jumps = by_epoch(record, "test accuracy").loc[:, SETTLED:].diff(axis=1).iloc[:, 1:].abs()
    says = {
        "delay": f"{delay:,.0f} steps, {delay / of_an_epoch:.1f} epochs",
        "worst_end": f"{ends.min():+.2f}",
        "best_end": f"{ends.max():+.2f}",
        "jump": f"{jumps.stack().mean():.2f}",
        "largest_jump": f"{jumps.max().max():.1f}",
    }
    for arm, ahead in ahead_of_none(record, "test accuracy").items():
        late = ahead.loc[:, SETTLED:]
        says[f"{NAMED[arm]}_beyond"] = f"{(late.abs() > 1).sum().sum()} of {late.size}"
    return says


def quoted(record: Record) -> pd.DataFrame:
    """Three ways to quote a curve, each as the difference to *none*: a column an arm and seed."""
    best, table = by_epoch(record, "test accuracy").max(axis=1), record.table
    by_arm = {
        arm: pd.DataFrame(
            {
                "last epoch": gains(table, arm, "none", "both", "last"),
                "best epoch of each, on test pictures": best[arm] - best["none"],
                "epoch chosen on validation pictures": gains(table, arm, "none", "both", "accuracy"),
            }
        ).T
        for arm in _named(record)
    }
    found = pd.concat(by_arm, axis=1)
    return found.set_axis([f"{arm}, seed {seed}" for arm, seed in found.columns], axis=1)


def thirty_epochs_say(record: Record) -> dict[str, str]:
    """Of the long runs: what the page's rule finds, and the ends of the dense unit's curves."""
    by_rule = quoted(record).loc["epoch chosen on validation pictures"]
    fall = level(record, "none", "both", "accuracy")[0] - level(record, "none", "both", "last")[0]
    says = {"rule_low": f"{by_rule.min():+.2f}", "rule_high": f"{by_rule.max():+.2f}", "fall": f"{fall:.2f}"}
    ahead = ahead_of_none(record, "test accuracy")["dense at fc3"]
    for back, when in ((1, "end"), (2, "before")):
        says |= {f"dense_{when}_{seed}": f"{value:+.2f}" for seed, value in ahead.iloc[:, -back].items()}
    return says


def widths_say(wide: Record, narrow: Record) -> dict[str, str]:
    """How the run of many arms differs in size from the one at the whole width."""
    settings = narrow.content["settings"]
    return {
        "medium_width": f"{wide.content['settings']['width']}",
        "narrow_width": f"{settings['width']}",
        "narrow_epochs": f"{settings['snapshots'] - 1}",
    }


def kinds_of_units_say(record: Record) -> dict[str, str]:
    """Of all kinds of units: which gains least and most, whether any gains one percent, and the choice of the epoch."""
    table, units = record.table, [first for first, second in record.content["primary"] if second == "none"]
    by_metric = {m: {a: gain(table, a, "none", "both", m) for a in units} for m in ("accuracy", "last", "agree")}
    means = {metric: [found.mean for found in by_arm.values()] for metric, by_arm in by_metric.items()}
    ordered, says = sorted(units, key=lambda arm: by_metric["accuracy"][arm].mean), {}
    for name, arm in (("least", ordered[0]), ("most", ordered[-1])):
        says[f"narrow_{name}"] = arm
        says[f"narrow_{name}_gain"] = worded(by_metric["accuracy"][arm], record.quantities["both"]["accuracy"])
    chosen = level(record, "none", "both", "accuracy") - level(record, "none", "both", "last")
    return says | {
        "narrow_claim": _claim([gains_more_than(1, arm, "none")(record)["both"].verdict for arm in units]),
        "narrow_last": f"{min(means['last']):+.2f} to {max(means['last']):+.2f} points",
        "narrow_none_choice": worded(summary(chosen), record.quantities["both"]["accuracy"]),
        "narrow_choice": f"{(sum(means['accuracy']) - sum(means['last'])) / len(units):.2f}",
        "narrow_agree": f"{min(means['agree']):+.1f} to {max(means['agree']):+.1f} points",
    }


def other_task_says(record: Record) -> dict[str, str]:
    """Pairs of kinds of units, and whether the other task helps more than a second tower of the same one."""
    pairs = {
        "identity": ("per channel", "none"),
        "papers_way": ("per channel, (0.9, 0.1), ×100", "per channel"),
        "layer": ("per layer", "per channel"),
        "self": (SELF, "none"),
        "other_task": ("per channel", SELF),
    }
    says = {f"narrow_{name}": worded_gain(record.table, *pair, "both", "accuracy") for name, pair in pairs.items()}
    return says | {"narrow_other_task_verdict": worded_verdict(better("per channel", SELF)(record), "both")}


def hours_say(record: Record) -> dict[str, str]:
    """What thirty epochs of the re-implementation's whole net take."""
    seconds = record.provenance.set_index("arm").seconds["dense at all three"]
    return {"all_dense_hours": f"{30 * seconds / 3600:.1f}"}


def _named(record: Record) -> dict[str, str]:
    """`NAMED`, without the arms that the record's scale leaves out or of which no run is made yet."""
    made = {*record.table.arm}
    return {arm: name for arm, name in NAMED.items() if arm in made}


def _claim(verdicts: list[str]) -> str:
    """ "supported for any", or how many have which verdict."""
    counts = pd.Series(verdicts).value_counts()
    if len(counts) == 1:
        return f"{counts.index[0]} for any"
    return ", ".join([f"{verdict} for {n} of them" for verdict, n in counts.items()])


def _weights(module: nn.Module) -> int:
    return sum([parameter.numel() for parameter in module.parameters()])
