"""Records of format 1 as records of format 2, without running anything: `python tools/convert_records.py FOLDER`.

Format 1 had all numbers in one JSON file, each arm's options as a union of all methods', a digest of settings in each
cell, and no quantities; its first records lacked settings that came later. This is how they became what they are: what
lacks is what those runs had, the defaults of their time; what is there is checked against the digest of their cells.
Kept for records that someone else made.
"""

import hashlib
import json
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from xstitch_lib import record
from xstitch_lib.results import identity
from xstitch_lib.results.arrays import decode
from xstitch_lib.studies import STUDIES, FashionScale, NYUScale, Scale
from xstitch_lib.studies.methods import Method
from xstitch_lib.studies.worlds import load, recorded_scale, tuples
from xstitch_lib.studies.worlds.nyuv2 import NYUWorld
from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals

OLD_OPTIONS = {
    "at": None,
    "after": ["pool1", "pool2", "pool5", "fc6", "fc7"],
    "per": "channel",
    "alpha_same": 0.9,
    "unit_lr_scale": None,
    "learned": True,
    "start": "one-task",
    "partner": "same",
}


def converted(old: dict[str, Any]) -> dict[str, Any]:
    """The content of a record as `record.save` takes it."""
    scale = recorded_scale(old["settings"])
    if "seeds" not in old["settings"]:
        scale = replace(scale, seeds=tuple(sorted({cell["seed"] for cell in old["cells"]})), arms=tuple(old["arms"]))
    arms = {name: converted_arm(arm) for name, arm in old["arms"].items()}
    precisions = {cell["provenance"].get("precision") for cell in old["cells"]} - {None}
    cells = []
    for cell in old["cells"]:
        arm, kept = old["arms"][cell["arm"]], {name: value for name, value in cell.items() if name != "made_with"}
        if cell["made_with"] != made_with(arm, old["settings"]):
            raise SystemExit(f"{cell['arm']} seed {cell['seed']} was made with other settings than those of its record")
        # the first records were made before a machine without bf16 took float32; later only runs that diverged lack it
        used = arm["changes"].get("precision", scale.precision)
        used = used if len(precisions) != 1 else precisions.copy().pop()
        kept["provenance"] = {**cell["provenance"], "precision": cell["provenance"].get("precision", used)}
        if "alphas" in cell:
            kept["alphas"] = json.loads(json.dumps(cell["alphas"]), object_hook=decode)
        cells.append(kept)
    study = STUDIES[old["study"]]
    for name, arm in arms.items():
        method = Method.known[arm["method"]](**tuples(arm["options"]))
        now, wanted = study.arm(name), identity.settings(scale, method, arm["changes"])
        for line in identity.differences(wanted, study.scale(old["scale"]), now.method, now.changes):
            print(f"  {name}: the study now differs, {line}")
    return {
        **{name: value for name, value in old.items() if name != "cells"},
        "format": record.FORMAT,
        "settings": asdict(scale),
        "arms": arms,
        "quantities": {
            task: own
            for changes in {json.dumps(arm["changes"], sort_keys=True) for arm in arms.values()}
            for task, own in quantities(replace(scale, **tuples(json.loads(changes)))).items()
        },
        "cells": cells,
    }


def converted_arm(arm: dict[str, Any]) -> dict[str, Any]:
    """Of the union of options those that the arm's method has."""
    own = [f.name for f in fields(Method.known[arm["method"]])]
    options = {**OLD_OPTIONS, **arm}
    return {
        "method": arm["method"],
        "options": {name: options[name] for name in own},
        "changes": arm["changes"],
    }


def quantities(scale: Scale) -> dict[str, Any]:
    """Those of the scale's world, which needs no downloaded data for them."""
    if isinstance(scale, NYUScale):
        tasks = {"seg": SemanticSegmentation("seg", 2), "normals": SurfaceNormals("normals", [(0, 0, 1), (0, 1, 0)])}
        return NYUWorld(train=None, validation=None, table=None, tasks=tasks, tower=None).quantities().plain()
    return load(replace(scale, **({"full": False} if isinstance(scale, FashionScale) else {}))).quantities().plain()


def made_with(arm: dict[str, Any], settings: dict[str, Any]) -> str:
    """The digest of format 1: of all that a record tells of a cell, but its arm's name and what else was run."""
    apart = {"seeds": [], "arms": None} if "seeds" in settings else {}
    told = {**arm, "name": ""}, {**settings, **arm["changes"], **apart}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for path in sorted(folder.glob("*-*.json")):
        content = json.loads(path.read_text())
        if content["format"] == "xstitch_lib record 1":
            print(path.name)
            record.save(converted(content), folder)
