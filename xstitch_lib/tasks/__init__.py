"""What a tower is trained for: one file a task holds its loss, its metric and how a prediction is decoded and drawn."""

from xstitch_lib.tasks.attributes import Attributes
from xstitch_lib.tasks.classification import Classification
from xstitch_lib.tasks.detection import Detection
from xstitch_lib.tasks.multi_label import MultiLabel
from xstitch_lib.tasks.normals import SurfaceNormals
from xstitch_lib.tasks.quantities import Quantity
from xstitch_lib.tasks.regression import Regression
from xstitch_lib.tasks.regression_map import RegressionMap
from xstitch_lib.tasks.segmentation import SemanticSegmentation
from xstitch_lib.tasks.task import Metric, Task

__all__ = [
    "Attributes",
    "Classification",
    "Detection",
    "Metric",
    "MultiLabel",
    "Quantity",
    "Regression",
    "RegressionMap",
    "SemanticSegmentation",
    "SurfaceNormals",
    "Task",
]
