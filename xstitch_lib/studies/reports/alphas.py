"""What chapter "Looking inside" says of its records: weights and shares, on rooms and on NYU-v2."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from torch import Tensor, nn

from xstitch_lib.looking import sharing
from xstitch_lib.results.alphas import own_minus_other
from xstitch_lib.results.record import Record
from xstitch_lib.studies.reports.wording import worded_gain, worded_gains

NAMES = {"seg": "segmentation", "normals": "normals"}
STARTS = ["(0.9, 0.1)", "(0.5, 0.5)", "(0.1, 0.9)"]
UNITS = ["pool1", "pool2", "pool5", "fc6", "fc7"]
PARTNERS = ["(0.9, 0.1)", "another initialisation", "another, aligned"]
MAIN = {"seg": "mIU", "normals": "mean"}
SECOND_PAIR = {"detection": "detection", "attributes": "attributes"}  # as the page calls its tasks
METRICS = [("normals", "mean"), ("seg", "mIU")]


def taken(record: Record, arm: str = "(0.9, 0.1)") -> pd.DataFrame:
    """Shares that come from the other task: arm, seed, layer, task, source, value, correlation."""
    rows = record.sharing
    return rows[(rows.arm == arm) & (rows.task != rows.source)].rename(columns={"share": "value"})


def gaps(record: Record, starts: Sequence[str] = STARTS) -> pd.DataFrame:
    """Mean alpha_S minus mean alpha_D over seeds, as text: a row a start and task, a column a layer."""
    found = own_minus_other(record, starts, UNITS)
    shown = found.pivot_table("value", ["arm", "task"], "layer", sort=False)[UNITS]
    return shown.rename(index=NAMES).map("{:+.2f}".format).reset_index().rename(columns={"arm": "start"})


def gaps_by_start(record: Record) -> pd.DataFrame:
    """The same, averaged over tasks: a row a start."""
    found = own_minus_other(record, STARTS, UNITS).groupby(["arm", "layer"], sort=False).value.mean()
    return found.unstack("layer")[UNITS].map("{:+.2f}".format).rename_axis("mean alpha_S − alpha_D, start")


def two_tellings(nets: Mapping[str, nn.Module], images: Tensor) -> pd.DataFrame:
    """The unit after fc7 of networks that answer alike, as text: weights that differ, and a share that does not."""
    rows = {}
    for name, net in nets.items():
        alpha, share = net.units["fc7"].alpha.detach(), sharing(net, images)["fc7"].nanmean(0)
        rows[name] = {
            "mean alpha_D, segmentation from normals": f"{alpha[:, 0, 1].mean():+.2f}",
            "mean alpha_S, normals": f"{alpha[:, 1, 1].mean():+.2f}",
            "share from normals in segmentation's map": f"{share[0, 1]:+.3f}",
        }
    return pd.DataFrame(rows).T


def rescaled_says(weights: pd.DataFrame, differences: Sequence[float]) -> dict[str, str]:
    """How large pool1's own weights grow, and how far the answers of a rescaled network are off.

    Args:
        weights: as `xstitch_lib.results.alphas.sorted_weights` gives them.
    """
    grown = weights.query("arm == '(0.9, 0.1)' and layer == 'pool1' and weight == 'alpha_S'").value.mean()
    return {"grown": f"{grown:.1f}", "rescaled_difference": f"{max(differences):.0e}"}


def matches_say(matches: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Correlations of matched channels, averaged over layers, of three pairs of towers."""
    means_of = [f"{np.mean(list(found.values())):+.2f}" for found in matches.values()]
    return dict(zip(("match_one", "match_two", "match_aligned"), means_of, strict=True))


def shares_say(record: Record) -> dict[str, str]:
    """How much is taken from (0.9, 0.1) and from (0.5, 0.5), and what that changes in the scores."""
    one, half = [taken(record, arm).groupby(["task", "layer"]).value.mean() for arm in STARTS[:2]]
    says = {"least_taken": f"{one.min():.0%}", "most_taken": f"{one.max():.0%}"}
    for task in NAMES:
        layer = one[task].idxmax()
        rows = taken(record)
        by_seed = rows[(rows.task == task) & (rows.layer == layer)].value
        spread = f"from seed to seed {100 * by_seed.min():.1f} to {100 * by_seed.max():.1f} %"
        says[f"most_{task}"] = f"{layer} ({one[task, layer]:.0%}; {spread})"
    for name, found in (("usual", one), ("half", half)):
        deep = [found[task, layer] for task in NAMES for layer in ("fc6", "fc7")]
        says |= {f"{name}_least": f"{min(deep):.0%}", f"{name}_most": f"{max(deep):.0%}"}
    for task, metric in MAIN.items():
        says[f"half_{task}"] = worded_gain(record.table, "(0.5, 0.5)", "(0.9, 0.1)", task, metric)
    return says


def partners_say(record: Record) -> dict[str, str]:
    """Towers of one initialisation over two, and of two that were aligned."""
    pairs = {"one": PARTNERS[:2], "aligned": [PARTNERS[2], PARTNERS[1]]}
    return worded_gains(record.table, pairs, MAIN)


def nyu_layers(record: Record) -> pd.DataFrame:
    """Cross-stitch on NYU-v2, layer by layer: weights, shares, and how alike the two maps are."""
    found = own_minus_other(record, ["cross-stitch"], UNITS).pivot_table("value", "layer", "task", sort=False)
    mixed = taken(record, "cross-stitch").pivot_table("value", "layer", "task", sort=False)
    alike = taken(record, "cross-stitch").groupby("layer", sort=False).correlation.mean()
    columns = {f"alpha_S − alpha_D, {name}": found[task].map("{:+.2f}".format) for task, name in NAMES.items()}
    columns |= {f"share from the other, {name}": mixed[task].map("{:.1%}".format) for task, name in NAMES.items()}
    columns["correlation of the two maps"] = alike.map("{:+.2f}".format)
    return pd.DataFrame(columns).loc[UNITS].rename_axis("unit after")


