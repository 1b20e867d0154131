import math

import numpy as np
import pytest
from numpy.random import default_rng
from numpy.testing import assert_allclose, assert_array_equal
from room_scenes import SIZE, ball, cube, cylinder, scene, solid, thing

from xstitch_lib.data.rooms.bodies import pack
from xstitch_lib.data.rooms.intersect import normal
from xstitch_lib.data.rooms.layout import draw_scene
from xstitch_lib.data.rooms.render import render
from xstitch_lib.data.rooms.scene import BALL, CHECKERED, CUBE, CYLINDER, STRIPED, WAVY, Light, Paint
from xstitch_lib.data.rooms.shading import CONTRAST

WALL, FLOOR, CEILING = range(3)
MIDDLE, ASIDE = (8, 8), (8, 13)  # pixels of SIZE; ASIDE looks along (0.5, 0, 1)


def look(*things, size=SIZE, **changes):
    view = render([scene(*things, **changes)], size)
    return view.seg[0], np.moveaxis(view.normals[0], 0, -1), np.moveaxis(view.colour[0], 0, -1), view


def rays(slope, size=SIZE):
    """(H, W, 3) in the camera's frame."""
    height, width = size
    v, u = np.meshgrid(np.arange(height) + 0.5 - height / 2, np.arange(width) + 0.5 - width / 2, indexing="ij")
    return np.stack([u, v, np.full(size, width / 2 / slope)], -1) * slope * 2 / width


@pytest.fixture(scope="module")
def furnished():
    return [draw_scene(default_rng(seed)) for seed in range(40)]


def test_a_ball_has_the_normal_computed_by_hand():
    # along (0.5, 0, 1) the unit ball 2 m ahead is met where 1.25 t² - 4 t + 3 = 0, at t = 1.2, (0.6, 0, 1.2)
    seg, normals, *_ = look(ball(2.0))
    assert seg[ASIDE] == 5
    assert_allclose(normals[ASIDE], [0.6, 0, -0.8], atol=1e-6)


def test_a_ball_covers_the_rays_that_pass_its_centre_within_its_radius():
    size = (51, 60)
    seg, normals, *_ = look(ball(2.0, radius=0.8), size=size)
    ray = rays(1.0, size)
    ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
    along = 2 * ray[..., 2]
    inside = 0.8**2 - (4 - along**2)
    assert_array_equal(seg == 5, inside > 0)
    hit = inside > 0
    point = (along - np.sqrt(np.where(hit, inside, 0)))[..., None] * ray - [0, 0, 2]
    assert_allclose(normals[hit], point[hit] / 0.8, atol=1e-4)


def test_a_room_has_one_normal_a_surface():
    seg, normals, *_ = look(size=(40, 40))
    ray = rays(1.0, (40, 40))
    right, down = ray[..., 0], ray[..., 1]
    # the far wall, 4.5 m ahead, is 2 m to each side, 1.3 m up and down
    assert_allclose(normals[(abs(right) < 0.44) & (abs(down) < 0.28)], [[0, 0, -1]] * 18 * 12, atol=1e-6)
    assert_allclose(normals[20, 0], [1, 0, 0], atol=1e-6)
    assert_allclose(normals[20, -1], [-1, 0, 0], atol=1e-6)
    assert_allclose(normals[seg == FLOOR], [[0, -1, 0]] * (seg == FLOOR).sum(), atol=1e-6)
    assert_allclose(normals[seg == CEILING], [[0, 1, 0]] * (seg == CEILING).sum(), atol=1e-6)
    assert seg[-1, 20] == FLOOR and seg[0, 20] == CEILING and seg[20, 20] == seg[20, 0] == WALL


