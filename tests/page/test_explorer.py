"""Moving figures: what Python draws for a kernel, the script draws in a page."""

import base64
import copy
import html
import re
from io import BytesIO

import ipywidgets as widgets
import matplotlib
import nbformat
import numpy as np
import pytest
import torch
from matplotlib import image
from nbclient import NotebookClient

from xstitch_lib.page.explorer import PRESETS, AlphaExplorer, Forest, TrainingReplay, UnitPlayground
from xstitch_lib.page.explorer.alphas import HIGHEST, LOWEST, MEAN
from xstitch_lib.page.explorer.moving import State
from xstitch_lib.page.explorer.unit import NAMES, OWN
from xstitch_lib.results.record import load
from xstitch_lib.studies.reports.verdict import Line
from xstitch_lib.training.history import History
from xstitch_lib.unit import CrossStitchUnit

matplotlib.use("agg")


def a_history(tasks=("seg", "normals"), layers=("pool1", "block.fc7"), snapshots=4):
    """A run with alphas that are known: those of step s are s times random ones."""
    torch.manual_seed(0)
    history = History(tasks)
    units = {layer: CrossStitchUnit(len(tasks), 5 if k else 40) for k, layer in enumerate(layers)}
    for step in range(snapshots):
        history.add_alphas(100 * step, units)
        history.add_losses({(task, "loss"): (3.0 - 0.5 * step, 1) for task in tasks})
        history.close_interval(100 * step + 1)
        history.add_metrics(100 * step, {task: {"pixacc": 40.0 + step + k} for k, task in enumerate(tasks)})
        for unit in units.values():
            torch.nn.init.uniform_(unit.alpha, -0.2, 1.2)
    return history


LINES = [
    Line("a claim that is so long that it needs two lines, since a phone is narrow", "normals, mean (°)", "rooms",
         "one network per task", "supported", 0.81, 0.69, 0.92, 0.7),
    Line("a & b < c", "normals, mean (°)", "rooms", "a split", "undecided", 0.03, -0.35, 0.3),
    Line("a claim", "segmentation, mIU (points)", "NYU-v2", "a split", "not run", paper=-0.4),
    Line("another", "segmentation, mIU (points)", "rooms", "", "contradicted", -1.1, -1.3, -0.9),
    Line("lost", "segmentation, mIU (points)", "rooms", "", "contradicted"),
]  # fmt: skip


def figures():
    torch.manual_seed(0)
    maps = [torch.rand(7, 9), torch.rand(7, 9)]
    three = a_history(("a", "b", "c"))
    return {
        "alphas of three tasks": AlphaExplorer(three),
        "alphas of a record": AlphaExplorer(load("table5", "small"), names={"seg": "segmentation"}),
        "replay of three tasks": TrainingReplay(three),
        "replay of a record": TrainingReplay(load("table5", "small")),
        "unit": UnitPlayground(maps),
        "forest": Forest(LINES),
    }


FIGURES = figures()
each_figure = pytest.mark.parametrize("figure", FIGURES.values(), ids=list(FIGURES))


def some_states(figure, count=6) -> list[State]:
    rng = np.random.default_rng(0)
    return [{c.name: int(rng.integers(len(c.options))) for c in figure.controls} for _ in range(count)]


def test_sorted_curves_are_the_quantiles_of_the_alphas():
    history = a_history()
    explorer = AlphaExplorer(history)
    curves = explorer.curves({"run": 0, "layer": 1, "task": 1, "step": 2})
    alphas = history.alphas["block.fc7"][2]
    assert np.allclose(curves[:, ::8], [np.sort(alphas[:, 1, j]) for j in (0, 1)], atol=1e-4)  # five channels
    many = explorer.curves({"run": 0, "layer": 0, "task": 0, "step": 3})[0]
    assert many[0] == pytest.approx(history.alphas["pool1"][3, :, 0, 0].min(), abs=1e-4)
    assert many[16] == pytest.approx(np.median(history.alphas["pool1"][3, :, 0, 0]), abs=1e-4)


def test_several_seeds_are_averaged_rank_by_rank():
    record = load("table5", "small")
    curves = AlphaExplorer(record).curves({"run": 0, "layer": 0, "task": 0, "step": 10})
    lowest = [record.alphas("cross-stitch", seed)[1]["pool1"][-1, :, 0, 0].min() for seed in record.seeds]
    assert curves[0][0] == pytest.approx(np.mean(lowest), abs=1e-3)


def test_a_band_reaches_from_the_lowest_to_the_highest_seed_and_one_run_has_none():
    record, state = load("table5", "small"), {"run": 0, "layer": 0, "task": 0, "step": 10}
    explorer, one = AlphaExplorer(record), AlphaExplorer(a_history())
    mean, lowest, highest = [explorer.curves(state, of) for of in (MEAN, LOWEST, HIGHEST)]
    own = [np.sort(record.alphas("cross-stitch", seed)[1]["pool1"][-1, :, 0, 0])[0] for seed in record.seeds]
    assert (lowest[0][0], highest[0][0]) == pytest.approx((min(own), max(own)), abs=1e-3)
    assert (lowest <= mean).all() and (mean <= highest).all()
    assert explorer.svg(state).count('class="band') == 4 and 'class="band' not in one.svg(one.state)


