import copy
import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.func import grad, jacrev, vmap

from xstitch_lib import CrossStitchUnit, cross_stitch

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on a CPU needs g++")


def plain(alpha, maps):
    """Eq. 1 in the plainest PyTorch: the oracle."""
    tasks, extra = len(maps), (1,) * (maps[0].ndim - 2)
    weigh = [[alpha[:, i, j].reshape(1, -1, *extra) for j in range(tasks)] for i in range(tasks)]
    return tuple(sum(w * x for w, x in zip(row, maps, strict=True)) for row in weigh)


def make(shape, tasks=2, per_channel=True, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    alpha = torch.randn(shape[1] if per_channel else 1, tasks, tasks, generator=generator, dtype=dtype)
    return alpha, [torch.randn(shape, generator=generator, dtype=dtype) for _ in range(tasks)]


def gradients(forward, alpha, maps):
    leaves = [t.detach().clone().requires_grad_() for t in (alpha, *maps)]
    mixed = forward(leaves[0], leaves[1:])
    loss = sum(((k + 1) * y.sin() * y).sum() for k, y in enumerate(mixed))
    return [y.detach() for y in mixed], torch.autograd.grad(loss, leaves)


layouts = st.sampled_from(["contiguous", "channels_last", "transposed", "sliced"])


def lay_out(x, layout):
    if layout == "channels_last" and x.ndim == 4:
        return x.to(memory_format=torch.channels_last)
    if layout == "transposed" and x.ndim > 2:
        return x.transpose(-1, 1).contiguous().transpose(-1, 1)
    if layout == "sliced":
        return torch.stack([x, x], -1)[..., 0]
    return x


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(0, 3),
    channels=st.integers(1, 4),
    space=st.lists(st.integers(1, 3), max_size=3),
    tasks=st.integers(2, 4),
    per_channel=st.booleans(),
    layout=layouts,
)
def test_outputs_and_gradients_equal_autograd_on_the_plain_formula(batch, channels, space, tasks, per_channel, layout):
    alpha, maps = make((batch, channels, *space), tasks, per_channel)
    maps = [lay_out(x, layout) for x in maps]
    ours, theirs = gradients(cross_stitch, alpha, maps), gradients(plain, alpha, maps)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 2, 3), (0, 3, 2, 2)])
@pytest.mark.parametrize("tasks", [2, 3])
def test_first_and_second_derivatives_pass_gradcheck(shape, tasks, per_channel):
    alpha, maps = make(shape, tasks, per_channel)
    inputs = [t.requires_grad_() for t in (alpha, *maps)]
    assert gradcheck(lambda a, *x: cross_stitch(a, x), inputs)
    assert gradgradcheck(lambda a, *x: cross_stitch(a, x), inputs)


def test_identity_returns_the_maps_unchanged():
    unit = CrossStitchUnit(tasks=3, channels=5, alpha_same=1.0)
    maps = [torch.randn(2, 5, 7, 7) for _ in range(3)]
    for before, after in zip(maps, unit(maps), strict=True):
        assert torch.equal(before, after)


@given(tasks=st.integers(2, 6), alpha_same=st.floats(0, 1), channels=st.one_of(st.none(), st.integers(1, 5)))
def test_every_row_starts_as_a_convex_mix(tasks, alpha_same, channels):
    alpha = CrossStitchUnit(tasks, channels, alpha_same).alpha.detach()
    assert alpha.shape == (channels or 1, tasks, tasks)
    assert (alpha >= 0).all()
    torch.testing.assert_close(alpha.sum(2), torch.ones(channels or 1, tasks))
    torch.testing.assert_close(alpha.diagonal(dim1=1, dim2=2), torch.full((channels or 1, tasks), alpha_same))


@settings(deadline=None)
@given(alpha_same=st.floats(0, 1), seed=st.integers(0, 100))
def test_a_convex_mix_never_leaves_the_range_of_its_inputs(alpha_same, seed):
    maps = make((2, 3, 4, 4), dtype=torch.float32, seed=seed)[1]
    low, high = torch.stack(maps).amin(0), torch.stack(maps).amax(0)
    for y in CrossStitchUnit(2, 3, alpha_same)(maps):
        assert (y >= low - 1e-5).all() and (y <= high + 1e-5).all()


