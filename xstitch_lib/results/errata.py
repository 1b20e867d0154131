"""The paper's slips, and its readers', each shown by a computation or by a quotation of `paper.QUOTES`."""

import torch

from xstitch_lib.data.faces import by_picture
from xstitch_lib.results import paper
from xstitch_lib.unit import cross_stitch

UNITS = (12544, 6272, 2048)  # both towers' numbers at the re-implementation's three units
PER_CHANNEL = (32, 64, 1024)  # channels there
PEOPLE, PICTURES = 100, 20  # of the second script's data, which list one person's pictures after another's
FACE_UNITS = (64, 64, 64)  # both towers' numbers at each of its units


def said() -> dict[str, str]:
    """Everything that the page of errata glues: quotations under "quote_…", numbers under their own names."""
    quotes = {f"quote_{name.replace(' ', '_')}": text for name, (_, text) in paper.QUOTES.items()}
    return quotes | equation_3() | tables() | figure_2() | magnitudes() | dense() | second_script()


def equation_3() -> dict[str, str]:
    """Gradients of a loss at one location and at six, by autograd and as Eq. 3 is printed.

    >>> found = equation_3()
    >>> found["ab_one"] == found["right_one"], found["ab_one"] == found["printed_one"]
    (True, False)
    """
    says, torch_rng = {}, torch.Generator().manual_seed(0)
    for name, places in (("one", 1), ("six", 6)):
        maps = torch.randn(2, places, generator=torch_rng, dtype=torch.float64)
        weights = torch.randn(2, places, generator=torch_rng, dtype=torch.float64)
        alpha = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64, requires_grad=True)
        ((alpha @ maps) * weights).sum().backward()  # dL/dx~ are the weights
        says |= {
            f"ab_{name}": f"{alpha.grad[0, 1]:+.3f}",
            f"ba_{name}": f"{alpha.grad[1, 0]:+.3f}",
            f"printed_{name}": f"{(weights[1] * maps[0])[0]:+.3f}",
            f"right_{name}": f"{(weights[0] * maps[1])[0]:+.3f}",
            f"summed_{name}": f"{(weights[0] * maps[1]).sum():+.3f}",
        }
    return says


def value(table: str, arm: str, task: str, metric: str) -> float:
    """One number of the paper."""
    rows = paper.table(table)
    return float(rows[(rows.arm == arm) & (rows.task == task) & (rows.metric == metric)].value.item())


def tables() -> dict[str, str]:
    """Numbers of tables 1 to 6 that disagree with what is said of them, or with each other."""
    asked = {
        "pix_cross": ("table5", "cross-stitch", "seg", "pixacc"),
        "pix_ensemble": ("table5", "ensemble", "seg", "pixacc"),
        "pix_split": ("table5", "split-conv4", "seg", "pixacc"),
        "det_cross": ("table6", "cross-stitch", "detection", "mAP"),
        "det_ensemble": ("table6", "ensemble", "detection", "mAP"),
        "pix_known": ("table3", "one-task", "seg", "pixacc"),
        "pix_imagenet": ("table3", "ImageNet", "seg", "pixacc"),
        "pix_1": ("table2", "1", "seg", "pixacc"),
        "pix_100": ("table2", "100", "seg", "pixacc"),
        "pix_1000": ("table2", "1000", "seg", "pixacc"),
        "within_two": ("table2", "1000", "normals", "11.25"),
        "within_five": ("table5", "cross-stitch", "normals", "11.25"),
    }
    says = {name: f"{value(*where):.1f}" for name, where in asked.items()}
    for name, table, arm in (("start", "table1", "(0.9, 0.1)"), ("rate", "table2", "100")):
        says[f"row_{name}"] = " / ".join([f"{value(table, arm, 'seg', metric):.1f}" for metric in paper.SEG])
    pairs = [
        (value("table2", "1000", task, m), value("table5", "cross-stitch", task, m))
        for task, metrics in (("normals", paper.NORMALS), ("seg", paper.SEG))
        for m in metrics
    ]
    return says | {"equal_columns": f"{sum([a == b for a, b in pairs])} of {len(pairs)}"}


def figure_2() -> dict[str, str]:
    """Bars of figure 2 against tables 5 and 6, and which split is best by them."""
    alone = value("table6", "one-task", "detection", "mAP")
    fc7 = alone + value("fig2", "split-fc7", "detection", "mAP")
    says = {"bar_fc7": f"{fc7:.1f}"}
    for task, short in (("detection", "det"), ("attributes", "attr")):
        bars = {layer: value("fig2", f"split-{layer}", task, "mAP") for layer in paper.SPLITS}
        says[f"best_{short}"] = max(bars, key=bars.get)
        change = value("table6", "split-fc7", task, "mAP") - value("table6", "one-task", task, "mAP")
        says[f"table_fc7_{short}"] = f"{change:+.1f}"
        says |= {f"bar_{layer}_{short}": f"{bars[layer]:+.1f}" for layer in ("fc6", "fc7")}
    change = value("table5", "one-task", "normals", "median") - value("table5", "split-conv4", "normals", "median")
    bars = {layer: value("fig2", f"split-{layer}", "normals", "median") for layer in paper.SPLITS}
    return says | {
        "bar_conv4": f"{bars['conv4']:.2f}",
        "table_conv4": f"{abs(change):.1f}",
        "lowest_bar": min(bars, key=bars.get),
        "best_normals": ", ".join([layer for layer in bars if bars[layer] == max(bars.values())]),
    }


def magnitudes() -> dict[str, str]:
    """Five units in a row whose weights lie in [0, 1], on maps of size 1: rows that sum to 1.8, and to 1."""
    says = {}
    for name, weights in (("large", (0.9, 0.9)), ("convex", (0.9, 0.1))):
        maps, alpha = [torch.ones(1, 1, 1, 1)] * 2, torch.tensor([[weights, weights[::-1]]])
        for _ in range(5):
            maps = list(cross_stitch(alpha, maps))
        says[f"size_{name}"] = f"{maps[0].item():.1f}"
    return says


def dense() -> dict[str, str]:
    """Weights of the re-implementation's units: a dense matrix over all numbers of both towers at each."""
    both = sum(PER_CHANNEL)
    return {"dense_weights": f"{sum([n**2 for n in UNITS]) / 1e6:.1f}", "channel_weights": f"{4 * both:,}"}


def second_script() -> dict[str, str]:
    """Whom the script on gender and age tests: its permutation, and the people whose pictures that puts on both sides.

    >>> second_script()["face_test_people"], second_script()["face_known_people"]
    ('89', '89')
    """
    test, train = [{*(who // PICTURES).tolist()} for who in by_picture(PEOPLE * PICTURES).values()][::-1]
    return {
        "face_people": f"{PEOPLE}",
        "face_test_pictures": f"{len(by_picture(PEOPLE * PICTURES)['test'])}",
        "face_test_people": f"{len(test)}",
        "face_known_people": f"{len(test & train)}",
        "face_unit_weights": f"{sum([n**2 for n in FACE_UNITS]):,}",
    }
