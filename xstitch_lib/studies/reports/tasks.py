"""What chapter "The data and the tasks" says of rooms and metrics."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from xstitch_lib.data.rooms import Rooms
from xstitch_lib.tasks import SurfaceNormals, Task
from xstitch_lib.training.augment import flip


def class_shares(train: Rooms) -> dict[str, float]:
    """Class → its part of the pixels, in percent."""
    counts = torch.bincount(train.tensors["seg"].flatten(), minlength=len(train.classes)).double()
    return dict(zip(train.classes, (100 * counts / counts.sum()).tolist(), strict=True))


def classes_say(shares: Mapping[str, float]) -> dict[str, str]:
    """The commonest, the rarest, and the ten rarest together."""
    order = sorted(shares, key=shares.get)
    return {
        "wall": f"{shares['wall']:.0f} %",
        "rarest": order[0],
        "rarest_share": f"{shares[order[0]]:.2f} %",
        "ten_rarest": f"{sum([shares[name] for name in order[:10]]):.1f} %",
    }


def faults(rows: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Answers with known faults and what each metric makes of them, as text."""
    return pd.DataFrame(rows).T.map("{:.1f}".format).rename_axis("answer")


def faults_say(rows: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Of answers for segmentation."""
    rare, wall = rows["true, ten rarest classes called wall"], rows["all wall"]
    return {
        "rare_pixacc": f"{100 - rare['pixacc']:.1f}",
        "rare_miu": f"{100 - rare['mIU']:.0f}",
        "block_miu": f"{rows['true, one class a block of 8×8 pixels']['mIU']:.0f}",
        "wall_pixacc": f"{wall['pixacc']:.0f}",
        "wall_miu": f"{wall['mIU']:.1f}",
    }


def gallery(train: Rooms, tasks: Mapping[str, Task]) -> dict[str, Tensor]:
    """For `xstitch_lib.page.plots.gallery`: six rooms, their classes and their normals."""
    shown = train[torch.tensor([12, 13, 14, 16, 17, 22])]
    pictures = shown["image"].permute(0, 2, 3, 1)
    return {"picture": pictures} | {
        title: tasks[name].draw(shown[name]) for title, name in (("classes", "seg"), ("normals", "normals"))
    }


def codebook(normals: SurfaceNormals, train: Rooms) -> tuple[np.ndarray, list[float], np.ndarray]:
    """For `xstitch_lib.page.plots.codebook`: the words, how much each is used, and its colour."""
    words, nearest = np.array(normals.codebook), normals.nearest(train.tensors["normals"]).flatten()
    use = (torch.bincount(nearest, minlength=len(words)) / len(nearest)).tolist()
    drawn = normals.draw(torch.tensor(words.T, dtype=torch.float32)[None, :, :, None])
    return words, use, drawn[0, :, 0].numpy()


def mirrored(normals: SurfaceNormals, train: Rooms, number: int) -> dict[str, list[Any]]:
    """For `xstitch_lib.page.plots.gallery`: a room, its normals, mirrored, and mirrored without the sign."""
    room = train[torch.tensor([number])]
    three = (room["normals"], flip(room)["normals"], room["normals"].flip(-1))
    return {"": [room["image"][0].permute(1, 2, 0), *[normals.draw(found)[0] for found in three]]}


def normals_say(normals: SurfaceNormals, train: Rooms, test: Rooms, rows: Mapping[str, Mapping[str, float]]) -> dict:
    """The codebook's floor, what outliers cost, and what a forgotten sign does to mirrored labels."""
    metric, off = normals.metric(), rows["true, a tenth of the pixels anywhere"]
    metric.add(train.tensors["normals"].flip(-1), flip(train.tensors)["normals"])
    return {
        "floor_mean": f"{normals.floor(test)['mean']:.1f}°",
        "outliers_mean": f"{off['mean']:.1f}°",
        "outliers_median": f"{off['median']:.1f}°",
        "sign": f"{metric.compute()['mean']:.0f}°",
    }
