"""fit: the loop, missing labels, bad losses, several processes."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import training_runs
from torch import nn
from torch.nn import functional as F
from training_runs import (
    TASKS,
    Noise,
    Unstitched,
    assert_same,
    samples,
    shared_run,
    stitched,
    towers,
    train,
    weights,
)

from xstitch_lib.data.tensors import IGNORE, TensorData
from xstitch_lib.looking import sharing
from xstitch_lib.networks import stitch
from xstitch_lib.tasks import Classification
from xstitch_lib.training.evaluation import evaluate, predict
from xstitch_lib.training.optim import cosine

NAN = float("nan")


class Mean(Classification):
    """A task whose loss is what PyTorch's own return."""

    def losses(self, output, batch):
        return {"loss": F.cross_entropy(output, batch[self.target])}


def part(*names):
    return TensorData({name: samples().tensors[name] for name in names})


def relabelled(label):
    data = samples()
    data.tensors["a"][7] = label
    return data


def test_fit_is_the_loop_one_would_write():
    net, twin, data = stitched(), stitched(), samples(missing=0.3)
    train(net, data, unit_lr_scale=10, weight_decay=0.01, clip=0.5, schedule=cosine, loss_weights={"b": 0.3}, seed=4)

    alphas = list(twin.units.parameters())
    others = list(twin.towers.parameters())
    sgd = torch.optim.SGD([{"params": others, "weight_decay": 0.01}, {"params": alphas}], lr=1, momentum=0.9)
    order = torch.Generator().manual_seed(4)
    for step in range(12):
        if step % 2 == 0:
            permutation = torch.randperm(40, generator=order)
        batch = data[permutation[16 * (step % 2) :][:16]]
        sgd.param_groups[0]["lr"] = 0.05 * cosine(step / 12)
        sgd.param_groups[1]["lr"] = 10 * sgd.param_groups[0]["lr"]
        out = twin(batch["image"])
        a, b = [F.cross_entropy(out[name], batch[name], ignore_index=IGNORE) for name in "ab"]
        sgd.zero_grad()
        (a + 0.3 * b).backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        sgd.step()
    torch.testing.assert_close(weights(net), weights(twin), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_learns_both_tasks(optimizer):
    net, data = stitched(), samples(200)
    before = evaluate(net, TASKS, data)
    train(net, data, steps=150, lr=0.01, optimizer=optimizer, unit_lr_scale=10)
    after = evaluate(net, TASKS, data)
    assert all([after[name]["accuracy"] > max(90, before[name]["accuracy"]) for name in TASKS])


class WeighedByClass(Classification):
    """A weighted mean, whose scale does not matter."""

    scale = 1.0

    def losses(self, output, batch):
        weight = self.scale * torch.tensor([1.0, 7.0, 3.0])[: self.outputs]
        target = batch[self.target]
        total = F.cross_entropy(output, target, weight, ignore_index=IGNORE, reduction="sum")
        return {"loss": (total, weight[target[target != IGNORE]].sum())}


@pytest.mark.parametrize("missing", [0.3, 1.0])
def test_what_a_loss_is_divided_by_may_be_below_1(monkeypatch, missing):
    """In powers of two, so that rounding is the same."""
    tasks = {name: WeighedByClass(name, task.outputs) for name, task in TASKS.items()}
    runs = []
    for scale in (1.0, 2.0**-12):
        monkeypatch.setattr(WeighedByClass, "scale", scale)
        net = stitched()
        history = train(net, samples(missing=missing), tasks)
        runs.append((weights(net), history.table.value.tolist()))
    assert_same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    if missing == 1:
        assert_same(runs[0][0], weights(stitched()))  # no label, no step


class Scaled(nn.Module):
    """A tower with two inputs."""

    def __init__(self, outputs):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 8), nn.Linear(8, outputs)

    def forward(self, x, factor):
        return self.fc2(self.fc1(x).relu() * factor[:, None])


