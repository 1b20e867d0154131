"""What page "Costs and choices" says: what arms and units cost, how settings were chosen, where records come from."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import torch

from xstitch_lib.looking import Cost, cost
from xstitch_lib.networks import stitch, towers
from xstitch_lib.results.alphas import moved
from xstitch_lib.results.record import FOLDER, Record, load
from xstitch_lib.results.settings import against_chosen
from xstitch_lib.results.statistics import gains, relative_gain, relative_gains, summary
from xstitch_lib.studies.reports.wording import worded
from xstitch_lib.studies.segmentation_normals import CHOICES, NYU_CHOICES
from xstitch_lib.studies.worlds.nyuv2 import NYUScale

KINDS = {"conv": "convolution", "fc": "fully connected", "pool": "pooling", "unit": "cross-stitch unit"}
MAIN = {"seg": "mIU", "normals": "mean"}
NYU_SHAPE = (1, 3, 256, 320)  # a frame with its border
GPU = 20e12  # operations a second
CROSS, ONE = "cross-stitch", "one-task"


def costs_shown(table: pd.DataFrame) -> pd.DataFrame:
    """What ways of sharing cost on Fashion-MNIST, as text; ratios have three decimals."""
    named = table.rename(columns={"activations": "activations, bytes"})
    return named.apply(lambda column: column.map(("{:.3f}" if "/" in column.name else "{:,.0f}").format))


def costs_say(arms: Mapping[str, Cost]) -> dict[str, str]:
    """There: the weights and multiplications of units per channel and of dense ones."""
    one, channel, dense = [arms[name] for name in ("one-task (two towers)", "stitched, per channel", "stitched, dense")]
    return {
        "channel_alphas": f"{channel.alphas:,}",
        "dense_alphas": f"{dense.alphas / 1e6:.1f} million",
        "dense_channel": f"{dense.alphas / channel.alphas:,.0f}",
        "dense_bytes": f"{4 * dense.alphas / 1e6:.0f} MB",
        "dense_ratio": f"{dense.alphas / one.parameters:.0f}",
        "channel_extra": f"{channel.multiplies / one.multiplies - 1:.1%}",
    }


def arms_shown(table: pd.DataFrame) -> pd.DataFrame:
    """What every arm costs, as text."""
    whole = {column: table[column].map("{:,}".format) for column in ("weights", "alphas")}
    return table.assign(**whole, **{name: table[name].map("{:.1f}".format) for name in table.columns[3:]})


def arms_say(table: pd.DataFrame) -> dict[str, str]:
    """Cross-stitch beside one network per task."""
    cost = table.set_index("arm")
    apart, together = cost.loc["one-task"], cost.loc["cross-stitch"]
    more = 100 * (together / apart.replace(0, float("nan")) - 1)
    return {
        "alpha_share": f"{100 * together['alphas'] / together['weights']:.1f} %",
        "multiply_share": f"{more['multiplies, million']:.1f} %",
        "time_share": f"{100 + more['time, ms']:.0f} %",
        "memory_share": f"{more['kept for backward, kB']:.0f} %",
    }


def roofline_points(layers: pd.DataFrame, seconds: Mapping[str, float]) -> dict[str, list[tuple[Any, float]]]:
    """For `xstitch_lib.page.plots.roofline`: kind → (operations per byte, operations a second) of each layer."""
    return {
        KINDS[kind]: [
            (row, flops / seconds[name]) for name, row, flops in zip(own.layer, own.intensity, own.flops, strict=True)
        ]
        for kind, own in layers.groupby("kind")
    }


def units_say(layers: pd.DataFrame, seconds: Mapping[str, float], bandwidth: float, price: Mapping[int, float]) -> dict:
    """What units take of operations, of time and of the memory's speed, and what starting them costs."""
    flops = layers.groupby("kind").flops.sum()
    spent = pd.Series(seconds).groupby(layers.set_index("layer").kind).sum()
    moved = layers[layers.kind == "unit"].bytes.sum() / spent["unit"]
    return {
        "unit_flops": f"{100 * flops['unit'] / flops.sum():.2f} %",
        "unit_time": f"{100 * spent['unit'] / spent.sum():.0f} %",
        "unit_bandwidth": f"{100 * moved / bandwidth:.0f} %",
        "unit_start": f"{price[16] / price[1]:.1f}",
    }