@pytest.mark.parametrize("per_channel", [True, False])
def test_torch_func_transforms_agree_with_the_plain_formula(per_channel):
    alpha, maps = make((2, 3, 2, 2), per_channel=per_channel)
    for argument in range(3):
        ours = jacrev(lambda *t: cross_stitch(t[0], t[1:]), argnums=argument)(alpha, *maps)
        theirs = jacrev(lambda *t: plain(t[0], t[1:]), argnums=argument)(alpha, *maps)
        torch.testing.assert_close(ours, theirs)

    def loss(mix):
        return lambda a, x: (mix(a, [x, maps[1]])[0] ** 3).sum()

    hessians = [jacrev(jacrev(loss(mix)))(alpha, maps[0]) for mix in (cross_stitch, plain)]
    torch.testing.assert_close(*hessians)
    many_alphas, many_maps = torch.stack([alpha, 2 * alpha]), torch.stack([maps[0], -maps[0]])
    for in_dims in [(0, 0), (0, None), (None, 0)]:
        arguments = [many if d == 0 else one for d, many, one in
                     zip(in_dims, (many_alphas, many_maps), (alpha, maps[0]), strict=True)]  # fmt: skip
        ours = vmap(grad(loss(cross_stitch), argnums=(0, 1)), in_dims)(*arguments)
        theirs = vmap(grad(loss(plain), argnums=(0, 1)), in_dims)(*arguments)
        torch.testing.assert_close(ours, theirs)


@needs_compiler
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "tokens"])
def test_compiles_to_one_graph_with_equal_results_in_the_maps_layout(layout):
    compiled = torch.compile(cross_stitch, fullgraph=True)
    for shape in [(2, 3, 5, 7), (3, 4, 6, 8)]:  # the second in a graph for any shape
        alpha, maps = make(shape, per_channel=layout != "tokens", dtype=torch.float32)
        if layout == "channels_last":
            maps = [x.to(memory_format=torch.channels_last) for x in maps]
        elif layout == "tokens":  # (B, N, C) seen as (B, C, N)
            maps = [x.flatten(2).mT.contiguous().mT for x in maps]
        mixed, grads = gradients(compiled, alpha, maps)
        torch.testing.assert_close((mixed, grads), gradients(plain, alpha, maps))
        # Dynamo hands gradients over with channels first; a layer below that got them so would have to copy them back
        assert {x.stride() for x in (*mixed, *grads[1:])} == {maps[0].stride()}


@needs_compiler
def test_a_compiled_unit_meets_in_place_operations_and_new_shapes():
    unit = CrossStitchUnit(channels=3)
    compiled = torch.compile(unit, fullgraph=True)
    for size in (4, 6, 9):
        maps = [torch.randn(2, 3, size, size) for _ in "AB"]
        torch.testing.assert_close(compiled(maps)[0].relu_(), unit(maps)[0].relu_())


def test_autocast_keeps_the_maps_dtype_and_a_float32_gradient():
    unit = CrossStitchUnit(channels=3)
    maps = [torch.randn(4, 3, 8, 8).bfloat16().requires_grad_() for _ in "AB"]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = unit(maps)
        loss = sum(y.float().square().sum() for y in mixed)
    loss.backward()
    assert {y.dtype for y in mixed} == {torch.bfloat16} and maps[0].grad.dtype == torch.bfloat16
    assert unit.alpha.grad.dtype == torch.float32
    exact = gradients(lambda a, x: plain(a, x), unit.alpha.double(), [m.double() for m in maps])[0]
    torch.testing.assert_close([y.double() for y in mixed], exact, rtol=0.02, atol=0.02)


def test_autocast_leaves_float32_maps_alone():
    alpha, maps = make((2, 3, 5, 5), dtype=torch.float32)
    expected = gradients(cross_stitch, alpha, maps)
    with torch.autocast("cpu", torch.bfloat16):
        assert gradients(cross_stitch, alpha, maps)[1][0].equal(expected[1][0])


@pytest.mark.parametrize("alpha_same", [0.9, 1.0])
def test_outputs_survive_in_place_operations(alpha_same):
    unit, maps = CrossStitchUnit(channels=3, alpha_same=alpha_same), make((2, 3, 4, 4), dtype=torch.float32)[1]
    before = [x.clone() for x in maps]
    a, b = unit([x.requires_grad_() for x in maps])
    (torch.relu_(a).sum() + b.mul_(2).sum()).backward()
    assert all(torch.equal(x, y) for x, y in zip(maps, before, strict=True))
    assert torch.isfinite(unit.alpha.grad).all()


def test_only_what_needs_a_gradient_gets_one():
    unit, (_, (a, b)) = CrossStitchUnit(channels=3), make((2, 3, 4, 4), dtype=torch.float32)
    unit([a, b])[0].sum().backward()  # maps without gradient: a frozen tower
    assert unit.alpha.grad is not None and a.grad is None
    unit.requires_grad_(False)
    unit.alpha.grad = None
    unit([a.requires_grad_(), b])[1].sum().backward()  # a frozen unit
    assert unit.alpha.grad is None and b.grad is None
    torch.testing.assert_close(a.grad, torch.full_like(a, 0.1))