def test_normals_are_in_the_frame_of_a_camera_that_turns():
    seg, normals, *_ = look(pitch=-0.4)
    assert_allclose(normals[seg == FLOOR][0], [0, -math.cos(0.4), -math.sin(0.4)], atol=1e-6)
    _, normals, *_ = look(pitch=0.2)
    assert_allclose(normals[MIDDLE], [0, -math.sin(0.2), -math.cos(0.2)], atol=1e-6)
    _, normals, *_ = look(yaw=0.3)
    assert_allclose(normals[MIDDLE], [math.sin(0.3), 0, -math.cos(0.3)], atol=1e-6)
    seg, normals, *_ = look(roll=0.1)
    assert_allclose(normals[seg == FLOOR][0], [-math.sin(0.1), -math.cos(0.1), 0], atol=1e-6)


def test_a_cube_covers_its_face_and_a_turned_one_shows_two():
    seg, normals, *_ = look(cube(2.5))  # its face is 1 m wide, 2 m ahead
    u, v = rays(1.0)[..., 0], rays(1.0)[..., 1]
    assert_array_equal(seg == 5, (abs(u) < 0.25) & (abs(v) < 0.25))
    assert_allclose(normals[seg == 5], [[0, 0, -1]] * (seg == 5).sum(), atol=1e-6)
    seg, normals, *_ = look(cube(2.5, yaw=math.pi / 4))
    half = math.sqrt(0.5)
    assert_allclose(normals[8, 7], [-half, 0, -half], atol=1e-6)
    assert_allclose(normals[8, 10], [half, 0, -half], atol=1e-6)


def test_a_yaw_takes_a_things_front_to_its_right():
    slab = thing(solid(CUBE, 2.0, (0.6, 0.1, 0.1), yaw=math.pi / 2, centre=(0.0, -1.3, 2.5)))
    seg, *_ = look(slab)
    assert (seg == 5).any(0).sum() < 4, "a quarter turn takes the long side to the depth"
    _, normals, *_ = look(cube(2.5, yaw=0.3))
    assert_allclose(normals[MIDDLE], [-math.sin(0.3), 0, -math.cos(0.3)], atol=1e-6)


def test_a_cylinder_is_round_at_its_side_and_flat_on_top():
    seg, normals, *_ = look(cylinder(2.0, radius=1.0, half=0.3))
    assert_allclose(normals[ASIDE], [0.6, 0, -0.8], atol=1e-6)
    side = normals[seg == 5]
    assert_allclose(side[:, 1], 0, atol=1e-6)
    low = thing(solid(CYLINDER, 2.0, (0.5, 0.2, 0.5), centre=(0.0, -0.2, 2.5)))
    seg, normals, *_ = look(low, size=(51, 54))
    tops = abs(normals[..., 1] + 1) < 1e-6
    assert (tops & (seg == 5)).sum() > 20 and (~tops & (seg == 5)).sum() > 20


def test_the_nearer_thing_hides_the_farther_and_both_are_shown_whole():
    for things in ([cube(3.0, label=7), ball(1.5, 0.2)], [ball(1.5, 0.2), cube(3.0, label=7)]):
        seg, _, _, view = look(*things, size=(51, 54))
        small, large = sorted(view.shown, key=np.sum)
        assert seg[25, 27] == 5 and (seg == 7).sum() == large.sum() - small.sum()
        assert_array_equal(seg == 5, small)
        assert_array_equal(view.thing[0] >= 0, large)


def test_what_lies_behind_the_camera_is_not_seen_and_what_reaches_past_it_is():
    seg, *_ = look(cube(-0.3, half=0.1))
    assert (seg <= CEILING).all()
    carpet = thing(solid(CUBE, 0.0, (1.9, 0.01, 2.4), centre=(0.0, -0.01, 2.5)))
    seg, normals, *_ = look(carpet)
    assert_array_equal(seg[-1], 5)
    assert_allclose(normals[seg == 5][0], [0, -1, 0], atol=1e-6)
    screen = thing(solid(CUBE, 0.0, (0.01, 1.2, 2.4), centre=(0.2, -1.3, 2.5)))
    seg, *_ = look(screen)
    assert (seg[8, 10:] == 5).all() and (seg[:, :8] != 5).all(), "rays to the left meet it behind the camera"


def _flipped(x):
    return (-x[0], *x[1:])


