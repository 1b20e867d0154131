"""Where the channels of towers' maps are, as far as their layers tell."""

from collections.abc import Mapping

from torch import Tensor, nn

CHANNELS = ("out_channels", "num_features", "num_channels")  # of convolutions, batch norm, group norm


def look_for_channels(towers: Mapping[str, nn.Module], maps: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Refuse maps whose dim 1 is no layer's number of channels, but whose last is a layer's number of outputs.

    Of a map as long as wide neither tells; there a norm over the last dimension, in the joined layer, does.
    """
    task, tower = next(iter(towers.items()))
    layers = list(tower.modules())
    second = {size for m in layers for size in (getattr(m, name, None) for name in CHANNELS) if isinstance(size, int)}
    norms = [m for m in layers if type(m) in (nn.LayerNorm, nn.RMSNorm)]  # not those over channels at dim 1
    last = {m.normalized_shape[-1] for m in norms} | {m.out_features for m in layers if isinstance(m, nn.Linear)}
    words = {m.embedding_dim for m in layers if isinstance(m, nn.Embedding)}
    words |= {m.hidden_size for m in layers if isinstance(m, nn.RNNBase)}
    for name, found in maps[task].items():
        *_, wide = found.shape
        unlike = found.shape[1] not in second and (wide in last or (found.ndim == 3 and wide in words))
        own = tower.get_submodule(name).modules()
        square = found.shape[1] == wide and any([m in norms and m.normalized_shape[-1] == wide for m in own])
        if found.ndim > 2 and (unlike or square):
            raise ValueError(
                f"after {name!r} dim 1 of the maps {tuple(found.shape)} may be no channel: say channel_dim=-1 if "
                "the last is, channel_dim=1 if dim 1 is one after all"
            )