def test_copies_saves_and_shows_itself():
    unit = CrossStitchUnit(tasks=3, channels=4, alpha_same=0.8)
    unit.alpha.data.normal_()
    other = CrossStitchUnit(tasks=3, channels=4)
    other.load_state_dict(unit.state_dict())
    assert torch.equal(other.alpha, unit.alpha) and torch.equal(copy.deepcopy(unit).alpha, unit.alpha)
    assert repr(unit) == "CrossStitchUnit(tasks=3, channels=4, alpha_same=0.8)"
    unit.reset_parameters()
    torch.testing.assert_close(unit.alpha[0, 0], torch.tensor([0.8, 0.1, 0.1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tasks": 1}, "at least 2 tasks; got tasks=1"),
        ({"channels": 0}, "got 0"),
        ({"alpha_same": 1.5}, r"\[0, 1\].*got 1.5"),
        ({"alpha_same": -0.1}, r"\[0, 1\].*got -0.1"),
        ({"alpha_same": float("nan")}, "got nan"),
    ],
)
def test_a_unit_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CrossStitchUnit(**arguments)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([torch.zeros(2, 3)], "joins 2 tasks, so it needs 2 maps; got 1"),
        ([torch.zeros(2, 3)] * 3, "needs 2 maps; got 3"),
        ((torch.zeros(2, 3) for _ in range(2)), "maps is a list of tensors, one a task; got a generator"),
        ([torch.zeros(2, 3, 4), torch.zeros(2, 3, 5)], r"\(2, 3, 4\).*\(2, 3, 5\)"),
        ([torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.float64)], "float32.*float64"),
        ([torch.zeros(2, 4), torch.zeros(2, 4)], r"\(B, 3, ...\); got \(2, 4\)"),
        ([torch.zeros(3), torch.zeros(3)], r"got \(3,\)"),
        ([torch.zeros(2, 3, dtype=torch.long)] * 2, "floating point, as float32 is; got torch.int64"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps, message):
    with pytest.raises(ValueError, match=message):
        CrossStitchUnit(channels=3)(maps)


@pytest.mark.parametrize("alpha", [torch.zeros(2, 2), torch.zeros(3, 3, 2), torch.zeros(3, 2, 2, dtype=torch.long)])
def test_an_alpha_that_is_no_stack_of_matrices_is_refused(alpha):
    with pytest.raises(ValueError, match=r"\(C or 1, T, T\); got"):
        cross_stitch(alpha, [torch.zeros(2, 3), torch.zeros(2, 3)])


def test_a_dict_of_maps_is_refused():
    with pytest.raises(ValueError, match=r"list of tensors.* got a dict"):
        CrossStitchUnit(channels=3)({"a": torch.zeros(2, 3), "b": torch.zeros(2, 3)})


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2, 2)])
def test_batched_gradients_agree_with_one_at_a_time(shape, per_channel):
    """What ``jacobian(vectorize=True)`` and TorchJD's engine do."""
    alpha, maps = make(shape, tasks=3, per_channel=per_channel)
    inputs = [t.requires_grad_() for t in (alpha, *maps)]
    mixed = cross_stitch(alpha, maps)
    losses = torch.stack([y.square().sum() for y in mixed])  # each row's gradient of the other maps is zero
    batched = torch.autograd.grad(losses, inputs, torch.eye(3).double(), is_grads_batched=True, retain_graph=True)
    for i, loss in enumerate(losses):
        single = torch.autograd.grad(loss, inputs, retain_graph=True)
        torch.testing.assert_close([g[i] for g in batched], list(single))
    jacobians = [
        torch.autograd.functional.jacobian(lambda *t: cross_stitch(t[0], t[1:])[0], tuple(inputs), vectorize=fast)
        for fast in (True, False)
    ]
    torch.testing.assert_close(*jacobians)


def test_batched_gradients_keep_the_graph_that_a_second_derivative_needs():
    alpha = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    a, b = torch.randn(2, 3, 4, dtype=torch.float64)

    def slope(fast):
        jacobian = torch.autograd.functional.jacobian(
            lambda x: (cross_stitch(alpha, [x, b])[0] ** 2).sum(0), a, create_graph=True, vectorize=fast
        )
        return torch.autograd.grad(jacobian.square().sum(), alpha)[0]

    torch.testing.assert_close(slope(fast=True), slope(fast=False))


def test_where_channels_are_is_checked_on_the_maps_as_given():
    maps = [torch.zeros(2, 16, 16, 25)] * 2
    with pytest.raises(ValueError, match=r"with 16 channels at dim -1; got \(2, 16, 16, 25\)"):
        cross_stitch(torch.zeros(16, 2, 2), maps, channel_dim=-1)
    with pytest.raises(ValueError, match=r"with 16 channels at dim 5"):
        cross_stitch(torch.zeros(16, 2, 2), maps, channel_dim=5)
