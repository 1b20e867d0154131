"""Claims of the re-implementation's second script, gender and age: none is tested until its study is recorded."""

from xstitch_lib.results.measures import better
from xstitch_lib.studies.claims.claim import Claim, Group

FACES = Group(
    "gender and age",
    "Gender and age from face embeddings, the re-implementation's second script",
    "index",
    {"small": "stand-in for faces", "full": "UTKFace"},
    (
        Claim("README", "the dense unit gains over towers without units", ("gender_age",), better("dense", "none"),
              over="towers without units", beforehand=True),
        Claim("ours", "the paper's units gain over towers without units", ("gender_age",),
              better("per channel", "none"), over="towers without units", beforehand=True),
    ),
)  # fmt: skip
GROUPS = (FACES,)
