"""Which of several models answers, and how that changes."""

import shutil
import threading

import pytest

from ml.artifacts import STARTER, ArtifactError, answering, current, listed, load, promote, rollback


def test_the_starter_answers_until_another_is_promoted(tmp_path, saved):
    """Without a pointer the shipped model is current; after a promotion it is the promoted one."""
    assert current(tmp_path / "not there yet") == STARTER
    folder = saved(tmp_path)
    assert current(tmp_path) == STARTER
    promote(tmp_path, folder.name)
    assert current(tmp_path) == folder


def test_rollback_goes_back_step_by_step(tmp_path, saved):
    """Each rollback returns to the model before, in the end to the starter, and then says that there is nothing."""
    first, second = saved(tmp_path, seed=1), saved(tmp_path, seed=2)
    promote(tmp_path, first.name)
    promote(tmp_path, second.name)
    assert rollback(tmp_path) == first == current(tmp_path)
    assert rollback(tmp_path) == STARTER == current(tmp_path)
    with pytest.raises(ArtifactError, match="nothing was promoted"):
        rollback(tmp_path)


def test_promoting_again_does_not_repeat_in_the_history(tmp_path, saved):
    """A model promoted twice is not its own predecessor."""
    first, second = saved(tmp_path, seed=1), saved(tmp_path, seed=2)
    for folder in (first, second, second, first):
        promote(tmp_path, folder.name)
    assert rollback(tmp_path) == second
    assert rollback(tmp_path) == STARTER


@pytest.mark.parametrize("version", ["nowhere", "", ".", "..", "../outside", "/etc"])
def test_only_a_model_of_the_store_is_promoted(tmp_path, saved, version):
    """A name that is no folder of the store is refused, and the pointer stays."""
    models = tmp_path / "models"
    folder = saved(models)
    saved(tmp_path).rename(tmp_path / "outside")
    promote(models, folder.name)
    with pytest.raises(ArtifactError):
        promote(models, version)
    assert current(models) == folder


def test_a_broken_model_is_not_promoted(tmp_path, saved):
    """Promotion verifies first; the list says what is wrong."""
    good, broken = saved(tmp_path, seed=1), saved(tmp_path, seed=2)
    promote(tmp_path, good.name)
    (broken / "heads.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"heads\.safetensors"):
        promote(tmp_path, broken.name)
    assert current(tmp_path) == good
    problems = {each.version: each.problem for each in listed(tmp_path)}
    assert problems[good.name] is None
    assert "heads.safetensors" in problems[broken.name]
    assert [each.version for each in listed(tmp_path) if each.is_current] == [good.name]


def test_a_reader_sees_one_model_or_the_other(tmp_path, saved):
    """While models are promoted in turn, whoever asks gets a whole version each time, never a part of one."""
    folders = [saved(tmp_path, seed=seed) for seed in (1, 2)]
    promote(tmp_path, folders[0].name)
    done = threading.Event()

    def switch():
        for _ in range(25):
            for folder in folders:
                promote(tmp_path, folder.name)
        done.set()

    writer = threading.Thread(target=switch)
    writer.start()
    seen = {current(tmp_path)}
    while not done.is_set():
        seen.add(current(tmp_path))
    writer.join()
    assert seen <= set(folders)


def test_rollback_passes_over_what_cannot_answer(tmp_path, saved):
    """Of the earlier models one is gone and one is broken: the newest whole one answers."""
    whole, broken, gone, newest = (saved(tmp_path, seed=seed) for seed in range(4))
    for folder in (whole, broken, gone, newest):
        promote(tmp_path, folder.name)
    shutil.rmtree(gone)
    (broken / "heads.safetensors").write_bytes(b"")
    assert rollback(tmp_path) == whole == current(tmp_path)
    assert rollback(tmp_path) == STARTER


@pytest.mark.parametrize("pointer", [b"gone-2026-01-01-00000000", b"../gone", b"\xff\xfe\x00"])
def test_a_broken_pointer_is_listed_and_mended(tmp_path, saved, pointer):
    """The list names what answers and is not there, beside what is; to roll back or to promote mends it."""
    folder = saved(tmp_path)
    for mend in (lambda: rollback(tmp_path), lambda: promote(tmp_path, folder.name)):
        (tmp_path / "current").write_bytes(pointer)
        with pytest.raises(ArtifactError, match="rollback"):
            current(tmp_path)
        (wrong,) = (each for each in listed(tmp_path) if each.is_current)
        assert wrong == answering(tmp_path)
        assert "there is no model" in wrong.problem
        assert {each.folder for each in listed(tmp_path) if not each.problem} == {STARTER, folder}
        mend()
        assert answering(tmp_path).problem is None


def test_the_starter_is_promoted_as_it_is_listed(tmp_path, saved):
    """It answers again by its own version, and the model before it comes back with a rollback."""
    folder = saved(tmp_path)
    promote(tmp_path, folder.name)
    promote(tmp_path, load(STARTER).version)
    assert current(tmp_path) == STARTER
    assert [each.folder for each in listed(tmp_path) if each.is_current] == [STARTER]
    assert rollback(tmp_path) == folder
