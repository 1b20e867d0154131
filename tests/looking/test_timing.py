import copy
import gc
import time

import pytest
import torch
from torch import nn

from xstitch_lib.looking import layer_times, step_times
from xstitch_lib.networks.towers import fashion_cnn


class Slow(nn.Module):
    """Waits in the forward and in the backward pass, and says so."""

    def __init__(self, name, seconds, log):
        super().__init__()
        self.weight, self.run = nn.Parameter(torch.ones(1)), lambda: (log.append(name), time.sleep(seconds))

    def forward(self, x):
        self.run()
        y = x * self.weight
        y.register_hook(lambda grad: self.run() and None)
        return {"a": y, "b": -y} if x.ndim == 1 else y

    def __deepcopy__(self, memo):
        return copy.copy(self)


def test_times_are_milliseconds_of_forward_and_backward_together():
    times = step_times({"slow": Slow("slow", 0.03, []), "fast": Slow("fast", 0.001, [])}, (3,), rounds=3)
    assert list(times) == ["slow", "fast"]
    assert times["slow"] >= 60 and 2 <= times["fast"] < times["slow"] / 2


def test_networks_take_turns_and_each_round_begins_with_another():
    log = []
    step_times({name: Slow(name, 0, log) for name in "abc"}, (2, 2), rounds=3)
    turns = "".join(log[::2])
    assert log[::2] == log[1::2] and turns == "abcbcacab" * 2, "three rounds to warm up, three that count"


def test_the_median_leaves_out_what_happens_once():
    class Hiccup(Slow):
        def forward(self, x):
            time.sleep(0.1 * (len(log) == 8))
            return super().forward(x)

    log = []
    assert step_times({"a": Hiccup("a", 0, log)}, (2, 2), rounds=5)["a"] < 50


def test_nothing_of_the_networks_changes():
    net = fashion_cnn(3, width=2).eval()
    state, rng = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    with torch.no_grad():
        assert step_times({"net": net}, (4, 1, 28, 28), rounds=1)["net"] > 0
    assert all([torch.equal(value, state[key]) for key, value in net.state_dict().items()])
    assert not any([module.training for module in net.modules()]) and all([p.grad is None for p in net.parameters()])
    assert torch.equal(torch.get_rng_state(), rng) and gc.isenabled()


def test_garbage_is_collected_again_after_a_failure():
    with pytest.raises(RuntimeError):
        step_times({"net": nn.Linear(3, 1)}, (4, 2))
    assert gc.isenabled()


@pytest.mark.parametrize(("nets", "rounds"), [({"net": nn.Linear(3, 1)}, 0), ({}, 5)])
def test_nothing_to_measure_is_refused(nets, rounds):
    with pytest.raises(ValueError, match=f"a network and at least 1 round; got {len(nets)} networks, rounds={rounds}"):
        step_times(nets, (4, 3), rounds)


def test_layer_times_are_of_the_layers_asked_for_and_leave_the_net_as_it_was():
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).train()
    times = layer_times({"first": net[0], "last": net[2]}, net, torch.randn(8, 4), rounds=3)
    assert list(times) == ["first", "last"] and all(seconds > 0 for seconds in times.values())
    assert net.training and not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