def test_the_caption_tells_the_median_of_an_even_number_of_channels():
    explorer = AlphaExplorer(a_history())
    told = explorer.caption({"run": 0, "layer": 0, "task": 0, "step": 2})
    assert f"median {np.median(explorer.runs['this run'].alphas['pool1'][0, 2, :, 0, 0]):.2f}" in told


def test_seeds_that_diverged_are_left_out():
    record = copy.deepcopy(load("table5", "small"))
    for seed in (0, 3):
        record.cell("cross-stitch", seed)["status"] = "diverged at step 5"
    assert len(AlphaExplorer(record).runs["cross-stitch"].alphas["pool1"]) == len(record.seeds) - 2
    for seed in record.seeds:
        record.cell("cross-stitch", seed)["status"] = "diverged at step 5"
    with pytest.raises(ValueError, match="has no alphas"):
        AlphaExplorer(record)


def test_a_run_without_units_is_refused():
    with pytest.raises(ValueError, match="has no alphas: train a stitched network"):
        AlphaExplorer(History(["seg"]))


@pytest.mark.parametrize("maps", [[torch.rand(3, 3)], [torch.rand(3, 3), torch.rand(4, 3)], [torch.rand(1, 3, 3)] * 2])
def test_maps_that_a_unit_cannot_mix_are_refused(maps):
    with pytest.raises(ValueError, match="needs two maps"):
        UnitPlayground(maps)


def test_the_playground_mixes_as_the_unit_does():
    maps = [torch.rand(4, 6), torch.rand(4, 6)]
    play, state = UnitPlayground(maps), {"preset": OWN, "AA": 20, "AB": 14, "BA": 10, "BB": 23}
    unit = CrossStitchUnit(channels=None)
    unit.alpha.data = torch.tensor([[[0.5, 0.2], [0.0, 0.65]]])
    mixed = torch.cat(unit([m[None, None] for m in maps]))[:, 0].detach() / max(m.max() for m in maps) * 255
    assert np.allclose(play.mixed(state), mixed.clamp(0, 255), atol=1.01)


def test_a_preset_sets_all_four_weights_and_a_slider_makes_it_ones_own():
    play = UnitPlayground([torch.rand(3, 3)] * 2)
    for number, weights in enumerate(PRESETS.values()):
        state = play.react({**play.state, "preset": number}, "preset")
        assert [state[name] / 20 - 0.5 for name in NAMES] == pytest.approx(list(weights))
        assert play.react(state, "AA")["preset"] == number
        assert play.react({**state, "AA": 7}, "AA")["preset"] == OWN


def test_the_forest_counts_verdicts_and_says_where_a_quantity_is_measured():
    forest = Forest(LINES, ("segmentation, mIU (points)", "rooms"))
    assert "2 contradicted" in forest.caption(forest.state) and len(forest.shown(forest.state)) == 2
    assert "see rooms, not NYU-v2" in forest.caption({"quantity": 0, "data": 1, "over": 0})
    with pytest.raises(ValueError, match="needs a line at least"):
        Forest([])


def test_the_replay_tells_the_values_of_the_step():
    replay = TrainingReplay(a_history())
    told = replay.caption({"run": 0, "step": 3})
    assert "Step 300" in told and "validation: seg pixacc, normals pixacc: seg 43.00, normals 44.00" in told


@each_figure
def test_shows_controls_to_a_kernel_a_script_to_a_page_and_a_picture_in_print(figure):
    bundle = figure._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle and bundle["image/png"][:4] == b"\x89PNG"
    assert len(bundle["text/html"].encode()) < 100_000
    assert figure.svg(figure.state) in bundle["text/html"]  # the first state needs no script


def test_shows_controls_where_widgets_make_no_bundle_as_in_colabs_ipywidgets_7(monkeypatch):
    monkeypatch.delattr(widgets.Widget, "_repr_mimebundle_", raising=False)
    view = FIGURES["unit"]._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]
    assert view == {"version_major": 2, "version_minor": 0, "model_id": view["model_id"]} and view["model_id"]


@each_figure
def test_moving_a_widget_redraws_the_figure(figure):
    box = figure.widget()
    drawing, name = box.children[1], figure.controls[-1].name
    before, figure.inputs[name].value = drawing.value, (figure.state[name] + 1) % len(figure.controls[-1].options)
    assert drawing.value != before and figure.svg(figure.state) in drawing.value


@pytest.fixture(scope="module")
def shown(browser):
    """figure → its html in an open page."""
    pages = {}

    def show(figure, **context):
        key = id(figure), str(context)
        if key not in pages:
            page = browser.new_context(offline=True, **context).new_page()
            page.errors = []
            page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
            page.on("pageerror", lambda e: page.errors.append(str(e)))
            page.set_content(f"<!doctype html><html lang='en'><title>x</title><main>{figure.html()}</main></html>")
            pages[key] = page
        return pages[key]

    return show


