import pytest
import torch

from xstitch_lib.data import Ragged, Rooms, with_regions


def parts():
    """Three pictures: two objects, none, one."""
    boxes = Ragged.of([torch.tensor([[0.0, 0, 4, 4], [2, 2, 6, 8]]), torch.zeros(0, 4), torch.tensor([[1.0, 1, 3, 3]])])
    proposals = Ragged.of([torch.full((1, 4), 9), torch.full((2, 4), 8), torch.zeros(0, 4).long()])
    labels = Ragged.of([torch.tensor([3, 0]), torch.zeros(0).long(), torch.tensor([1])])
    attributes = Ragged(torch.rand(3, 5), boxes.counts)
    return {
        "images": torch.rand(3, 3, 10, 10), "proposals": proposals, "boxes": boxes, "labels": labels,
        "attributes": attributes,
    }  # fmt: skip


def test_the_proposals_of_a_picture_come_before_its_boxes():
    given = parts()
    data = with_regions(**given)
    assert data.inputs == ("image", "regions") and len(data) == 3
    assert set(data.tensors) == {"image", "regions", "object", "boxes", "labels", "attributes"}
    assert data[0]["regions"].tolist() == [[9, 9, 9, 9], [0, 0, 4, 4], [2, 2, 6, 8]]
    assert data[1]["regions"].tolist() == [[8, 8, 8, 8]] * 2 and data[2]["regions"].tolist() == [[1, 1, 3, 3]]
    assert [x.tolist() for x in data.tensors["object"]] == [[-1, 0, 1], [-1, -1], [0]]
    assert data[0]["regions"].dtype == torch.float32 and data[0]["object"].dtype == torch.int64
    for name in ("boxes", "labels", "attributes"):
        assert data.tensors[name] is given[name]


def test_difficult_objects_are_handed_on():
    given = parts()
    difficult = Ragged(torch.tensor([True, False, False]), given["boxes"].counts)
    assert with_regions(**given, difficult=difficult).tensors["difficult"] is difficult


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"proposals": Ragged.of([torch.zeros(1, 4)])},
            "3 pictures need proposals of 3 .*got Ragged\\(1 sam",
        ),
        ({"boxes": Ragged.of([torch.zeros(1, 5)] * 3)}, "need boxes .* rows \\(4,\\)"),
        ({"labels": Ragged.of([torch.zeros(1).long()] * 3)}, "labels need a row for each of the boxes"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        with_regions(**{**parts(), **change})


def test_rooms_give_their_things_and_the_chosen_attributes():
    rooms = Rooms(5, cache=False)
    data = rooms.with_regions(rooms.beside["boxes"], attributes=("legs seen", "tall"))
    assert torch.equal(data.tensors["regions"].counts, 2 * rooms.beside["boxes"].counts)
    for one, item in zip(rooms.objects, (data[n] for n in range(5)), strict=True):
        assert [rooms.things[label] for label in item["labels"]] == [rooms.classes[label] for label in one.labels]
        columns = [rooms.attribute_names.index(name) for name in ("legs seen", "tall")]
        assert torch.equal(item["attributes"], one.attributes[:, columns])
        assert torch.equal(item["regions"][item["object"] >= 0], one.boxes) and torch.equal(item["boxes"], one.boxes)
    assert len(rooms.things) == 16 and rooms.things[0] == "door"
    with pytest.raises(ValueError, match="no attribute 'shiny'"):
        rooms.with_regions(rooms.beside["boxes"], attributes=("shiny",))
