"""The paper's own numbers, as data: what every table of the book stands beside.

Misra, Shrivastava, Gupta and Hebert, "Cross-stitch Networks for Multi-task Learning", CVPR 2016. A table is tidy, as
`xstitch_lib.results.record` gives ours: one row an arm, task and metric. Angles are degrees, all else is percent.
"""

import pandas as pd

from xstitch_lib.tasks import SemanticSegmentation, SurfaceNormals
from xstitch_lib.tasks.quantities import Quantities, Quantity

NORMALS = ("mean", "median", "11.25", "22.5", "30")
SEG = ("pixacc", "mIU", "fwIU")

# table → arm → the eight columns, normals then segmentation
ROWS = {
    "table1": {
        "(0.1, 0.9)": (34.6, 18.8, 38.5, 53.7, 59.4, 47.9, 18.2, 33.3),
        "(0.5, 0.5)": (34.4, 18.8, 38.5, 53.7, 59.5, 47.2, 18.6, 33.8),
        "(0.7, 0.3)": (34.0, 18.3, 38.9, 54.3, 60.1, 48.0, 18.6, 33.6),
        "(0.9, 0.1)": (34.0, 18.3, 39.0, 54.4, 60.2, 48.2, 18.9, 34.0),
    },
    "table2": {
        "1": (34.6, 18.9, 38.4, 53.7, 59.4, 47.7, 18.6, 33.5),
        "10": (34.5, 18.8, 38.5, 53.8, 59.5, 47.8, 18.7, 33.5),
        "100": (34.0, 18.3, 39.0, 54.4, 60.2, 48.0, 18.9, 33.8),
        "1000": (34.1, 18.2, 39.2, 54.4, 60.2, 47.2, 19.3, 34.0),
    },
    "table3": {
        "ImageNet": (34.6, 18.8, 38.6, 53.7, 59.4, 48.0, 17.7, 33.4),
        "one-task": (34.1, 18.2, 39.0, 54.4, 60.2, 47.2, 19.3, 34.0),
    },
    "table5": {
        "one-task": (34.8, 19.0, 38.3, 53.5, 59.2, 46.6, 18.4, 33.1),
        "ensemble": (34.4, 18.5, 38.7, 54.2, 59.7, 48.2, 18.9, 33.8),
        "split-conv4": (34.7, 19.1, 38.2, 53.4, 59.2, 47.8, 19.2, 33.8),
        "mtl-shared": (34.7, 18.9, 37.7, 53.5, 58.8, 45.9, 16.6, 30.1),
        "cross-stitch": (34.1, 18.2, 39.0, 54.4, 60.2, 47.2, 19.3, 34.0),
    },
}
# arm → average precision, mean over classes: detection, attributes
TABLE6 = {
    "one-task": (44.9, 60.9),
    "ensemble": (46.1, 61.1),
    "split-conv2": (44.6, 61.0),
    "split-fc7": (44.8, 59.7),
    "mtl-shared": (42.7, 54.1),
    "cross-stitch": (45.2, 63.0),
}
# figure 2 (b): task → change against the one-task network, read off its bars, so approximate
SPLITS = ("fc8", "fc7", "fc6", "conv5", "conv4", "conv3", "conv2")
FIGURE2 = {
    "attributes": (-5.7, -2.2, -1.2, -0.8, -1.0, -0.4, 0.1),
    "detection": (-0.16, 0.69, -0.06, -0.09, 0.37, 0.24, -0.34),
    "seg": (-0.4, 0.11, -0.62, 0.22, 0.8, -0.28, -1.32),
    "normals": (0.85, 0.52, 0.65, 0.28, 0.65, 0.52, 0.85),
}
# short quotations, by which file of the sources they stand in: the paper, the re-implementation's page, the blog;
# "older readme" is that page in commit 0a7e7de, before its section on gender and age was dropped
QUOTES = {
    "splits 1.1": ("paper", "for the Det task it is using the Split conv2, and for Attr with Split fc6"),
    "splits 6.4": ("paper", "best performance by Split fc7), whereas the attribute task prefers a "
                            "task-specific network (best performance by Split conv2)"),
    "splits blog": ("blog", "而属性分类与目标检测任务分别使用**Split conv2**以及**Split fc6**能获得最佳性能"),
    "both tasks": ("paper", "Our method outperforms the baselines for both the tasks."),
    "init": ("paper", "Task-specific initialization performs better than ImageNet initialization for both the tasks"),
    "first conv": ("paper", "from the first convolution (conv2) to the last fully-connected (fc7)"),
    "20k": ("paper", "to account for the 20k fine-tuning iterations of the one-task networks"),
    "25k": ("paper", "We fine-tune the network for semantic segmentation for 25k iterations"),
    "15k": ("paper", "for surface normal prediction for 15k iterations"),
    "figure 4": ("paper", "Figure 4 (second row) shows that both the tasks, across all initializations, prefer"),
    "every pooling": ("paper", "using the cross-stitch units after every pooling layer as shown in Figure 4"),
    "pooling and fc": ("paper", "we apply cross-stitch units only after pooling layers and fully connected layers"),
    "magnitude": ("paper", "important for stable learning, as it ensures that values in the output activation map"),
    "lowest": ("paper", "splitting at the lowest convolution layer which results in two separate networks altogether"),
    "flat": ("paper", "further training (up to 40k iterations) showed no improvement"),
    "best range": ("paper", "Setting a higher scale for the learning rate improves performance"),
    "rarest": ("paper", "4.6% and 4.3% mAP for the top 10 and 20 attributes"),
    "identity": ("readme", "Weights of Cross Stitch are initialized with identity matrix"),
    "one percent": ("readme", "it gets more than 1% improvement on test dataset"),
    "labels": ("readme", "I created another label for each image, which is based on the original labels"),
    "gender age": ("readme", "I also used this technique to build a gender-age classifier with VGGFace2 dataset"),
    "both tests": ("readme", "In both tests cross stitch improves the accuracy"),
    "two percent": ("older readme", "With cross stitch transformation it gets about 2% improvement on test dataset."),
    "feature vectors": ("older readme", "The inputs are 128 dimensional facial feature vectors"),
}  # fmt: skip
# section 6.5: how many attributes, those with the fewest labels → what they gain, of average precision
FIGURE5 = {10: 4.6, 20: 4.3}

