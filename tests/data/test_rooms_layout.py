import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng

from xstitch_lib.data.rooms.furniture import CLASSES, KINDS
from xstitch_lib.data.rooms.layout import draw_scene
from xstitch_lib.data.rooms.scene import CUBE

EPSILON = 1e-6
seeds = st.integers(0, 2**63)
several = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def scenes():
    return [draw_scene(default_rng(seed)) for seed in range(300)]


def named(scene, *names):
    return [thing for thing in scene.things if CLASSES[thing.label] in names]


def reach(solid):
    """Half its extent along the room's x and z."""
    sin, cos = abs(math.sin(solid.yaw)), abs(math.cos(solid.yaw))
    if solid.shape != CUBE:
        return solid.half[0], solid.half[2]
    return cos * solid.half[0] + sin * solid.half[2], sin * solid.half[0] + cos * solid.half[2]


def bottom(thing):
    return min([-solid.centre[1] - solid.half[1] for solid in thing.solids])


def top(thing):
    return max([-solid.centre[1] + solid.half[1] for solid in thing.solids])


@several
@given(seeds)
def test_everything_is_inside_the_room(seed):
    scene = draw_scene(default_rng(seed))
    width, height, depth = scene.size
    for thing in scene.things:
        for solid in thing.solids:
            (x, _, z), (reach_x, reach_z) = solid.centre, reach(solid)
            assert abs(x) + reach_x < width / 2 + EPSILON
            assert reach_z - EPSILON < z < depth - reach_z + EPSILON
        assert bottom(thing) > -EPSILON and top(thing) < height + EPSILON


@several
@given(seeds)
def test_the_camera_stands_free_and_looks_into_the_room(seed):
    scene = draw_scene(default_rng(seed))
    camera, (width, height, depth) = scene.camera, scene.size
    x, y, z = camera.position
    assert abs(x) < width / 2 and -height < y < 0 and 0 < z < depth
    assert abs(camera.yaw) <= math.radians(40) and abs(camera.roll) <= math.radians(2)
    assert math.radians(-24) <= camera.pitch <= math.radians(2) and 62 <= math.degrees(camera.fov) <= 78
    for thing in scene.things:
        for solid in thing.solids:
            reach_x, reach_z = reach(solid)
            apart = max(abs(solid.centre[0] - x) - reach_x, abs(solid.centre[2] - z) - reach_z)
            assert apart > 0.1 or top(thing) < 0.1 or CLASSES[thing.label] in ("door", "window", "picture")


@several
@given(seeds)
def test_things_stand_on_the_floor_hang_or_lie_on_furniture(seed):
    scene = draw_scene(default_rng(seed))
    tops = [top(thing) for thing in named(scene, "table", "cabinet")]
    for thing in scene.things:
        base = bottom(thing)
        if thing.support == "floor":
            assert abs(base) < EPSILON
        elif thing.support == "furniture":
            assert min([abs(base - other) for other in tops]) < EPSILON
        elif thing.support == "ceiling":
            assert abs(top(thing) - scene.size[1]) < EPSILON
        else:
            assert thing.support == "wall" and (base > 0.7 or CLASSES[thing.label] == "door")


@several
@given(seeds)
def test_what_stands_on_the_floor_stands_apart(seed):
    scene = draw_scene(default_rng(seed))
    standing = [thing for thing in scene.things if thing.support == "floor" and CLASSES[thing.label] != "rug"]
    for i, one in enumerate(standing):
        for other in standing[:i]:
            pairs = [(a, b) for a in one.solids for b in other.solids]
            for a, b in pairs:
                gaps = [abs(a.centre[k] - b.centre[k]) - reach(a)[k // 2] - reach(b)[k // 2] for k in (0, 2)]
                assert max(gaps) > -EPSILON


def test_doors_are_never_blocked(scenes):
    doors = 0
    for scene in scenes:
        for door in named(scene, "door"):
            (solid,) = door.solids
            x, z = solid.centre[0] + 0.4 * math.sin(solid.yaw), solid.centre[2] + 0.4 * math.cos(solid.yaw)
            doors += 1
            for thing in scene.things:
                if thing.support == "floor" and CLASSES[thing.label] != "rug":
                    for part in thing.solids:
                        reach_x, reach_z = reach(part)
                        assert max(abs(part.centre[0] - x) - reach_x, abs(part.centre[2] - z) - reach_z) > 0
    assert doors > 100


def test_each_class_has_one_kind_of_support_or_two(scenes):
    seen = Counter((CLASSES[thing.label], thing.support) for scene in scenes for thing in scene.things)
    supports = {"wall": "wall", "ceiling": "ceiling", "floor": "floor", "rug": "floor", "against": "floor"}
    for name, kind in KINDS.items():
        found = {support for label, support in seen if label == name}
        assert found == ({"floor", "furniture"} if kind.place == "top" else {supports[kind.place]})


def test_a_small_thing_on_furniture_does_not_overhang(scenes):
    carried = [(scene, thing) for scene in scenes for thing in scene.things if thing.support == "furniture"]
    assert len(carried) > 100
    for scene, thing in carried:
        x, _, z = thing.solids[0].centre
        below = [solid for other in named(scene, "table", "cabinet") for solid in other.solids[:1]]
        assert any([_within(solid, x, z) for solid in below])


def _within(solid, x, z):
    sin, cos = math.sin(solid.yaw), math.cos(solid.yaw)
    dx, dz = x - solid.centre[0], z - solid.centre[2]
    return abs(cos * dx - sin * dz) < solid.half[0] and abs(sin * dx + cos * dz) < solid.half[2]


def test_the_same_generator_gives_the_same_scene():
    assert draw_scene(default_rng(7)) == draw_scene(default_rng(7)) != draw_scene(default_rng(8))
