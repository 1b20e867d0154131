import hashlib
import math

import numpy as np
import pytest
from room_scenes import CURTAIN, cube, found, scene, solid, thing

from xstitch_lib.data import Rooms
from xstitch_lib.data.rooms.attributes import ATTRIBUTES, LEFT_OUT, MEANING
from xstitch_lib.data.rooms.furniture import CLASSES
from xstitch_lib.data.rooms.objects import find
from xstitch_lib.data.rooms.pictures import draw_pictures
from xstitch_lib.data.rooms.render import render
from xstitch_lib.data.rooms.scene import BALL, CHECKERED, CUBE, CYLINDER, STRIPED, Paint, Solid

# what records rest on: of draw_pictures(4, 7, (32, 40), "test"), of the attributes the first 16
DIGESTS = {
    "image": "68e6a57dcdbb102b",
    "seg": "a5b94880732f899c",
    "normals": "b6ce9029230d9d40",
    "boxes": "9816c1743dfcbeea",
    "labels": "7ecdc5be4d5c510d",
    "attributes": "362a29cf28099b3b",
    "pixels": "e6a059abc23ce152",
    "count": "813fa22f82435eb9",
}
OF_A_CLASS = {
    "legs seen": {"table"},
    "backrest seen": {"sofa", "chair"},
    "armrest seen": {"sofa"},
    "frame seen": {"window", "picture"},
    "headboard seen": {"bed"},
    "pillow seen": {"bed"},
    "cord seen": {"lamp"},
    "carries": {"table", "cabinet"},
    "from behind": {"chair"},
    "two-tone": {"window", "picture", "bed", "lamp"},
}
BACK, LEFT = math.pi, math.pi / 2  # turned with its front to the near wall, with its back to the left wall


@pytest.fixture(scope="module")
def rooms():
    return Rooms(n=600, cache=False)


def attributes_of(*things, **changes):
    return [
        {name for name, has in zip(ATTRIBUTES, row, strict=True) if has} for row in found(*things, **changes).attributes
    ]


def stands(name, x, z, size=(0.5, 0.5, 0.5), yaw=BACK, height=0.0, support="floor", colour=(0.6, 0.5, 0.3), parts=()):
    """A thing of one box, and of ``parts``, with the middle of its base there."""
    half = tuple([side / 2 for side in size])
    box = Solid(CUBE, (x, -height - half[1], z), half, yaw, Paint(colour))
    return thing(box, *parts, label=CLASSES.index(name), size=size, support=support)


def test_pictures_and_the_first_sixteen_attributes_stay_what_records_rest_on():
    arrays = draw_pictures(4, 7, (32, 40), "test")
    arrays["attributes"] = arrays["attributes"][:, :16]
    found = {name: hashlib.sha256(np.ascontiguousarray(x)).hexdigest()[:16] for name, x in arrays.items()}
    assert found == DIGESTS


