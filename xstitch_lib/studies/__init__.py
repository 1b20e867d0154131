"""The paper's tables and figures as studies: arms × scales × seeds."""

from xstitch_lib.studies.arms import Arm
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.segmentation_normals import fig2, table5
from xstitch_lib.studies.study import Study

STUDIES = {study.name: study for study in [fig2, table5]}

__all__ = ["STUDIES", "Arm", "Scale", "Study", "fig2", "table5"]