QUANTITIES = Quantities(
    seg=SemanticSegmentation.quantities,
    normals=SurfaceNormals.quantities,
    detection={"mAP": Quantity("mean average precision", "%", digits=1)},
    attributes={"mAP": Quantity("mean average precision", "%", digits=1)},
)


def table(name: str) -> pd.DataFrame:
    """A table of the paper: arm, task, metric, value, with its `Quantities`.

    Args:
        name: "table1", "table2", "table3", "table5", "table6", or "fig2", whose values are changes against one-task.

    Raises:
        ValueError: for another name.

    >>> five = table("table5")
    >>> five[(five.arm == "cross-stitch") & (five.metric == "mIU")].value.item()
    19.3
    """
    columns = [("normals", metric) for metric in NORMALS] + [("seg", metric) for metric in SEG]
    if name == "table6":
        columns, rows = [("detection", "mAP"), ("attributes", "mAP")], TABLE6
    elif name == "fig2":
        metrics = {"seg": "mIU", "normals": "median", "detection": "mAP", "attributes": "mAP"}
        columns = [(task, metrics[task]) for task in FIGURE2]
        rows = {
            f"split-{layer}": values for layer, values in zip(SPLITS, zip(*FIGURE2.values(), strict=True), strict=True)
        }
    elif name in ROWS:
        rows = ROWS[name]
    else:
        raise ValueError(f"the paper has no table {name!r} here: choose one of {', '.join([*ROWS, 'table6', 'fig2'])}")
    tidy = [
        (arm, task, metric, value)
        for arm, values in rows.items()
        for (task, metric), value in zip(columns, values, strict=True)
    ]
    return QUANTITIES.attach(pd.DataFrame(tidy, columns=["arm", "task", "metric", "value"]))
