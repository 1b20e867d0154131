"""Face embeddings with two labels: the data of the re-implementation's second experiment, or a stand-in for it."""

import os
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from xstitch_lib.data.faces.sources import BY_HAND, FILE, Arrays, read
from xstitch_lib.data.faces.synthetic import synthetic_faces
from xstitch_lib.data.tensors import TensorData

FOLDER = "vggface2_embeddings"


class FaceEmbeddings(TensorData):
    """Vectors that a face recognition network made of pictures, each with gender, age and person; no faces.

    Args:
        root: a folder with ``embeddings.npz``, as `xs.data.faces.prepare` makes it. None: ``vggface2_embeddings`` in
            the folder that the variable XSTITCH_DATA names; where that is not there, the stand-in of `synthetic`.

    Attributes:
        tensors: "embedding" (N, 128) float32 of length 1; "gender" (N,) int64, 0 female, 1 male; "age" (N,) int64, 1
            young; "person" (N,) int64; "picture" (N,) int64, 0…N/2-1. Each picture comes twice, in the second half as
            it is mirrored: cut by "person", or by "picture", never by sample.
        genders, ages: the names of the labels, which are the source's own: what somebody wrote into a file.
        source: where the vectors came from.

    Raises:
        FileNotFoundError: if ``root`` lacks the file; the message tells how to make it.
        ValueError: if it is damaged.

    >>> data = FaceEmbeddings.synthetic()
    >>> data
    FaceEmbeddings(4000 vectors of 2000 pictures, 100 people, a synthetic stand-in)
    >>> data.inputs, data.genders[data[0]["gender"]]
    (('embedding',), 'male')

    Source: VGGFace2 (Cao et al., 2018) by way of the second experiment of the TensorFlow re-implementation, MIT.
    """

    genders = ("female", "male")
    ages = ("not young", "young")

    def __init__(self, root: str | Path | None = None):
        path = _find(root)
        self._fill(*((synthetic_faces(), STAND_IN) if path is None else (read(path), str(path.parent))))

    @classmethod
    def synthetic(cls, seed: int = 0) -> Self:
        """The stand-in, `synthetic_faces`: for the lesson that a split by picture teaches, and for it alone."""
        made = cls.__new__(cls)
        made._fill(synthetic_faces(seed), STAND_IN)
        return made

    def _fill(self, arrays: Arrays, source: str) -> None:
        self.source = source
        labels = {"gender": ~arrays.female, "age": arrays.young, "person": arrays.person}
        twice = {name: torch.from_numpy(x).long().repeat(2) for name, x in labels.items()}
        embedding = torch.cat([torch.from_numpy(x).float() for x in (arrays.embedding, arrays.flipped)])
        picture = torch.arange(len(arrays.person)).repeat(2)
        super().__init__({"embedding": embedding, **twice, "picture": picture}, inputs=["embedding"])

    def __repr__(self) -> str:
        pictures, people = [len(self.tensors[name].unique()) for name in ("picture", "person")]
        return f"FaceEmbeddings({len(self)} vectors of {pictures} pictures, {people} people, {self.source})"

    def of(self, name: str, numbers: Tensor) -> Self:
        """The samples of some people or pictures.

        Args:
            name: "person" or "picture".
            numbers: theirs.
        """
        return self.take(torch.isin(self.tensors[name], numbers))


STAND_IN = "a synthetic stand-in"


def _find(root: str | Path | None) -> Path | None:
    if root is not None:
        path = Path(root).expanduser() / FILE
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} does not exist: xs.data.faces.download(folder) fetches two files; {BY_HAND}"
            )
        return path
    path = Path(os.environ.get("XSTITCH_DATA") or os.curdir, FOLDER, FILE)
    return path if os.environ.get("XSTITCH_DATA") and path.is_file() else None
