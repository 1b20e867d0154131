"""How large a study is: everything that all of its arms have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from xstitch_lib.results.identity import call

if TYPE_CHECKING:
    from xstitch_lib.studies.worlds.world import World


@dataclass(frozen=True, kw_only=True)
class Scale(ABC):
    """What the scales of all worlds have; each world adds its own, and `make` (`RoomsScale`, `FashionScale`, …).

    Attributes:
        world: which data, tasks and towers: what records call a subclass.
        seeds: those of a record, fixed before the run.
        arms: names of the study's arms that are run at this scale; None, all.
        train, validation, test: pictures; None, all there are. The validation ones draw the curves.
        table: the split that the table is measured on: "test", or "validation" while choices are made.
        width: of the towers; what it counts is the world's to say, channels of conv1 unless told otherwise.
        steps, lr: of the first phase (one-task training, a constant rate; none with 0 steps) and of the second (what
            the arm makes of it).
        schedule: of the second phase: "cosine", the rate falls to 0 along half a cosine, or "constant".
        warmup: the first steps of all, in which the rate rises from 0.
        snapshots: how often alphas and validation metrics are looked at in the second phase, step 0 included.
        unit_lr_scale: the units' learning rate is this times ``lr``.
        precision: of the forward pass, as in `fit`; "bf16" only where the machine has it.
    """

    world: str
    seeds: tuple[int, ...] = tuple(range(8))
    arms: tuple[str, ...] | None = None
    train: int | None = None
    validation: int | None = None
    test: int | None = None
    table: str = "test"
    width: int
    steps: tuple[int, int]
    lr: tuple[float, float]
    schedule: str = "cosine"
    snapshots: int = 11
    unit_lr_scale: float
    batch_size: int
    optimizer: str
    weight_decay: float
    warmup: int = 0
    precision: str = "bf16"
    channels_last: bool = True

    known: ClassVar[dict[str, type["Scale"]]] = {}

    def __init_subclass__(cls):
        call(Scale.known, cls.world, cls)

    @abstractmethod
    def make(self) -> "World":
        """The data, tasks and towers of this scale; `worlds.load` keeps them for the next cell."""

    def draws(self) -> Sequence[Mapping[str, Any]]:
        """What one cell trains: a run for each of these changes of the scale; here one, of the scale as it is.

        A world whose samples can be cut in several ways names the cuts, each with a `World.draw` of its own. They are
        no seeds: a cell has their means, and each one's results beside (`xstitch_lib.studies.draws`).
        """
        return [{}]
