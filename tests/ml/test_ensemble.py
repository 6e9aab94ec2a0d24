"""A model is loaded to answer, or refused in words."""

import pytest

from ml.artifacts import ArtifactError
from ml.ensemble import Ensemble


def test_a_model_on_unknown_backbones_is_refused(tmp_path, saved):
    """A newer Trapline may know more of them: the message names the model and the backbone, and says what to do."""
    folder = saved(tmp_path)
    with pytest.raises(ArtifactError, match=rf"{folder.name}.*no backbone 'one'.*[Uu]pdate Trapline"):
        Ensemble.load(folder)