def rooms_choices(record: Record) -> pd.DataFrame:
    """Each setting that was tried beside the chosen one; see `against_chosen`."""
    return against_chosen(record, CHOICES)


def rooms_choices_say(record: Record) -> dict[str, str]:
    """What other rates of the units, and float32, change on validation pictures."""
    table = record.table
    says = {
        name: relative_gain(table, arm, reference, MAIN).short(" percent")
        for name, arm, reference in [
            ("units3", "units ×3", CROSS),
            ("units100", "units ×100", CROSS),
            ("float_one", "one-task, float32", ONE),
            ("float_cross", "cross-stitch, float32", CROSS),
        ]
    }
    for task, metric in MAIN.items():
        float32 = gains(table, f"{CROSS}, float32", f"{ONE}, float32", task, metric)
        more = (float32 - gains(table, CROSS, ONE, task, metric)).dropna()
        says[f"float_{task}"] = worded(summary(more), record.quantities[task][metric])
    return says


def nyu_choices(record: Record) -> dict[str, dict[str, list[float]]]:
    """For `xstitch_lib.page.plots.settings_dots`: group → setting → percent over the chosen one, a seed each."""
    found: dict[str, dict[str, list[float]]] = {}
    for group, (chosen, settings) in NYU_CHOICES.items():
        found[f"{group}, over {next(name for name, arm in settings.items() if arm == chosen)}"] = {
            name: relative_gains(record.table, arm, chosen, MAIN).tolist()
            for name, arm in settings.items()
            if arm != chosen
        }
    return found


def nyu_choices_say(chosen: Record, rooms: Record) -> dict[str, str]:
    """How settings were chosen on NYU-v2, and how far units move there and on rooms."""
    diverged = chosen.provenance[chosen.provenance.status != "done"]
    says = {
        "nyu_choice_steps": f"{sum(chosen.content['settings']['steps'])}",
        "nyu_lost": f"{len(diverged)} of {len(chosen.seeds)} runs",
        "rooms_moved": _moved(rooms, "10"),
        "nyu_moved_ten": _moved(chosen, "units ×10"),
        "nyu_moved_hundred": _moved(chosen, "units ×100"),
    }
    for name, found in (("nyu", chosen), ("rooms", rooms)):
        settings = found.content["settings"]
        says |= {f"{name}_lr": f"{settings['lr'][1]:g}", f"{name}_steps": f"{settings['steps'][1]:,}"}
    return says


def scales_cost(medium: NYUScale, full: NYUScale, peak: float) -> dict[str, str]:
    """What a seed of a stitched pair takes at both scales.

    Args:
        peak: operations a second of the machine at hand; see `xstitch_lib.networks.machine_roof`.
    """
    of_medium, of_full = _operations(medium), _operations(full)
    return {
        "medium_operations": f"{of_medium / 1e15:.2f}",
        "medium_hours": f"{of_medium / peak / 3600:.1f}",
        "peak": f"{peak / 1e9:.0f}",
        "full_operations": f"{of_full / 1e15:.0f}",
        "full_hours": f"{of_full / GPU / 3600:.1f}",
    }


def times(record: Record) -> pd.DataFrame:
    """What an epoch of one seed takes, and what more of them would, as text: a row an arm."""
    minutes = record.provenance.set_index("arm").seconds / 60
    columns = {
        "minutes an epoch": minutes,
        "times *none*": minutes / minutes["none"],
        "hours for 30 epochs": 30 * minutes / 60,
        "days for 8 seeds of them": 30 * 8 * minutes / 60 / 24,
    }
    return pd.DataFrame(columns).map("{:.1f}".format)


def records() -> Iterator[Record]:
    """Every recorded study, by name."""
    for path in sorted(FOLDER.glob("*-*.json")):
        yield load(*path.stem.rsplit("-", 1))


def _operations(scale: NYUScale) -> float:
    """Of both phases of a stitched pair; back is twice the way there."""
    with torch.device("meta"):  # shapes without memory
        outputs = {"seg": 40, "normals": 20}
        pair = {task: towers.alexnet_fcn(channels, scale.width) for task, channels in outputs.items()}
        net = stitch(pair, towers.POOLS, NYU_SHAPE)
        return 3 * 2 * cost(net, NYU_SHAPE).multiplies * sum(scale.steps) * scale.batch_size


def _moved(record: Record, arm: str) -> str:
    found = moved(record, [arm])
    return f"{found[found.layer == 'pool1'].value.mean():.2f}"