def _mirrored(one):
    def paint(p):
        return p._replace(waves=_flipped(p.waves))

    def body(s):
        return s._replace(centre=_flipped(s.centre), yaw=-s.yaw, paint=paint(s.paint))

    camera, light = one.camera, one.light
    return one._replace(
        wall=paint(one.wall),
        floor=paint(one.floor),
        camera=camera._replace(position=_flipped(camera.position), yaw=-camera.yaw, roll=-camera.roll),
        light=light._replace(direction=_flipped(light.direction), position=_flipped(light.position)),
        things=tuple([thing._replace(solids=tuple([body(s) for s in thing.solids])) for thing in one.things]),
    )


def test_a_mirrored_scene_gives_the_mirrored_picture(furnished):
    straight, mirror = render(furnished[:8], (48, 64)), render([_mirrored(one) for one in furnished[:8]], (48, 64))
    turned = mirror.normals[..., ::-1] * np.array([-1, 1, 1])[:, None, None]
    assert (straight.thing == mirror.thing[..., ::-1]).mean() > 0.999
    assert (abs(straight.normals - turned) < 1e-3).mean() > 0.999
    assert (abs(straight.colour - mirror.colour[..., ::-1]) < 1e-2).mean() > 0.999


def test_normals_are_unit_vectors_that_face_the_camera(furnished):
    view = render(furnished, (48, 64))
    assert view.normals.dtype == np.float32
    assert_allclose(np.linalg.norm(view.normals, axis=1), 1, atol=1e-6)
    for one, normals in zip(furnished, view.normals, strict=True):
        ray = rays(math.tan(one.camera.fov / 2), (48, 64))
        assert ((np.moveaxis(normals, 0, -1) * ray).sum(-1) < 0).all()


@pytest.mark.parametrize("make", [cube, lambda ahead: cylinder(ahead, 0.5, 0.5)])
def test_on_an_edge_the_face_that_looks_at_the_ray_gives_the_normal(make):
    _, bodies = pack([scene(make(2.5))])
    body, over = np.array([3]), np.float32(1 + 1e-6)
    point, steeply = np.array([[0], [-1], [over]]), np.array([[0.0], [2.0], [1.0]])
    assert_allclose(normal(bodies, body, point, steeply)[:, 0], [0, -1, 0])
    point, level = np.array([[0], [-over], [-1]]), np.array([[0.0], [-1.0], [2.0]])
    assert_allclose(normal(bodies, body, point, level)[:, 0], [0, 0, -1])


def test_a_picture_does_not_depend_on_the_others_beside_it(furnished):
    together = render(furnished[:5], (24, 40))
    for number, one in enumerate(furnished[:5]):
        alone = render([one], (24, 40))
        for name in ("colour", "seg", "normals"):
            assert_array_equal(getattr(alone, name)[0], getattr(together, name)[number])


def test_walking_along_the_rays_finds_the_same_things(furnished):
    size, one = (24, 32), furnished[0]
    turn = _turn(one.camera)
    ray = rays(math.tan(one.camera.fov / 2), size).reshape(-1, 3) @ turn.T
    solids = [(number, s) for number, thing in enumerate(one.things) for s in thing.solids]
    found = np.full(len(ray), -1)
    for depth in np.arange(0.02, 6, 0.005)[::-1]:
        point = np.array(one.camera.position) + depth * ray
        for number, body in solids:
            found[_inside(body, point)] = number
        found[(abs(point[:, 0]) > one.size[0] / 2) | (point[:, 2] > one.size[2]) | (point[:, 1] > 0)] = -1
        found[point[:, 1] < -one.size[1]] = -1
    assert (found.reshape(size) == render([one], size).thing[0]).mean() > 0.98


def _turn(camera):
    """Its axes in the world: right, down, forward."""
    forward = np.array([math.sin(camera.yaw), -math.tan(camera.pitch), math.cos(camera.yaw)])
    forward /= np.linalg.norm(forward)
    level = np.array([math.cos(camera.yaw), 0, -math.sin(camera.yaw)])
    down = np.cross(forward, level)
    right = math.cos(camera.roll) * level + math.sin(camera.roll) * down
    return np.stack([right, np.cross(forward, right), forward], 1)


