"""Towers, one network for one task, whose layers carry the paper's names.

A layer's name includes its ReLU: a unit after "conv1" mixes what comes out of it. The paper's two lists of places:
``POOLS``, after every pooling and fully connected layer, the better one (section 5), and ``CONVS``, after every
convolutional and fully connected layer; both are for the AlexNets.
"""

from xstitch_lib.networks.towers.alexnet import CONVS, POOLS, alexnet_fcn, small_alexnet_fcn
from xstitch_lib.networks.towers.faces import face_cnn, face_mlp
from xstitch_lib.networks.towers.fashion import fashion_cnn
from xstitch_lib.networks.towers.fast_rcnn import FastRCNN, alexnet_fast_rcnn, small_fast_rcnn
from xstitch_lib.networks.towers.imagenet import imagenet_weights, load_imagenet

__all__ = [
    "CONVS",
    "POOLS",
    "FastRCNN",
    "alexnet_fast_rcnn",
    "alexnet_fcn",
    "face_cnn",
    "face_mlp",
    "fashion_cnn",
    "imagenet_weights",
    "load_imagenet",
    "small_alexnet_fcn",
    "small_fast_rcnn",
]
