"""The paper's tables and figures as studies: arms × scales × seeds."""

from xstitch_lib.studies.afterwards import afterwards, same_task
from xstitch_lib.studies.arm import Arm
from xstitch_lib.studies.detection_attributes import (
    apascal_choices,
    attribute_loss,
    few_attributes,
    fig2_regions,
    foreground,
    objects_choices,
    table6,
    units_places,
    units_rates,
)
from xstitch_lib.studies.fashion_mnist import (
    fashion_all_dense,
    fashion_mnist,
    fashion_variants,
    relatedness,
)
from xstitch_lib.studies.gender_age import gender_age, utkface, utkface_years
from xstitch_lib.studies.methods import Method, Trained
from xstitch_lib.studies.methods.cross_stitch import CrossStitch, Stitching
from xstitch_lib.studies.methods.one_task import OneTask
from xstitch_lib.studies.methods.self_stitch import SelfStitch
from xstitch_lib.studies.scale import Scale
from xstitch_lib.studies.segmentation_normals import (
    adam,
    alphas,
    choices,
    diagonal,
    few_labels,
    few_labels_tuned,
    fewer_pictures,
    fig2,
    latent_map,
    longer,
    more_pictures,
    nyuv2_choices,
    stride4,
    table1,
    table2,
    table3,
    table5,
)
from xstitch_lib.studies.study import Study
from xstitch_lib.studies.worlds import World
from xstitch_lib.studies.worlds.apascal import APascalScale
from xstitch_lib.studies.worlds.faces import FacesScale
from xstitch_lib.studies.worlds.fashion import FashionScale
from xstitch_lib.studies.worlds.nyuv2 import NYUScale
from xstitch_lib.studies.worlds.room_objects import RoomObjectsScale
from xstitch_lib.studies.worlds.rooms import RoomsScale
from xstitch_lib.studies.worlds.utkface import UTKScale

_ALL = [
    *(choices, nyuv2_choices, fig2, table1, table2, table3, table5, latent_map, diagonal, longer, alphas),
    *(fewer_pictures, more_pictures, few_labels, few_labels_tuned, stride4, adam),
    *(fashion_mnist, fashion_variants, fashion_all_dense, relatedness),
    *(objects_choices, apascal_choices, fig2_regions, table6),
    *(foreground, attribute_loss, few_attributes, units_rates, units_places),
    *(afterwards, same_task),
    *(gender_age, utkface, utkface_years),
]
STUDIES = {study.name: study for study in _ALL}

__all__ = [
    "STUDIES",
    "APascalScale",
    "Arm",
    "CrossStitch",
    "FacesScale",
    "FashionScale",
    "Method",
    "NYUScale",
    "OneTask",
    "RoomObjectsScale",
    "RoomsScale",
    "Scale",
    "SelfStitch",
    "Stitching",
    "Study",
    "Trained",
    "UTKScale",
    "World",
    *STUDIES,
]
