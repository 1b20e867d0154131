"""What chapter "Boxes and attributes" shows and says of rooms and of its live pair."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from torch import Tensor

from xstitch_lib.data.proposals import recall
from xstitch_lib.tasks.boxes import overlaps

Counts = Mapping[int, tuple[float, float]]  # percent of foreground allowed → regions of objects, of background


def looked_at(one: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """For `xstitch_lib.page.plots.looked_at`: a room, its proposals, and the one on its second largest object."""
    proposals = one["regions"][one["object"] < 0]
    sizes = (one["boxes"][:, 2:] - one["boxes"][:, :2]).prod(1)
    overlap = overlaps(proposals, one["boxes"][sizes.argsort()[-2:-1]])[:, 0]
    return one["image"].permute(1, 2, 0), proposals, proposals[overlap.argmax()]


def recall_says(proposals: Any, boxes: Any) -> dict[str, str]:
    """How many objects some proposal overlaps by one half, and by 0.7."""
    return {"recall": f"{recall(proposals, boxes):.0f} %", "recall_7": f"{recall(proposals, boxes, 0.7):.0f} %"}


def starved_says(counts: Counts, names: Sequence[str], shares: Tensor, pictures: int = 4) -> dict[str, str]:
    """What a step of that many pictures shows to the attributes, and to the rarest of them.

    Args:
        names, shares: of the attributes, and of how many objects each is true.
    """
    objects, background = counts[25]
    return {
        "foreground": f"{objects:.0f}",
        "foreground_share": f"{100 * objects / (objects + background):.0f} %",
        "rarest": names[int(shares.argmin())],
        "rarest_share": f"{100 * shares.min():.1f} %",
        "rarest_step": f"{pictures * objects * shares.min():.1f}",
    }


def detections(
    scores: Tensor, hit: Sequence[int], precision: Sequence[float], recalled: Sequence[float]
) -> pd.DataFrame:
    """A list of detections, the surest first, as text."""
    return pd.DataFrame(
        {
            "score": [f"{s:.2f}" for s in scores],
            "is a": [("false alarm", "hit")[h] for h in hit],
            "precision": [f"{p:.2f}" for p in precision],
            "recall": [f"{r:.2f}" for r in recalled],
        }
    )
