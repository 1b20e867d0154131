"""Units besides the paper's own (`xstitch_lib.unit`): a file each, a subclass of `xstitch_lib.unit_base.Unit`."""

from xstitch_lib.networks.units.dense import DenseLayer, DenseUnit

__all__ = ["DenseLayer", "DenseUnit"]
