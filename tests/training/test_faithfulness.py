import numpy as np
import pytest

from ml.artifacts import STARTER
from ml.images import kept_pixels
from ml.runtime import open_ensemble
from ml.settings import ModelSettings
from training.dataset import class_folders, examined
from training.judging.faithfulness import faithfulness, random_maps

SIZE = 40


def patterned_corner(pixels):
    """Two classes; the second's probability is how strong the pattern of the upper left quarter is."""
    quarter = pixels[:, : SIZE // 2, : SIZE // 2].astype(float)
    pattern = np.abs(np.diff(quarter, axis=2)).mean(axis=(1, 2, 3)) / 255
    return np.stack([1 - pattern, pattern], axis=1)


def test_the_map_that_shows_the_place_beats_the_one_that_shows_the_rest():
    """What the answer hangs on falls first when deleted in the map's order, and comes back first when inserted."""
    stripes = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    stripes[:, :, ::2] = 255
    true = np.zeros((1, 4, 4))
    true[0, :2, :2] = 1
    ours, others = (faithfulness(patterned_corner, stripes, maps, np.array([1])) for maps in (true, 1 - true))
    assert ours.deletion < others.deletion - 0.5
    assert ours.insertion > others.insertion + 0.5


def test_a_score_is_the_area_by_hand():
    """Of a picture that is all that matters: from 1 down to a grey of 127, in a straight line."""
    white = np.full((1, SIZE, SIZE, 3), 255, np.uint8)
    found = faithfulness(
        lambda pixels: pixels.mean(axis=(1, 2, 3))[:, None] / 255, white, np.arange(16).reshape(1, 4, 4), np.array([0])
    )
    assert found.deletion == pytest.approx([(1 + 127 / 255) / 2], abs=1e-3)
    assert found.insertion == pytest.approx([1])


def test_a_random_map_is_smooth_and_the_same_for_the_same_seed():
    """Neighbours resemble each other, as in a Grad-CAM; another seed is another map."""
    maps = np.zeros((30, 10, 10))
    drawn = random_maps(maps, seed=1)
    assert np.array_equal(drawn, random_maps(maps, seed=1))
    assert not np.array_equal(drawn, random_maps(maps, seed=2))
    assert np.corrcoef(drawn[:, 1:].ravel(), drawn[:, :-1].ravel())[0, 1] > 0.5


def test_grad_cam_beats_a_random_map_on_real_pictures(shared, starter_cache):
    """Of the starter model, on six held-out pictures, on average: better in deletion and in insertion."""
    ensemble = open_ensemble(STARTER, ModelSettings(), starter_cache)
    folders = class_folders(shared / "danger_of_extinction" / "Valid")
    paths = [min(folder.path.glob("*.jpg")) for folder in folders[::2]]
    kept = [each.kept for each in examined(paths, size=ensemble.model.card.picture_size)]
    pixels = np.stack([kept_pixels(each) for each in kept])
    answers = ensemble.predict(pixels)
    maps = np.stack([each.heatmap for each in answers])
    explained = np.array([ensemble.classes.index(each.label) for each in answers])

    def predict(seen):
        return np.stack([each.stacked for each in ensemble.predict(seen)])

    ours = faithfulness(predict, pixels, maps, explained)
    chance = faithfulness(predict, pixels, random_maps(maps, seed=3), explained)
    assert ours.deletion.mean() < chance.deletion.mean()
    assert ours.insertion.mean() > chance.insertion.mean()
