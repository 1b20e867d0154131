"""Claims about figure 6: classes, and tasks, with few labels."""

from xstitch_lib.results.classes import named_gain, rarer_gains_more, rarest_gain
from xstitch_lib.results.measures import better, gains_more, only
from xstitch_lib.studies.claims.claim import CROSS, ONE, SELF, Claim, Group

TABLE = ("table5",)
PARTNER = "a network of the same task"
FIGURE_6 = Group(
    "data-starved",
    "Figure 6: classes and tasks with few labels",
    "09_data_starved_categories",
    {"small": "rooms", "medium": "NYU-v2"},
    (
        Claim("6.3", "the ten rarest classes gain", TABLE, rarest_gain(CROSS, ONE), over="one network per task"),
        Claim("6.3", "the classes that it names gain, bag and whiteboard", TABLE,
              named_gain(CROSS, ONE, ("bag", "whiteboard")), over="one network per task", scales=("medium", "full")),
        Claim("6.3", "the rarer a class, the more it gains", TABLE, rarer_gains_more(CROSS, ONE)),
        Claim("ours", "the rarer, the more it gains, among classes that are predicted at all", TABLE,
              rarer_gains_more(CROSS, ONE, predicted=True)),
        Claim("ours", "the rarer, the more it gains or the less it loses over stitching two networks of the same task",
              TABLE, rarer_gains_more(CROSS, SELF)),
        Claim("ours", "the rarer, the more it gains over that, among classes that are predicted at all", TABLE,
              rarer_gains_more(CROSS, SELF, predicted=True)),
        Claim("ours", "the ten rarest gain more than from stitching two networks of the same task", TABLE,
              rarest_gain(CROSS, SELF), over=PARTNER),
        Claim("6.3", "a task with few labels gains", ("few_labels_tuned",), only("seg", better(CROSS, ONE)),
              over="one network per task"),
        Claim("ours", "and more than from stitching two networks of the same task", ("few_labels_tuned",),
              only("seg", better(CROSS, SELF)), over=PARTNER),
        Claim("6.3", "a task with few labels gains more than one with 600 and one with 2000 labelled pictures",
              ("few_labels_tuned", "table5", "more_pictures"), only("seg", gains_more((CROSS, ONE), (CROSS, ONE)))),
        Claim("ours", "with a quarter of the pictures, at the same rates and steps, each task gains more",
              ("fewer_pictures", "table5"), gains_more((CROSS, ONE), (CROSS, ONE))),
    ),
)  # fmt: skip
GROUPS = (FIGURE_6,)