def move(page, figure, state):
    for control in figure.controls:
        field = page.locator(f"[name={control.name}]")
        if field.count() and control.kind == "slider":
            field.fill(str(state[control.name]))
        elif field.count():
            field.select_option(str(state[control.name]))


def numbers(svg):
    """All coordinates, widths and texts of a drawing, in order; pictures apart."""
    without = re.sub(r'href="[^"]*"', "", html.unescape(svg))
    return [float(n) for n in re.findall(r"-?\d+\.?\d*", without)], re.findall(r">([^<>]+)<", without)


@each_figure
def test_the_script_draws_what_python_draws(shown, figure):
    page = shown(figure)
    for state in some_states(figure):
        move(page, figure, state)
        reached = figure.react(state, figure.controls[-1].name)
        drawn, expected = page.locator("svg.xs-drawing").evaluate("svg => svg.outerHTML"), figure.svg(reached)
        (found, texts), (wanted, told) = numbers(drawn), numbers(expected)
        assert texts == told and np.allclose(found, wanted, atol=0.11)
        assert re.findall(r'class="[^"]*"', drawn) == re.findall(r'class="[^"]*"', expected)
        assert page.locator(".xs-caption").inner_text() == figure.caption(reached)
    assert page.errors == []


def test_the_script_mixes_the_pixels_that_python_mixes(shown):
    figure = FIGURES["unit"]
    page = shown(figure)
    for state in some_states(figure):
        move(page, figure, state)
        links = page.locator("image.mixed").evaluate_all("all => all.map(i => i.getAttribute('href'))")
        for link, values in zip(links, figure.mixed(state), strict=True):
            drawn = image.imread(BytesIO(base64.b64decode(link.split(",")[1])))
            expected = matplotlib.colormaps["cividis"](values)
            assert np.allclose(drawn[..., :3], expected[..., :3], atol=0.02)


@pytest.mark.parametrize("name", FIGURES)
def test_the_first_state_is_that_of_the_controls(browser, name):
    """Also after the figure made its widgets, whose links move them."""
    figure = figures()[name]
    started = dict(figure.state)
    content = figure._repr_mimebundle_()["text/html"]
    assert figure.state == started == {control.name: control.start for control in figure.controls}
    page = browser.new_page()
    page.set_content(content)
    before = page.locator("svg.xs-drawing").inner_html(), page.locator(".xs-caption").inner_text()
    page.locator("select, input").first.dispatch_event("input")
    (found, texts), (wanted, told) = numbers(page.locator("svg.xs-drawing").inner_html()), numbers(before[0])
    assert texts == told and np.allclose(found, wanted, atol=0.11)
    assert page.locator(".xs-caption").inner_text() == before[1] == figure.caption(started)
    page.close()


@each_figure
def test_every_control_answers_to_the_keyboard(shown, figure):
    page = shown(figure)
    for control in figure.controls:
        field = page.locator(f"[name={control.name}]")
        if field.count():
            before = page.locator(".xs-caption").inner_text()
            field.focus()
            at_end = int(field.input_value()) == len(control.options) - 1
            page.keyboard.press("ArrowUp" if at_end ^ (control.kind == "slider") else "ArrowDown")
            assert page.locator(".xs-caption").inner_text() != before


@pytest.mark.parametrize(
    "figure", [f for f in FIGURES.values() if f.plays], ids=[n for n, f in FIGURES.items() if f.plays]
)
def test_play_walks_to_the_last_step(shown, figure):
    page = shown(figure)
    last = len(figure.steps) - 1
    page.locator("[name=step]").fill(str(max(0, last - 2)))
    page.get_by_role("button", name="play").click()
    page.wait_for_function(f"document.querySelector('[name=step]').value === '{last}'", timeout=5000)
    page.get_by_role("button", name="play").wait_for()


def test_answers_a_front_end_through_a_real_kernel():
    code = """
import torch
from xstitch_lib.page.explorer import AlphaExplorer, UnitPlayground
from xstitch_lib.results.record import load
from xstitch_lib.studies.reports.verdict import Line
play = UnitPlayground([torch.rand(4, 4), torch.rand(4, 4)])
play
"""
    # what a front end sends when a slider is moved: a comm message with the widget's new state
    message = """
play.inputs["AA"]._handle_msg({"content": {"data": {"method": "update", "state": {"index": 5}}}})
explorer = AlphaExplorer(load("table5", "small"))
explorer.widget()
explorer.inputs["step"]._handle_msg({"content": {"data": {"method": "update", "state": {"index": 3}}}})
print(play.alpha[0, 0].item(), play.inputs["preset"].label, explorer.caption(explorer.state)[:25])
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (code, message)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown, printed = (cell.outputs[0] for cell in notebook.cells)
    assert "application/vnd.jupyter.widget-view+json" in shown.data
    assert printed.text.strip() == "-0.25 your own pool1, seg, step 300. poo"
