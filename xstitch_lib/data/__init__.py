"""Data sets whose items are dicts of tensors."""

from xstitch_lib.data.fashion_mnist import FashionMNIST
from xstitch_lib.data.nyuv2 import NYUv2
from xstitch_lib.data.rooms import Rooms
from xstitch_lib.data.tensors import IGNORE, TensorData

__all__ = ["IGNORE", "FashionMNIST", "NYUv2", "Rooms", "TensorData"]