def test_a_network_gets_the_inputs_that_its_data_name(tmp_path):
    whole = samples(40)
    factor = 2.0 ** torch.arange(40).remainder(3)
    data = TensorData({**whole.tensors, "factor": factor}, inputs=("image", "factor"))
    torch.manual_seed(0)
    net = stitch({"a": Scaled(3), "b": Scaled(2)}, ["fc1"], ((2, 6), (2,)))
    before = evaluate(net, TASKS, data)
    train(net, data, steps=60, unit_lr_scale=1, validation=data, resume=tmp_path / "run.ckpt", snapshots=2)
    after = evaluate(net, TASKS, data)
    assert all([after[name]["accuracy"] > before[name]["accuracy"] for name in TASKS])
    answers = predict(net, TASKS, data)["a"]
    assert torch.equal(answers, net.eval()(whole.tensors["image"], factor)["a"].argmax(1))
    swapped = TensorData(data.tensors, inputs=("factor", "image"))
    with pytest.raises(ValueError, match=r"inputs was .'image', 'factor'., is .'factor', 'image'."):
        train(net, swapped, steps=60, unit_lr_scale=1, validation=swapped, resume=tmp_path / "run.ckpt", snapshots=2)
    with pytest.raises(ValueError, match=r'needs samples with "image" and "mask"; got 40 .*: inputs= of .* names'):
        evaluate(net, TASKS, TensorData(data.tensors, inputs=("image", "mask")))


