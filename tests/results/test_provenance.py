import subprocess

import pytest
import torch

from xstitch_lib.data.tensors import fingerprint
from xstitch_lib.results import provenance


def test_data_that_differ_in_anything_have_another_fingerprint():
    data = {"image": torch.zeros(4, 2), "label": torch.zeros(4, dtype=torch.int64)}
    changed = [
        {**data, "image": data["image"].index_fill(0, torch.tensor([3]), 1e-7)},
        {**data, "image": data["image"].double()},
        {"picture": data["image"], "label": data["label"]},
        {**data, "image": torch.zeros(4, 1, 2)},
    ]
    prints = {fingerprint(tensors) for tensors in [data, *changed]}
    assert len(prints) == 5
    assert fingerprint(dict(reversed(data.items()))) in prints


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "__init__.py").write_text("1")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", "-C", tmp_path, *words], check=True)
    return tmp_path


def test_a_changed_library_is_not_passed_off_as_its_commit(repository):
    commit = provenance.commit.__wrapped__  # without its memory
    clean = commit(repository)
    assert len(clean) == 40
    (repository / "new.py").write_text("2")
    assert commit(repository) == clean + "+changes"


def test_outside_a_repository_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit(tmp_path) == "unknown"


def test_a_copy_installed_inside_another_repository_does_not_pass_for_its_commit(repository):
    copy = repository / "site-packages" / "xstitch_lib"
    copy.mkdir(parents=True)
    (copy / "__init__.py").write_text("1")
    assert provenance.commit(copy) == "unknown"