def _inside(body, point):
    x, y, z = (point - body.centre).T
    sin, cos = math.sin(body.yaw), math.cos(body.yaw)
    x, y, z = (cos * x - sin * z) / body.half[0], y / body.half[1], (sin * x + cos * z) / body.half[2]
    if body.shape == BALL:
        return x**2 + y**2 + z**2 < 1
    if body.shape == CYLINDER:
        return (x**2 + z**2 < 1) & (abs(y) < 1)
    return np.maximum.reduce([abs(x), abs(y), abs(z)]) < 1


def test_ambient_light_shows_the_paint():
    _, _, colour, _ = look(cube(2.5), wall=Paint((0.2, 0.4, 0.6)), floor=Paint((0.9, 0.1, 0.1)))
    assert_allclose(colour[MIDDLE], 0.5)
    assert_allclose(colour[8, 0], [0.2, 0.4, 0.6], rtol=1e-6)
    assert_allclose(colour[-1, 9], [0.9, 0.1, 0.1], rtol=1e-6)


def test_directional_light_falls_with_the_cosine_and_the_lamp_with_the_square_of_its_distance():
    sun = Light(0.1, 0.5, (0.0, -math.sin(0.4), -math.cos(0.4)), 0.0, (0.0, -1.3, 0.5))
    _, _, colour, _ = look(light=sun)
    assert_allclose(colour[MIDDLE], 0.1 + 0.5 * math.cos(0.4), rtol=1e-6)
    assert_allclose(colour[-1, 9], 0.1 + 0.5 * math.sin(0.4), rtol=1e-6)
    assert_allclose(colour[0, 9], 0.1, rtol=1e-6)
    lamp = Light(0.1, 0.0, (0.0, -1.0, 0.0), 0.5, (0.0, -1.3, 3.0))
    _, _, colour, _ = look(light=lamp, size=(101, 101))  # the far wall's middle is 2 m from it
    assert_allclose(colour[50, 50], 0.1 + 0.5 / 2, rtol=1e-3)


def test_checks_change_along_each_axis_on_their_own():
    checkered = Paint((1.0, 1.0, 1.0), CHECKERED, (1.3, 0.9, 1.1))
    board = thing(solid(CUBE, 2.0, (1.0, 1.0, 0.01), paint=checkered))
    seg, _, colour, _ = look(board, size=(60, 60))
    light = np.where(colour[15:45, 15:45, 0] > 0.9, 1, -1)
    assert (seg[15:45, 15:45] == 5).all()
    assert_array_equal(light, light[:, :1] * light[:1] * light[0, 0])
    assert len(np.unique(light[0])) == len(np.unique(light[:, 0])) == 2


@pytest.mark.parametrize(("pattern", "levels"), [(STRIPED, 2), (CHECKERED, 2), (WAVY, 20)])
def test_a_pattern_darkens_by_the_contrast_at_most(pattern, levels):
    paint = Paint((0.8, 0.8, 0.8), pattern, (1.0, 0.0 if pattern != CHECKERED else 1.0, 0.0))
    _, _, colour, _ = look(wall=paint, floor=paint, ceiling=paint, size=(60, 60))
    values = np.unique(colour.round(4))
    assert len(values) == 2 if levels == 2 else len(values) >= levels
    assert values[0] >= 0.8 * (1 - CONTRAST) - 1e-3 and values[-1] <= 0.8 + 1e-6
    assert values[-1] - values[0] > 0.9 * 0.8 * CONTRAST


def test_upright_stripes_have_their_period():
    striped = Paint((1.0, 1.0, 1.0), STRIPED, (2.0, 0.0, 2.0))
    board = thing(solid(CUBE, 2.0, (1.0, 1.0, 0.01), paint=striped))
    seg, _, colour, _ = look(board, size=(64, 640))
    row = colour[32, :, 0][seg[32] == 5]
    changes = np.flatnonzero(np.diff(row))
    assert len(changes) == 8  # four cycles on 2 m
    assert_allclose(np.diff(changes), np.diff(changes)[0], atol=1)
