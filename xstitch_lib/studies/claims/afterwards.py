"""Claims about what came after: later methods beside cross-stitch, and what other people's code changes in it.

The comparisons are those that the study named before its run, in its order.
"""

from xstitch_lib.results.measures import better
from xstitch_lib.studies.afterwards import AS_MTAN, ONE_TASK_ADAM, afterwards
from xstitch_lib.studies.claims.claim import CROSS, ONE, Claim, Group

# the first arm of a named comparison → the claim that it tests
TEXTS = {
    CROSS: "better than one network per task, beside later methods",
    "NDDR-CNN": "NDDR-CNN is better than cross-stitch",
    "sluice network": "the sluice network's unit is better than cross-stitch",
    "MTAN": "MTAN is better than cross-stitch",
    "cross-stitch, uncertainty weights": "uncertainty weights make cross-stitch better",
    "no rate of its own": "cross-stitch is better without the units' own rate",
    "and one matrix a layer": "and with one matrix per layer besides",
    "and ones at the start": "and with ones at the start besides",
    "and one row for all tasks": "and with one row for all tasks besides",
    AS_MTAN.name: "MTAN's cross-stitch, from the start and by Adam, is better than one network per task",
}


def _over(second: str) -> str:
    return {ONE: "one network per task", ONE_TASK_ADAM.name: "one network per task"}.get(second, second)


AFTERWARDS = Group(
    "afterwards",
    "Later methods, and other people's cross-stitch",
    "18_what_came_after",
    {"small": "rooms"},
    tuple(
        [
            Claim("ours", TEXTS[first], ("afterwards",), better(first, second), over=_over(second))
            for first, second in afterwards.primary
        ]
    ),
)
GROUPS = (AFTERWARDS,)
