"""What chapter "How related must two tasks be?" says of its record."""

import pandas as pd
from sklearn.metrics import mutual_info_score
from torch import Tensor

from xstitch_lib.data import FashionMNIST
from xstitch_lib.results.record import Record
from xstitch_lib.results.statistics import gains, summary
from xstitch_lib.studies.reports.wording import level, worded_gains
from xstitch_lib.studies.worlds.fashion import RELATED, turned

DIAL = [0, 3, 5, 7, 10]
ARMS = {"per channel": "paper", "dense at fc3": "dense", "linear inside": "inside"}
METRICS = [("article", "accuracy"), ("second", "accuracy")]
Gains = dict[str, dict[str, dict[str, pd.Series]]]


def six_pictures(pictures: FashionMNIST) -> tuple[list[Tensor], list[str]]:
    """Turned pictures, (H, W, 3) each, with their article and their second label at 0, 5 and 10 of the dial."""
    labels = {related: turned(pictures, related).tensors for related in (0, 5, 10)}
    article, turn = labels[0]["article"], labels[0]["second"]
    wanted = [(0, 1), (5, 0), (9, 1), (1, 2), (2, 2), (7, 1)]  # article and turn
    shown = [int(((article == a) & (turn == t)).nonzero()[0]) for a, t in wanted]
    titles = []
    for k in shown:
        name, seconds = pictures.articles[int(article[k])], []
        for related, found in labels.items():
            words = pictures.groups if int(article[k]) in RELATED[:related] else ["upright", "left", "right"]
            seconds.append(words[int(found["second"][k])].lower())
        titles.append(f"{name}\n{', '.join(seconds)}")
    return [labels[0]["image"][k].permute(1, 2, 0).expand(-1, -1, 3) for k in shown], titles


def told_by_article(pictures: FashionMNIST) -> pd.DataFrame:
    """The share of the second label's information that the article's name tells, as text: a row a position."""
    shares = []
    for related in DIAL:
        article, second = [turned(pictures, related).tensors[name].numpy() for name in ("article", "second")]
        shares.append(mutual_info_score(article, second) / mutual_info_score(second, second))
    columns = {"articles whose second label is their group": DIAL}
    return pd.DataFrame(columns | {"told by the article": [f"{share:.0%}" for share in shares]})


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
    for at in (0, 10):
        arms = [f"{name}, {at} of 10" for name in ("per channel", "self-stitch, per channel", "none")]
        pairs = {f"self_{at}": (arms[0], arms[1]), f"own_{at}": (arms[1], arms[2])}
        says |= worded_gains(record.table, pairs, dict(METRICS))
    return says | {"most_shared": f"{shared.groupby(['arm', 'layer', 'task']).share.mean().max():.1%}"}
