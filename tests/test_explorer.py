import nbformat
import pytest
import torch
from nbclient import NotebookClient

from xstitch_lib.explorer import PRESETS, UnitPlayground


@pytest.fixture
def playground():
    torch.manual_seed(0)
    return UnitPlayground([torch.rand(6, 6), torch.rand(6, 6)])


def test_moving_a_slider_redraws_the_picture(playground):
    before = playground.picture.value
    playground.sliders[1].value = 0.8
    assert playground.picture.value != before
    torch.testing.assert_close(playground.alpha, torch.tensor([[0.9, 0.8], [0.1, 0.9]]))


def test_a_preset_sets_all_four_weights(playground):
    playground.preset.value = PRESETS["the towers trade places"]
    torch.testing.assert_close(playground.alpha, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))


def test_shows_controls_to_a_kernel_and_a_picture_to_a_page(playground):
    bundle = playground._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["image/svg+xml"].count("<image") == 4


def test_answers_a_front_end_through_a_real_kernel():
    code = """
import torch
from xstitch_lib.explorer import UnitPlayground
play = UnitPlayground([torch.rand(4, 4), torch.rand(4, 4)])
play
"""
    # what a front end sends when a slider is moved: a comm message with the widget's new state
    move = """
play.sliders[0]._handle_msg({"content": {"data": {"method": "update", "state": {"value": 0.25}}}})
print(play.alpha[0, 0].item())
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (code, move)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown, printed = (cell.outputs[0] for cell in notebook.cells)
    assert "application/vnd.jupyter.widget-view+json" in shown.data
    assert printed.text.strip() == "0.25"
