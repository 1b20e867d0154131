"""The worlds: what a study can be about. Each is a kind of `Scale` and a function that makes a `World` of one."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.fashion import FashionScale, fashion
from xstitch_lib.studies.worlds.nyuv2 import NYUScale, nyuv2
from xstitch_lib.studies.worlds.rooms import RoomsScale, rooms
from xstitch_lib.studies.worlds.world import World

WORLDS = {"rooms": (RoomsScale, rooms), "fashion": (FashionScale, fashion), "nyuv2": (NYUScale, nyuv2)}


def load(scale: Scale) -> World:
    """The world of a scale, kept in memory for the next cell: scales that only train otherwise have one."""
    training = dict(steps=(0, 0), lr=(0.0, 0.0), schedule="", snapshots=0, unit_lr_scale=0.0, batch_size=0)
    how = dict(optimizer="", weight_decay=0.0, precision="", channels_last=True)
    return _load(replace(scale, seeds=(), arms=None, **training, **how))


@lru_cache(maxsize=4)
def _load(scale: Scale) -> World:
    _, make = WORLDS[scale.world]
    return make(scale)


def recorded_scale(settings: Mapping[str, Any]) -> Scale:
    """The scale that was written into a record.

    Raises:
        ValueError: for a world that does not exist.
    """
    if settings["world"] not in WORLDS:
        raise ValueError(f"no world {settings['world']!r}: choose one of {', '.join(WORLDS)}")
    kind, _ = WORLDS[settings["world"]]
    return kind(**tuples(settings))


def tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from JSON, which has lists where Python had tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


__all__ = ["WORLDS", "FashionScale", "NYUScale", "RoomsScale", "World", "load", "recorded_scale", "tuples"]
