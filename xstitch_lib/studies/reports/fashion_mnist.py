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
from xstitch_lib.results.statistics import Difference, gain, gains, summary
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


def contrasts_say(average: Difference, over_self: Difference, bound: float) -> dict[str, str]:
    """Of a live run: what stitching gains, over towers apart and over self-stitch, and where one percent lies."""
    where = "below" if average.low > 1 else "above" if average.high < 1 else "inside"
    return {
        "average": str(average),
        "verdict": verdict_of(average, bound),
        "over_self": str(over_self),
        "verdict_self": verdict_of(over_self, bound),
        "one_percent": f"{where} the interval",
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


def gains_say(record: Record) -> dict[str, str]:
    """What the units, and the layers alone, change against *none*; whether accuracy gains more than one percent."""
    says = {}
    for arm, name in _named(record).items():
        for metric in ("accuracy", "last", "agree"):
            says[f"{name}_{metric}"] = worded_gain(record.table, arm, "none", "both", metric)
        says[f"{name}_from_article"] = worded_gain(record.table, arm, "none", "group", "from article")
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


def look_up_says(record: Record) -> dict[str, str]:
    """The group looked up from the named article, held against towers that were trained for groups."""
    looked_up, accuracy = level(record, "none", "group", "from article"), record.quantities["group"]["accuracy"]
    says = {
        "looked_up": worded(summary(looked_up - level(record, "none", "group", "accuracy")), accuracy),
        "none_agree": f"{level(record, 'none', 'both', 'agree').mean():.1f}",
    }
    for arm, name in _named(record).items():
        against = (level(record, arm, "group", "accuracy") - looked_up).dropna()
        says[f"{name}_against_look_up"] = worded(summary(against), accuracy)
    return says


def by_epoch(record: Record, metric: str) -> pd.DataFrame:
    """A metric's mean over both tasks: a row an arm and seed, a column an epoch, from 1 on."""
    rows = record.curves.query("task in ['article', 'group'] and step > 0")
    rows = rows[rows.metric == metric]
    epoch = rows.step.rank(method="dense").astype(int).rename("epoch")
    return rows.groupby(["arm", "seed", epoch], sort=False).value.mean().unstack("epoch")


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


def shares(record: Record) -> pd.DataFrame:
    """The other tower's part of a mixed map's variance in percent, as text: a row a task, a column a layer."""
    taken = record.sharing.query("arm == 'per channel' and task != source")
    taken = 100 * taken.groupby(["layer", "task"], sort=False).share.mean()
    return taken.unstack("layer").map("{:+.1f}".format)


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
    """Of the long runs: what the page's rule finds, the ends of the curves, and whether they become calmer."""
    by_rule = quoted(record).loc["epoch chosen on validation pictures"]
    fall = level(record, "none", "both", "accuracy")[0] - level(record, "none", "both", "last")[0]
    says = {"rule_low": f"{by_rule.min():+.2f}", "rule_high": f"{by_rule.max():+.2f}", "fall": f"{fall:.2f}"}
    settled = by_epoch(record, "test accuracy").loc[:, SETTLED:]
    ahead = {arm: found.loc[:, SETTLED:] for arm, found in ahead_of_none(record, "test accuracy").items()}
    for arm, found in ahead.items():
        says[f"{NAMED[arm]}_ahead"] = f"{(found > 1).sum().sum()}"
        says[f"{NAMED[arm]}_behind"] = f"{(found < -1).sum().sum()} of {found.size}"
    for back, when in ((1, "end"), (2, "before")):
        for seed, value in ahead["dense at fc3"].iloc[:, -back].items():
            says[f"dense_{when}_{seed}"] = f"{value:+.2f}"
    jumps = settled.diff(axis=1).abs()
    return says | {
        "jump_early": f"{jumps.loc[:, 4:10].stack().mean():.2f}",
        "jump_late": f"{jumps.loc[:, 21:].stack().mean():.2f}",
    }


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
    return {"all_dense_hours": f"{30 * _minutes(record)['dense at all three'] / 60:.1f}"}


def times(record: Record) -> pd.DataFrame:
    """What an epoch of one seed takes, and what more of them would, as text: a row an arm."""
    minutes = _minutes(record)
    columns = {
        "minutes an epoch": minutes,
        "times *none*": minutes / minutes["none"],
        "hours for 30 epochs": 30 * minutes / 60,
        "days for 8 seeds of them": 30 * 8 * minutes / 60 / 24,
    }
    return pd.DataFrame(columns).map("{:.1f}".format)


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


def _minutes(record: Record) -> pd.Series:
    return record.provenance.set_index("arm").seconds / 60


def _weights(module: nn.Module) -> int:
    return sum([parameter.numel() for parameter in module.parameters()])
