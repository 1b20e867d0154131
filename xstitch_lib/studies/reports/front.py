"""The picture of the front page: one channel of two towers that look at the same room."""

import torch
from torch import Tensor

from xstitch_lib.data.rooms import Rooms
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.segmentation_normals import table5

SIZE = (144, 192)  # larger than the towers were trained on, so that a reader recognises the room


def two_maps(room: int = 0) -> tuple[list[Tensor], Tensor]:
    """A channel of conv1 that is alive in both live towers and not the same there, (H, W) each, and the picture."""
    bench = Bench(table5.scale("live"), 0)
    towers = bench.one_task(weights="a")[0]["seg"].cpu(), bench.one_task(weights="b")[0]["normals"].cpu()
    picture = Rooms(n=room + 1, seed=3, size=SIZE)[room : room + 1]["image"]
    with torch.no_grad():
        maps = [tower.conv1(picture)[0] for tower in towers]
    first, second = [m.flatten(1) - m.flatten(1).mean(1, keepdim=True) for m in maps]
    bright = torch.stack([m.flatten(1).std(1) / m.flatten(1).amax(1).clamp(min=1e-6) for m in maps]).amin(0)
    alike = (first * second).mean(1) / (first.std(1) * second.std(1)).clamp(min=1e-6)
    channel = int((bright / bright.max() - alike.abs()).argmax())
    return [m[channel] for m in maps], picture[0]