def test_attributes_are_long_tailed(rooms):
    attributes = rooms.beside["attributes"].values
    assert attributes.shape[1] == len(rooms.attribute_names) == len(set(rooms.attribute_names)) == 43
    assert set(attributes.unique().tolist()) == {0, 1}
    shares = dict(zip(ATTRIBUTES, attributes.mean(0).tolist(), strict=True))
    assert max(shares.values()) == shares["truncated"] and min(shares.values()) == shares["cord seen"] > 0.01
    learned = sorted([shares[name] for name in rooms.detection_attributes])
    assert learned[len(learned) // 2] < 0.14 and 0.3 < learned[-1] < 0.5


def test_those_of_detection_are_all_but_the_trivial_and_the_hopeless():
    assert tuple(MEANING) == ATTRIBUTES and len(Rooms.detection_attributes) == 35
    assert set(Rooms.detection_attributes) | set(LEFT_OUT) == set(ATTRIBUTES)


def test_parts_and_ways_of_standing_belong_to_their_classes(rooms):
    attributes, labels = rooms.beside["attributes"].values.bool(), rooms.beside["labels"].values
    for name, classes in OF_A_CLASS.items():
        having = labels[attributes[:, ATTRIBUTES.index(name)]].unique()
        assert {CLASSES[label] for label in having} == classes


def test_occluded_and_truncated_are_seen_in_the_picture():
    behind, before = attributes_of(cube(2.5), CURTAIN)
    assert "occluded" in behind and "occluded" not in before
    assert "truncated" in before and "truncated" not in behind


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"grey"}),
        ({"paint": Paint((0.9, 0.3, 0.3))}, {"reddish"}),
        ({"paint": Paint((0.3, 0.6, 0.4))}, {"greenish"}),
        ({"paint": Paint((0.1, 0.1, 0.3))}, {"bluish", "dark"}),
        ({"paint": Paint((0.9, 0.8, 0.5))}, {"yellowish", "pale"}),
        ({"paint": Paint((0.5, 0.5, 0.5), STRIPED, (1.0, 0.0, 1.0))}, {"striped", "grey"}),
        ({"paint": Paint((0.5, 0.3, 0.4), CHECKERED, (2.6, 2.6, 2.6))}, {"checkered", "fine pattern"}),
        ({"yaw": math.radians(12)}, {"rotated", "grey"}),
        ({"yaw": math.radians(98)}, {"grey"}),
    ],
)
def test_attributes_of_the_main_part(changes, expected):
    trim = solid(CUBE, 2.5, (0.1, 0.1, 0.1), paint=Paint((0.1, 0.9, 0.1)))
    (attributes,) = attributes_of(thing(solid(CUBE, 2.5, (0.5, 0.5, 0.5), **changes), trim))
    assert attributes == expected | {"on floor"}


def test_balls_and_cylinders_are_round_and_never_rotated():
    for shape in (BALL, CYLINDER):
        (attributes,) = attributes_of(thing(solid(shape, 2.5, (0.5, 0.5, 0.5), yaw=0.7)))
        assert attributes == {"round", "on floor", "grey"}


@pytest.mark.parametrize(
    ("size", "support", "expected"),
    [
        ((0.5, 1.1, 0.5), "floor", {"tall", "on floor"}),
        ((1.3, 0.5, 0.5), "wall", {"large", "on wall"}),
        ((0.5, 0.5, 1.3), "furniture", {"large", "on furniture"}),
        ((0.5, 0.5, 0.5), "ceiling", set()),
    ],
)
def test_attributes_of_size_and_support(size, support, expected):
    attributes = attributes_of(thing(solid(CUBE, 2.5, (0.5, 0.5, 0.5)), size=size, support=support))
    assert attributes == [expected | {"grey"}]


def test_a_part_is_seen_in_three_pixels_and_in_two_it_is_not():
    def picture(height, **part):
        frame = solid(
            CUBE, 2.0, (0.06, height, 0.01), centre=(0.0, -1.26, 2.51), **part
        )  # two columns of 0.04 m pixels
        return attributes_of(thing(solid(CUBE, 3.0, (0.5, 0.5, 0.01)), frame), size=(50, 50))[0]

    assert "frame seen" in picture(0.1, part="frame") and "frame seen" not in picture(0.02, part="frame")
    assert "frame seen" not in picture(0.1), "a part without a name is not asked for"
    red = Paint((0.9, 0.5, 0.5))
    assert "two-tone" in picture(0.1, paint=red) and "two-tone" not in picture(0.02, paint=red)


@pytest.mark.parametrize(
    ("one", "having", "lacking"),
    [
        (stands("chair", 0, 3), {"faces camera"}, {"from behind", "end-on"}),
        (stands("chair", 0, 3, yaw=0.0), {"from behind"}, {"faces camera"}),
        (stands("chair", 0, 3, yaw=LEFT), set(), {"from behind", "faces camera"}),
        (stands("chair", 1.2, 1.7, yaw=-3 * math.pi / 4), {"faces camera"}, {"from behind"}),
        (stands("box", 0, 3), set(), {"faces camera", "from behind"}),
        (stands("table", 0, 3, (1.2, 0.7, 0.7), yaw=LEFT), {"end-on"}, set()),
        (stands("table", 0, 3, (1.2, 0.7, 0.7)), set(), {"end-on"}),
        (stands("table", 0, 3, (1.0, 0.7, 0.7), yaw=LEFT), set(), {"end-on"}),
        (stands("bed", 0, 3, (1.2, 0.7, 2.0)), {"end-on", "faces camera"}, set()),
        (stands("box", 0, 1.6), {"near"}, {"far"}),
        (stands("box", 0, 1.8), set(), {"near", "far"}),
        (stands("box", 0, 3.7), {"far"}, {"near"}),
        (stands("lamp", 0, 2, height=1.31, support="ceiling"), {"above eye"}, set()),
        (stands("lamp", 0, 2, height=1.29, support="ceiling"), set(), {"above eye"}),
        (stands("box", -1.7, 3), {"by wall"}, {"in corner"}),
        (stands("box", -1.6, 3), set(), {"by wall"}),
        (stands("box", 0, 4.7), {"by wall"}, {"in corner"}),
        (stands("box", 1.3, 4.3), {"in corner"}, {"by wall"}),
        (stands("box", 1.2, 4.3), set(), {"in corner"}),
        (stands("picture", 0, 4.99, (0.5, 0.5, 0.01), height=1, support="wall"), set(), {"by wall", "in corner"}),
    ],
)
def test_how_a_thing_is_turned_and_where_it_stands(one, having, lacking):
    (attributes,) = attributes_of(one)
    assert having <= attributes and not lacking & attributes


