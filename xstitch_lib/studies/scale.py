"""How large a study is: everything that all of its arms have in common."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Data, network and budget of a study; the defaults are the small scale of the paper's first pair of tasks.

    Attributes:
        world: which data, tasks and towers, a key of `WORLDS`.
        train, validation, test: pictures; None, all there are. The validation ones draw the curves.
        table: the split that the table is measured on: "test", or "validation" while choices are made.
        stream: seed of the generated pictures.
        size: (height, width) of the pictures.
        labelled: share of the training pictures that keep their labels for the world's first task.
        stride: of the towers' scores; width: channels of conv1.
        loss_stride: the training loss looks at every n-th pixel in each direction; metrics look at all.
        steps, lr: of the first phase (one-task training, a constant rate) and of the second (what the arm makes of it;
            the rate falls to 0 along half a cosine).
        unit_lr_scale: the units' learning rate is this times ``lr``.
        precision: of the forward pass, as in `fit`; "bf16" only where the machine has it.
    """

    world: str = "rooms"
    train: int | None = 600
    validation: int | None = 100
    test: int | None = 1000
    table: str = "test"
    stream: int = 0
    size: tuple[int, int] = (48, 64)
    labelled: float = 1.0
    stride: int = 8
    width: int = 16
    loss_stride: int = 2
    steps: tuple[int, int] = (2000, 1000)
    lr: tuple[float, float] = (0.05, 0.02)
    unit_lr_scale: float = 10.0
    batch_size: int = 16
    optimizer: str = "sgd"
    weight_decay: float = 5e-4
    precision: str = "bf16"
    channels_last: bool = True