def nyu_says(record: Record, starts: Record) -> dict[str, str]:
    """Of the same networks, and of table 1's: shares at the first and the deep layers, frozen and learned."""
    mixed = taken(record, "cross-stitch").pivot_table("value", "layer", "task", sort=False)
    alike = taken(record, "cross-stitch").groupby("layer", sort=False).correlation.mean()
    deep, first = mixed.loc[["pool5", "fc6", "fc7"]], mixed.loc["pool1"]
    says = {
        "nyu_middle": f"{mixed.loc['pool2'].min():.0%} to {mixed.loc['pool2'].max():.0%}",
        "nyu_first_least": f"{first.min():.0%}",
        "nyu_first_most": f"{first.max():.0%}",
        "nyu_first_alike": f"{alike['pool1']:.2f}",
        "nyu_deep_least": f"{deep.min().min():.0%}",
        "nyu_deep_most": f"{deep.max().max():.0%}",
        "nyu_deep_alike": f"{alike['pool5']:.2f}",
    }
    frozen = taken(starts, "frozen at (0.9, 0.1)").pivot_table("value", "layer", "task")
    for name, layers in (("first", ["pool1"]), ("deep", ["pool5", "fc6", "fc7"])):
        values = frozen.loc[layers].to_numpy()
        says[f"nyu_frozen_{name}"] = f"{values.min():.0%} to {values.max():.0%}"
    return says | _last_weights(record) | _starts_say(starts)


def _last_weights(record: Record) -> dict[str, str]:
    """Mean weights of segmentation's unit at pool1, and own minus other at fc7 between networks of one task."""
    last = [record.alphas("cross-stitch", seed)[1]["pool1"][-1].mean(0)[0] for seed in record.finished("cross-stitch")]
    says = {f"nyu_first_{name}": f"{w:.2f}" for name, w in zip(("own", "other"), np.mean(last, axis=0), strict=True)}
    for task in NAMES:
        own = [record.alphas("self-stitch", s, part=task)[1]["fc7"][-1] for s in record.finished("self-stitch")]
        says[f"nyu_self_{task}"] = f"{np.mean([w.mean(0)[0, 0] - w.mean(0)[0, 1] for w in own]):+.2f}"
    return says


def _starts_say(starts: Record) -> dict[str, str]:
    found = own_minus_other(starts, STARTS, UNITS).groupby(["arm", "task", "layer"]).value.mean()
    says = {f"nyu_exchanged_{task}": f"{found['(0.1, 0.9)', task, 'pool5']:+.2f}" for task in NAMES}
    says |= {f"nyu_half_{task}": f"{found['(0.5, 0.5)', task, 'pool5']:+.2f}" for task in NAMES}
    deep = found["(0.1, 0.9)"].loc[:, ["fc6", "fc7"]]
    elsewhere = found["(0.5, 0.5)"].drop("pool5", level="layer").max()
    return says | {
        "nyu_half_elsewhere": f"{elsewhere:+.2f}",
        "nyu_exchanged_deep": f"{deep.min():+.2f} to {deep.max():+.2f}",
    }


def ranges_say(rooms: Record, nyu: Record) -> dict[str, str]:
    """From (0.5, 0.5): how far apart normals' own and other weights end, over layers."""
    says = {}
    for name, record in (("rooms", rooms), ("nyu", nyu)):
        found = own_minus_other(record, ["(0.5, 0.5)"], UNITS)
        found = found[found.task == "normals"].groupby("layer").value.mean()
        says[f"{name}_gaps"] = f"{found.min():+.1f} to {found.max():+.1f}"
    return says


def a_unit_a_layer(record: Record) -> pd.DataFrame:
    """Table 6's cross-stitch, layer by layer, means over seeds: each task's two weights, and what it takes."""
    last, mixed = _weights(record, "cross-stitch"), taken(record, "cross-stitch")
    mixed = mixed.pivot_table("value", "layer", "task", sort=False)
    columns = {}
    for i, task in enumerate(SECOND_PAIR):
        columns[f"{task}: alpha_S"] = {layer: f"{w[i, i]:+.2f}" for layer, w in last.items()}
        columns[f"{task}: alpha_D"] = {layer: f"{w[i, 1 - i]:+.2f}" for layer, w in last.items()}
        columns[f"{task}: share from the other"] = mixed[task].map("{:.1%}".format)
    return pd.DataFrame(columns).loc[UNITS].rename_axis("unit after")


def second_pair_says(record: Record) -> dict[str, str]:
    """The same: weights at fc7, also of units that may not mix, and the least and most that is taken."""
    says, mixed = {}, taken(record, "cross-stitch").groupby(["task", "layer"]).value.mean()
    for arm in ("cross-stitch", "diagonal"):
        last = _weights(record, arm)
        for i, task in enumerate(SECOND_PAIR):
            says[f"{arm}_{task}_fc7"] = f"{last['fc7'][i, i]:.2f}"
    for task in SECOND_PAIR:
        says[f"least_{task}"], says[f"most_{task}"] = f"{mixed[task].min():.1%}", f"{mixed[task].max():.1%}"
        says[f"layer_{task}"] = mixed[task].idxmax()
    return says


def _weights(record: Record, arm: str) -> dict[str, np.ndarray]:
    """Layer → (T, T), means over channels and seeds, after training."""
    last = [record.alphas(arm, seed)[1] for seed in record.finished(arm)]
    return {layer: np.mean([found[layer][-1].mean(0) for found in last], axis=0) for layer in UNITS}
