"""Claims about table 5: does stitching help segmentation and normals, and is it the other task that helps?"""

from xstitch_lib.results.measures import better
from xstitch_lib.studies.claims.claim import CROSS, ONE, SELF, Claim, Group, in_paper

TABLE = ("table5",)
FIVE = Group(
    "table 5",
    "Table 5: segmentation and surface normals",
    "08_segmentation_and_normals",
    {"small": "rooms", "medium": "NYU-v2"},
    (
        Claim("6.2", "better than one network per task", TABLE, better(CROSS, ONE), in_paper("table5", CROSS, ONE),
              "one network per task"),
        Claim("6.2", "better than two networks per task, averaged", TABLE, better(CROSS, "ensemble"),
              in_paper("table5", CROSS, "ensemble"), "an ensemble"),
        Claim("6.2", "better than the best split for both tasks together", TABLE, better(CROSS, "split-conv2"),
              in_paper("table5", CROSS, "split-conv4"), "a split", scales=("live", "small")),
        Claim("ours", "better than the split that was best on rooms", TABLE, better(CROSS, "split-conv2"),
              in_paper("table5", CROSS, "split-conv4"), "a split", scales=("medium", "full")),
        Claim("6.2", "better than MTL-shared", TABLE, better(CROSS, "mtl-shared"),
              in_paper("table5", CROSS, "mtl-shared"), "MTL-shared"),
        Claim("ours", "better than stitching two networks of the same task", TABLE, better(CROSS, SELF),
              over="a network of the same task"),
        Claim("ours", "better than units that may not mix", ("diagonal",), better(CROSS, "diagonal"),
              over="units that may not mix", scales=("live", "small")),
        Claim("ours", "units that may not mix are better than none", ("diagonal",), better("diagonal", ONE),
              over="one network per task", scales=("live", "small")),
        Claim("ours", "better than an ensemble of as many weights", TABLE, better(CROSS, "ensemble, equal weights"),
              over="an ensemble"),
        Claim("table 5", "two averaged networks are better than one", TABLE, better("ensemble", ONE),
              in_paper("table5", "ensemble", ONE), "one network per task"),
        Claim("table 5", "a split is better than one network per task", TABLE, better("split-conv2", ONE),
              in_paper("table5", "split-conv4", ONE), "one network per task"),
        Claim("table 5", "MTL-shared is better than one network per task", TABLE, better("mtl-shared", ONE),
              in_paper("table5", "mtl-shared", ONE), "one network per task"),
        Claim("ours", "two stitched networks of the same task are better than one", TABLE, better(SELF, ONE),
              over="one network per task"),
    ),
)  # fmt: skip
OWN_MAP = Group(
    "own map",
    "One more layer, a control of MTL-shared",
    "08b_the_papers_own_frames",
    {"medium": "NYU-v2"},
    (
        Claim("ours", "one more linear map for each task is better than none", ("latent_map",), better("own map", ONE),
              over="one network per task"),
        Claim("ours", "MTL-shared, where it is one for both, is better still", ("latent_map",),
              better("mtl-shared", "own map"), over="an own map"),
    ),
)  # fmt: skip
MORE_STEPS = Group(
    "longer",
    "Table 5 on NYU-v2 with more steps",
    "08b_the_papers_own_frames",
    {"brief": "NYU-v2, brief", "medium": "NYU-v2"},
    tuple([
        claim
        for scale, once, more in (("brief", 630, 1260), ("medium", 3600, 7200))
        for claim in (
            Claim("ours", f"{more:,} steps are better than {once:,} for one network per task", ("longer",),
                  better(f"one-task, {more} steps", f"one-task, {once} steps"), over="fewer steps",
                  scales=(scale,)),
            Claim("ours", f"after {more:,} steps better than one network per task", ("longer",),
                  better(f"cross-stitch, {more} steps", f"one-task, {more} steps"),
                  in_paper("table5", CROSS, ONE), "one network per task", scales=(scale,)),
        )
    ]),
)  # fmt: skip
GROUPS = (FIVE, OWN_MAP, MORE_STEPS)