TABLE = stands("table", 0, 3, (1.2, 0.6, 0.8))
RUG = stands("rug", 0, 3, (2.0, 0.01, 1.6))
WINDOW = stands("window", 0, 4.995, (1.2, 1.0, 0.01), height=0.9, support="wall")


TWINS = {"has twin", "beside a twin"}


@pytest.mark.parametrize(
    ("one", "other", "of_one", "of_other"),
    [
        (TABLE, stands("vase", 0.4, 3, (0.2, 0.3, 0.2), height=0.6, support="furniture"), {"carries"}, set()),
        (TABLE, stands("vase", 0.8, 3, (0.2, 0.3, 0.2)), set(), set()),
        (RUG, stands("chair", 0.9, 2.5), set(), {"on rug"}),
        (RUG, stands("chair", 1.1, 2.5), set(), set()),
        (stands("chair", 0, 3), stands("chair", 0.9, 3), TWINS, TWINS),
        (stands("chair", 0, 3), stands("chair", 1.1, 3), {"has twin"}, {"has twin"}),
        (stands("chair", 0, 3), stands("box", 0.55, 3), {"touching"}, {"touching"}),
        (stands("chair", 0, 3), stands("box", 0.65, 3), set(), set()),
        (WINDOW, stands("cabinet", 0.5, 4.7, (0.8, 1.3, 0.5)), set(), {"below window"}),
        (WINDOW, stands("cabinet", 0.7, 4.7, (0.8, 1.3, 0.5)), set(), set()),
        (WINDOW, stands("cabinet", 0.0, 4.7, (0.8, 1.5, 0.5)), set(), set()),
        (WINDOW, stands("cabinet", 0.0, 4.2, (0.8, 1.0, 0.5)), set(), set()),
    ],
)
def test_how_two_things_stand_to_each_other(one, other, of_one, of_other):
    names = {"carries", "on rug", "touching", "below window", *TWINS}
    assert [attributes & names for attributes in attributes_of(one, other)] == [of_one, of_other]
    assert [attributes & names for attributes in attributes_of(other, one)] == [of_other, of_one]


@pytest.mark.parametrize(("aside", "hides"), [(0.1, True), (1.1, False)])
def test_what_stands_before_another_hides_it(aside, hides):
    front, back = attributes_of(stands("box", 0, 2), stands("box", aside, 3))
    assert ("hides another" in front) == hides and "hides another" not in back


def test_what_is_not_seen_counts_for_no_relation():
    wall = stands("cabinet", 0, 2.0, (1.5, 2.0, 0.2))
    chair, hidden = stands("chair", 1.7, 2.5), stands("chair", 0.3, 3)
    assert len(attributes_of(wall, chair, hidden)) == 2
    assert "has twin" not in attributes_of(wall, chair, hidden)[1]
    assert "hides another" not in attributes_of(wall, chair, hidden)[0]


def test_things_of_other_pictures_count_for_no_relation():
    scenes = [scene(stands("chair", 0, 3)), scene(), scene(stands("chair", 0.4, 3))]
    both = find(scenes, render(scenes, (50, 50))).attributes
    assert both.shape[0] == 2 and not both[:, ATTRIBUTES.index("has twin")].any()
