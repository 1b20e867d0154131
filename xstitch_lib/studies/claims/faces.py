"""Claims about gender and age: the re-implementation's second script, and pictures of faces."""

from xstitch_lib.results.measures import better, better_over_draws
from xstitch_lib.studies.claims.claim import Claim, Group

NO_UNITS, SAME = "towers without units", "a network of the same task"
PAGE = "15_gender_and_age"
EMBEDDINGS = Group(
    "gender and age",
    "Gender and age from face embeddings, the re-implementation's second script",
    PAGE,
    {"script": "the script's split", "pictures": "other splits by picture", "people": "people apart"},
    (
        Claim("README", "the dense unit gains over towers without units", ("gender_age",),
              better_over_draws("dense", "none"), over=NO_UNITS),
        Claim("ours", "the dense unit gains over as many weights inside the towers", ("gender_age",),
              better_over_draws("dense", "linear inside"), over="as many weights"),
        Claim("ours", "the paper's units gain over towers without units", ("gender_age",),
              better_over_draws("per channel", "none"), over=NO_UNITS),
        Claim("ours", "two tasks gain more than two towers of the same task", ("gender_age",),
              better_over_draws("dense", "self-stitch"), over=SAME),
    ),
)  # fmt: skip
PICTURES = Group(
    "faces",
    "Gender and age from pictures",
    PAGE,
    {"small": "UTKFace"},
    (
        Claim("ours", "the paper's units gain over towers without units on pictures of faces", ("utkface",),
              better("per channel", "none"), over=NO_UNITS),
        Claim("ours", "and more than units between two towers of the same task", ("utkface",),
              better("per channel", "self-stitch"), over=SAME),
        Claim("ours", "the paper's units gain over towers without units, age told in years", ("utkface_years",),
              better("per channel", "none"), over=NO_UNITS),
        Claim("ours", "and more than two towers of the same task, age told in years", ("utkface_years",),
              better("per channel", "self-stitch"), over=SAME),
    ),
)  # fmt: skip
GROUPS = (EMBEDDINGS, PICTURES)
