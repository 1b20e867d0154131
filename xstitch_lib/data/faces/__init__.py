"""Faces with gender and age: embeddings of known people, and pictures of unknown ones."""

from xstitch_lib.data.faces.embeddings import FaceEmbeddings
from xstitch_lib.data.faces.sources import download, prepare
from xstitch_lib.data.faces.splits import by_person, by_picture
from xstitch_lib.data.faces.synthetic import synthetic_faces
from xstitch_lib.data.faces.utkface import UTKFace

__all__ = ["FaceEmbeddings", "UTKFace", "by_person", "by_picture", "download", "prepare", "synthetic_faces"]
