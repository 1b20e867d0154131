"""What makes the comparison of arms fair."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from filelock import FileLock
from tiny_study import ARMS, SCALE

from xstitch_lib import stitch
from xstitch_lib.looking import correlation
from xstitch_lib.studies.bench import Bench
from xstitch_lib.studies.methods.cross_stitch import CrossStitch, with_partners
from xstitch_lib.training.optim import find_units

BY_NAME = {arm.name: arm for arm in ARMS}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """What one test trained, the next one finds."""
    return Bench(SCALE, 0, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def fresh_bench(tmp_path):
    return Bench(SCALE, 0, tmp_path)


def train(bench, name):
    return BY_NAME[name].method.train(bench)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.parameters()])


@pytest.mark.parametrize("name", BY_NAME)
def test_every_arm_answers_every_task(bench, name):
    bench = Bench(replace(SCALE, **BY_NAME[name].changes), 0, bench.folder)
    outputs = train(bench, name).net(bench.world.table[:2]["image"])
    assert {task: out.shape[1] for task, out in outputs.items()} == {"seg": 19, "normals": 20}


@pytest.mark.parametrize("name", BY_NAME)
def test_every_run_takes_the_whole_budget(bench, name):
    trained = train(bench, name)
    for part, phases in trained.histories.items():
        assert {phase: history.table.step.max() for phase, history in phases.items()} == {
            phase: SCALE.steps[phase] for phase in phases
        }, part


def test_towers_of_a_seed_start_from_one_initialisation(bench):
    seg, normals = bench.fresh().values()
    assert torch.equal(weights(seg[:-1]), weights(normals[:-1]))
    other = Bench(SCALE, 1, bench.folder).fresh()["seg"]
    assert not torch.equal(weights(seg), weights(other))
    assert not torch.equal(weights(seg), weights(bench.fresh("b")["seg"]))


def test_arms_start_from_the_same_trained_towers_and_do_not_change_them_for_each_other(fresh_bench):
    towers, _ = fresh_bench.one_task()
    before = {task: weights(tower) for task, tower in towers.items()}
    train(fresh_bench, "cross-stitch")
    again, _ = fresh_bench.one_task()
    assert all(torch.equal(before[task], weights(tower)) for task, tower in again.items())
    assert len(list(fresh_bench.folder.glob("*towers*"))) == 1


def test_a_run_that_another_process_trains_is_waited_for(fresh_bench):
    fresh_bench.one_task()
    (file,) = fresh_bench.folder.glob("*towers*")
    with ThreadPoolExecutor() as pool:
        with FileLock(fresh_bench.folder / "locks" / f"{file.name}.lock"):
            waiting = pool.submit(fresh_bench.one_task)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=2)
        _, history = waiting.result(timeout=60)
    assert history.table.step.max() == SCALE.steps[0] and fresh_bench.waited > 1


def test_frozen_identity_units_leave_the_towers_as_one_task_training_does(bench):
    """No dropout in these towers, so the arms differ by nothing but their units."""
    apart, stitched = train(bench, "one-task").net, train(bench, "identity").net
    for task, tower in stitched.towers.items():
        assert torch.allclose(weights(tower), weights(apart.nets[task]), atol=1e-6)


def test_units_of_a_learned_arm_move(bench):
    units = find_units(train(bench, "cross-stitch").net)
    assert list(units) == ["pool1", "pool2", "pool5", "fc6", "fc7"]
    assert all((unit.alpha.diagonal(dim1=1, dim2=2) != 0.9).any() for unit in units.values())


def test_own_maps_start_from_the_answers_that_mtl_shared_and_one_task_start_from(tmp_path):
    bench = Bench(replace(SCALE, steps=(0, 0)), 0, tmp_path)
    images = bench.world.table[:4]["image"]
    with torch.no_grad():
        own, shared, one = [train(bench, name).net.eval()(images) for name in ("own map", "mtl-shared", "one-task")]
    for task in own:
        assert torch.equal(own[task], shared[task]) and torch.allclose(own[task], one[task], atol=1e-5)


def test_own_maps_are_two_and_take_nothing_from_the_other_task(bench):
    nets = train(bench, "own map").net.nets
    assert not torch.equal(nets["seg"].fc8[0].weight, nets["normals"].fc8[0].weight)
    nets.zero_grad()
    nets["seg"](bench.world.table[:1]["image"]).sum().backward()
    assert all(p.grad is not None for p in nets["seg"].parameters())
    assert all(p.grad is None for p in nets["normals"].parameters())


def test_self_stitched_towers_differ_before_they_are_joined(bench):
    first, twin = bench.one_task()[0], bench.one_task(order="b")[0]
    assert not torch.equal(weights(first["seg"]), weights(twin["seg"]))


def test_the_ensembles_second_net_starts_from_other_weights(bench):
    first, second = train(bench, "ensemble").net.nets["seg"].nets
    assert not torch.allclose(weights(first), weights(second), atol=1e-3)


def test_partners_of_another_initialisation_are_other_towers_and_the_first_stays(fresh_bench):
    towers, _ = fresh_bench.one_task()
    others, history = with_partners(fresh_bench, towers, aligned=False)
    assert others["seg"] is towers["seg"] and not torch.equal(weights(others["normals"]), weights(towers["normals"]))
    assert not history.table.equals(fresh_bench.one_task()[1].table)


def test_aligned_partners_correlate_more_and_answer_as_before(fresh_bench):
    images, towers = fresh_bench.world.train[:]["image"], fresh_bench.one_task()[0]
    pairs = [with_partners(fresh_bench, towers, aligned)[0] for aligned in (False, True)]
    as_they_are, aligned = [correlation(stitch(pair, ["fc6"], images[:1]), images)["fc6"] for pair in pairs]
    assert aligned[:, 0, 1].nanmean() > as_they_are[:, 0, 1].nanmean()
    answers = [pair["normals"](images) for pair in pairs]
    assert torch.allclose(*answers, atol=1e-5)


def test_an_arm_of_another_study_with_the_same_settings_is_not_trained_again(fresh_bench):
    train(fresh_bench, "cross-stitch")
    files = {path: path.stat().st_mtime_ns for path in fresh_bench.folder.glob("*.ckpt")}
    CrossStitch(alpha_same=0.9, unit_lr_scale=SCALE.unit_lr_scale).train(fresh_bench)
    assert {path: path.stat().st_mtime_ns for path in fresh_bench.folder.glob("*.ckpt")} == files


def test_another_rate_of_the_second_phase_shares_the_towers(fresh_bench):
    train(fresh_bench, "cross-stitch")
    other = Bench(replace(SCALE, lr=(SCALE.lr[0], 0.01)), 0, fresh_bench.folder)
    train(other, "cross-stitch")
    assert len(list(fresh_bench.folder.glob("*towers*"))) == 1
    assert len(list(fresh_bench.folder.glob("*cross-stitch*"))) == 2


def test_a_run_that_is_watched_on_other_pictures_is_not_taken_for_this_one(fresh_bench):
    """What a world watches along a run may hold the table's pictures."""
    train(fresh_bench, "cross-stitch")
    for changes in ({"table": "validation"}, {"test": SCALE.test - 4}):
        train(Bench(replace(SCALE, **changes), 0, fresh_bench.folder), "cross-stitch")
    assert len(list(fresh_bench.folder.glob("*towers*"))) == 1
    assert len(list(fresh_bench.folder.glob("*cross-stitch*"))) == 3
