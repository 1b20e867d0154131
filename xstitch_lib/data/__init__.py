"""Data sets whose items are dicts of tensors."""

from xstitch_lib.data.apascal import APascal
from xstitch_lib.data.faces import FaceEmbeddings, UTKFace
from xstitch_lib.data.fashion_mnist import FashionMNIST
from xstitch_lib.data.loaders import LazyData
from xstitch_lib.data.nyuv2 import NYUv2
from xstitch_lib.data.ragged import Ragged
from xstitch_lib.data.regions import with_regions
from xstitch_lib.data.rooms import Rooms
from xstitch_lib.data.source import IGNORE, Batch, Source
from xstitch_lib.data.tensors import TensorData

__all__ = [
    "IGNORE",
    "APascal",
    "Batch",
    "FaceEmbeddings",
    "FashionMNIST",
    "LazyData",
    "NYUv2",
    "Ragged",
    "Rooms",
    "Source",
    "TensorData",
    "UTKFace",
    "with_regions",
]
