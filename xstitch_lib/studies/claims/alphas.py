"""Claims about "table 4", a figure: what the units learn."""

from xstitch_lib.results.measures import better
from xstitch_lib.results.weights import own_at, own_more_than, shares_more, takes_less, takes_more
from xstitch_lib.studies.claims.claim import Claim, Group

START = "(0.9, 0.1)"
THREE_STARTS = ("(0.9, 0.1)", "(0.5, 0.5)", "(0.1, 0.9)")
ELSEWHERE = {"medium": ("table1",)}  # its networks start from ImageNet and at the same alphas


def _claim(source: str, text: str, measure) -> Claim:
    return Claim(source, text, ("alphas",), measure, elsewhere=ELSEWHERE)


ALPHAS = Group(
    "alphas",
    'Section 5.4 and "table 4": what the units learn',
    "10_looking_inside",
    {"small": "rooms", "medium": "NYU-v2"},
    (
        _claim("5.4", "at pool5 both tasks prefer their own maps, whatever the start", own_at("pool5", THREE_STARTS)),
        _claim("ours", "pool5 keeps more to its own task than pool1 does", own_more_than("pool5", "pool1", START)),
        _claim("ours", "pool5 keeps more to its own task than pool1 does, by shares of variance",
               takes_less("pool5", "pool1", START)),
        _claim("ours", "pool5 keeps more to its own task than fc7 does", own_more_than("pool5", "fc7", START)),
        _claim("ours", "pool5 keeps more to its own task than fc7 does, by shares of variance",
               takes_less("pool5", "fc7", START)),
        _claim("5.4", "from (0.5, 0.5), normals share more than segmentation does",
               shares_more("normals", "seg", "(0.5, 0.5)")),
        _claim("ours", "from (0.5, 0.5), normals share more than segmentation does, by shares of variance",
               takes_more("normals", "seg", "(0.5, 0.5)")),
        Claim("ours", "towers of one initialisation are better stitched than of two", ("alphas",),
              better(START, "another initialisation"), over="another start", scales=("live", "small")),
        Claim("ours", "aligning towers of two initialisations helps", ("alphas",),
              better("another, aligned", "another initialisation"), over="another start", scales=("live", "small")),
    ),
)  # fmt: skip
GROUPS = (ALPHAS,)
