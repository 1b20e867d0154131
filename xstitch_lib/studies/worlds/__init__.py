"""The worlds: what a study can be about, one file a world. Each is a kind of `Scale` that makes a `World`."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.worlds.world import World

for _file in pkgutil.iter_modules(__path__):  # so that records find every world by its name
    importlib.import_module(f"{__name__}.{_file.name}")


def load(scale: Scale) -> World:
    """The world of a scale, kept in memory for the next cell: scales that only train otherwise have one."""
    training = dict(steps=(0, 0), lr=(0.0, 0.0), schedule="", snapshots=0, unit_lr_scale=0.0, batch_size=0)
    how = dict(optimizer="", weight_decay=0.0, warmup=0, precision="", channels_last=True)
    return _load(replace(scale, seeds=(), arms=None, **training, **how))


@lru_cache(maxsize=4)
def _load(scale: Scale) -> World:
    return scale.make()


def recorded_scale(settings: Mapping[str, Any]) -> Scale:
    """The scale that was written into a record.

    Raises:
        ValueError: for a world that does not exist, or a setting that its scales no longer have.
    """
    if settings["world"] not in Scale.known:
        raise ValueError(f"no world {settings['world']!r}: choose one of {', '.join(Scale.known)}")
    kind = Scale.known[settings["world"]]
    if gone := set(settings) - {f.name for f in fields(kind)}:
        raise ValueError(f"{kind.__name__} has no {', '.join(sorted(gone))} any more: check out the recorded commit")
    return kind(**tuples(settings))


def tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from JSON, which has lists where Python had tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


__all__ = ["World", "load", "recorded_scale", "tuples"]