class Merging(nn.Linear):
    """As LoRA layers do it: in eval mode its small weight is added to the large one, and learns nothing."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.weight.requires_grad_(False)
        self.small, self.merged = nn.Parameter(torch.zeros_like(self.weight)), False

    def train(self, mode=True):
        super().train(mode)
        if self.merged == mode:
            self.weight.data += (1 - 2 * mode) * self.small.data
            self.merged = not mode
        return self

    def forward(self, x):
        return F.linear(x, self.weight if self.merged else self.weight + self.small, self.bias)


def test_a_layer_whose_mode_is_more_than_a_flag_learns_whatever_looks_at_it():
    def net():
        torch.manual_seed(0)
        towers = {name: nn.Sequential(Merging(6, 8), nn.ReLU(), nn.Linear(8, k)) for name, k in (("a", 3), ("b", 2))}
        return stitch(towers, after=["1"], example=(2, 6))

    alone, watched = net(), net()
    train(alone, snapshots=4)
    sharing(watched, samples().tensors["image"])
    train(watched, snapshots=4, validation=samples(seed=1))
    assert watched.towers["a"][0].small.any()
    torch.testing.assert_close(weights(watched), weights(alone), rtol=1e-5, atol=1e-6)


def test_networks_without_units_and_bare_outputs_train_too():
    pair, single = Unstitched(), towers()["a"]
    history = train(pair)
    assert history.alphas == {}
    train(single, tasks={"a": TASKS["a"]})
    # the first task's tower does not notice the second one
    torch.testing.assert_close(weights(pair.towers["a"]), weights(single), rtol=1e-5, atol=1e-6)


def test_seed_is_all_the_randomness_and_the_callers_stays_untouched():
    runs = []
    for seed in (1, 1, 2):
        net = stitched(dropout=0.5)
        torch.manual_seed(len(runs))
        before = torch.get_rng_state()
        train(net, seed=seed, augment=Noise())
        assert torch.equal(torch.get_rng_state(), before)
        runs.append(weights(net))
    assert_same(runs[0], runs[1])
    assert not torch.equal(runs[0]["units.fc1.alpha"], runs[2]["units.fc1.alpha"])


def test_bf16_and_channels_last_change_the_convolutions_and_little_else():
    data = samples(64)
    images = TensorData({**data.tensors, "image": data.tensors["image"].view(-1, 1, 2, 3).expand(-1, 3, -1, -1)})
    losses, seen = [], []

    def look(module, inputs, output):
        seen.append((output.dtype, inputs[0].is_contiguous(memory_format=torch.channels_last)))

    for options in ({}, {"precision": "bf16", "channels_last": True}):
        torch.manual_seed(0)
        nets = {
            t: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(24, TASKS[t].outputs))
            for t in TASKS
        }
        net = stitch(nets, after=["0"], example=(2, 3, 2, 3))
        net.towers["a"][0].register_forward_hook(look)
        losses.append(train(net, images, **options).table["value"].iloc[-1])
        assert all([p.dtype == torch.float32 for p in net.parameters()])
    assert seen == [(torch.float32, False)] * 12 + [(torch.bfloat16, True)] * 12
    weight = net.towers["a"][0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_channels_last_leaves_other_images_alone():
    plain, asked = stitched(), stitched()
    train(plain)
    train(asked, channels_last=True)
    assert_same(weights(asked), weights(plain))


def test_a_batch_without_labels_for_a_task_trains_the_others():
    net, data = Unstitched(), samples()
    data.tensors["b"][:] = IGNORE
    before = weights(net)
    history = train(net, data, weight_decay=0)
    assert_same({k: v for k, v in weights(net).items() if ".b." in k}, {k: v for k, v in before.items() if ".b." in k})
    assert not torch.equal(net.towers["a"].fc2.weight, before["towers.a.fc2.weight"])
    assert set(history.table["task"]) == {"a"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_before_the_weights_change(bad):
    class Spoil(Noise):
        def __call__(self, batch):
            self.calls += 1
            self.before = weights(net)
            return batch

    net, spoil = stitched(), Spoil()
    for tower in net.towers.values():
        tower.fc2.register_forward_hook(lambda layer, args, output: output * (bad if spoil.calls == 5 else 1))
    promise = (
        r"at step 5 the loss of 'a' is nan and the loss of 'b' is nan, with learning rates weights 0.05, alphas 0.5"
    )
    with pytest.raises(FloatingPointError, match=promise):
        train(net, unit_lr_scale=10, augment=spoil)
    assert_same(weights(net), spoil.before)
    assert all([p.isfinite().all() for p in net.parameters()])


@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("bad_step", [5, 12])
def test_a_gradient_that_is_not_finite_stops_before_the_weights_change(bad_step, clip, tmp_path):
    class Spoil(Noise):
        def __call__(self, batch):
            self.calls += 1
            self.before = weights(net)
            return batch

    net, spoil, path = stitched(), Spoil(), tmp_path / "run.ckpt"
    net.towers["a"].fc2.weight.register_hook(lambda g: g * float("nan") if spoil.calls == bad_step else g)
    promise = f"at step {bad_step} every loss is finite, but the norm of the gradient is nan, with learning rates"
    with pytest.raises(FloatingPointError, match=promise):
        train(net, augment=spoil, clip=clip, resume=path, checkpoint_every=4)
    assert_same(weights(net), spoil.before)
    assert torch.load(path, weights_only=True)["step"] == (bad_step - 1) // 4 * 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps=0"),
        ({"optimizer": "lion"}, "optimizer='lion'"),
        ({"precision": "fp16"}, "precision='fp16'"),
        ({"log_every": 0}, "log_every=0"),
        ({"tasks": {}}, r"tasks=\[\]"),
        ({"tasks": {**TASKS, "c": TASKS["a"]}}, r"an output for each of .*'c'\]; got a dict with \['a', 'b'\]"),
        ({"data": TensorData({"picture": torch.zeros(3, 6)})}, r"with \"image\"; got 3 samples with \['picture'\]"),
        ({"loss_weights": {"c": 2.0}}, r"loss_weights=\['c'\]"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": 0.1}, "fit has no option 'learning_rate'"),
        ({"recipe": 1000}, "fit takes a Recipe, or options by name, .*; got 1000"),
        ({"optimizer": lambda groups: torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)}, "groups that it is giv"),
        ({"validation": TensorData(samples().tensors, inputs=["image", "a"])}, r"validation hands .*'a'\], its train"),
        ({"loss_weights": {"a": NAN}}, r"loss_weights must be finite; got \{'a': nan\}"),
        ({"lr": NAN}, "to be finite; got {'lr': nan"),
        ({"unit_lr_scale": float("inf")}, "'unit_lr_scale': inf"),
        ({"schedule": lambda progress: 1 / (0.5 - progress) if progress != 0.5 else NAN}, "got nan at step 7 of 12"),
        ({"clip": 0.0}, "clip must be above 0, or None .*; got 0.0"),
        ({"clip": NAN}, "clip must be above 0, or None .*; got nan"),
        ({"snapshots": 1}, "snapshots must be 0 for none, or at least 2, .*; got 1"),
        ({"snapshots": -1}, "snapshots must be .*; got -1"),
        ({"resume": ""}, "resume must be the path of a file, .*; got the folder ''"),
        ({"tasks": list(TASKS)}, r"tasks is a dict of names and tasks, .*; got \['a', 'b'\]"),
        (
            {"tasks": {"a": nn.CrossEntropyLoss()}},
            "'a' must be a task, .* got a CrossEntropyLoss without check, losses",
        ),
        ({"tasks": {"a": Classification}}, "'a' must be a task, .* got the class Classification, not one of its obj"),
        ({"tasks": {"a": Mean("a", 3)}}, "'loss' of task 'a' must be two 0-d tensors, .*; got tensor"),
        ({"data": samples().tensors}, "fit's train needs its samples as a TensorData, .*; got a dict: put its tensors"),
        ({"validation": samples().tensors}, "fit's validation needs .* got a dict"),
        ({"data": part("image", "a")}, r"task 'b' needs the labels 'b'; got a data set with \['image', 'a'\]"),
        ({"validation": part("image", "b")}, "task 'a' needs the labels 'a'"),
        ({"data": relabelled(3)}, "task 'a' needs labels 'a' from 0 to 2, or -1 .*; got 1 others, the first 3"),
        ({"data": relabelled(-2)}, "got 1 others, the first -2"),
    ],
)
def test_wrong_calls_are_named(options, words):
    net = stitched()
    before = weights(net)
    with pytest.raises(ValueError, match=words):
        train(net, **options)
    assert_same(weights(net), before)


def test_no_snapshots_are_none():
    history = train(stitched(), snapshots=0, validation=samples(seed=1))
    assert history.alpha_steps == [] and set(history.table["metric"]) == {"loss"}


def test_history_holds_curves_and_alphas_from_first_to_last_step():
    net = stitched()
    start = net.units["fc1"].alpha.detach().clone()
    history = train(net, steps=25, log_every=10, snapshots=11, validation=samples(seed=1))
    assert repr(history) == "History(steps=25, tasks=['a', 'b'], layers=['fc1', 'fc2'])"
    assert list(history.table.columns) == ["step", "task", "metric", "value"]
    losses = history.table.query("metric == 'loss' and task == 'b'")
    assert losses["step"].tolist() == [10, 20, 25]
    assert history.alpha_steps == [0, 2, 5, 8, 10, 12, 15, 18, 20, 22, 25]
    assert history.table.query("metric == 'accuracy' and task == 'a'")["step"].tolist() == history.alpha_steps
    assert history.alphas["fc1"].shape == (11, 8, 2, 2)
    assert np.array_equal(history.alphas["fc1"][0], start)
    assert np.array_equal(history.alphas["fc1"][-1], net.units["fc1"].alpha.detach())


def test_what_is_watched_can_be_any_function_of_the_network(tmp_path):
    def watched(net):
        return {"a": {"largest alpha": net.units["fc1"].alpha.max().item()}}

    run = {"steps": 20, "snapshots": 3, "resume": tmp_path / "run.ckpt"}
    history = train(net := stitched(), validation=watched, **run)
    rows = history.table.query("metric == 'largest alpha'")
    assert rows["step"].tolist() == [0, 10, 20] and rows["value"].iloc[-1] == net.units["fc1"].alpha.max().item()
    again = train(stitched(), validation=watched, **run)
    assert again.table.equals(history.table)
    with pytest.raises(ValueError, match="watched was"):
        train(stitched(), **run)


def test_what_is_watched_may_leave_the_network_in_any_mode_and_give_numbers_of_any_kind(tmp_path):
    def look(net):
        net.eval()
        return {"a": {"accuracy": np.float64(3)}}

    modes = []
    net = stitched()
    options = {"validation": look, "snapshots": 3, "resume": tmp_path / "run.ckpt"}
    train(net, augment=lambda batch: (modes.append(net.training), batch)[1], **options)
    assert all(modes) and len(modes) == 12
    checkpoint = torch.load(tmp_path / "run.ckpt", weights_only=True)
    assert checkpoint["step"] == 12
    with pytest.raises(ValueError, match="'val loss' of 'a' is the name of a training loss: call the metric otherwise"):
        train(stitched(), validation=lambda net: {"a": {"val loss": 1.0}})


def test_two_processes_give_the_result_of_one_and_one_goes_on_where_two_stopped(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, training_runs.__file__, str(tmp_path)], check=True, env=environment)
    one, history = shared_run()
    two, partly, table = torch.load(tmp_path / "two.pt", weights_only=True)
    torch.testing.assert_close(two, weights(one), rtol=1e-5, atol=1e-6)
    assert table == pytest.approx(history.table["value"].tolist(), rel=1e-5)
    alone = Unstitched()
    train(alone, tasks={"a": TASKS["a"]}, weight_decay=0.1)
    torch.testing.assert_close(partly, weights(alone), rtol=1e-5, atol=1e-6)
    assert all([(tmp_path / f"resumed by {rank}").exists() for rank in range(2)])
    with pytest.warns(UserWarning, match="begun in 2 processes and goes on in 1: not bit for bit"):
        resumed, _ = shared_run(resume=tmp_path / "begun by two.ckpt")
    torch.testing.assert_close(weights(resumed), weights(one), rtol=1e-5, atol=1e-6)
