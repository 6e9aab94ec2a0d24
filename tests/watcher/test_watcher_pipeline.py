"""Pending media → the ledger, with a small real ensemble."""

import pytest
from small_pictures import NOON, picture
from sqlalchemy import delete, select

from db.models import Media, Observation, Prediction
from db.types import Decision
from ml.artifacts import ArtifactError, promote
from ml.runtime import open_ensemble
from ml.settings import ModelSettings
from watcher.data_folder import DataFolder
from watcher.pipeline import Pipeline

SETTINGS = ModelSettings(runtime="tensorflow", batch_size=4)


@pytest.fixture
def data(tmp_path, small_model):
    data = DataFolder(tmp_path / "data")
    promote(data.models, small_model(data.models))
    return data


@pytest.fixture
def pipeline(ledger, data, redlist):
    pipeline = Pipeline(ledger, data, redlist, SETTINGS)
    yield pipeline
    pipeline.close()


@pytest.fixture
def taken(inbox, take_all):
    """Six different pictures are in the ledger."""
    (inbox / "A").mkdir()
    for number in range(6):
        (inbox / f"A/{number}.jpg").write_bytes(picture(number, at=NOON))
    take_all()


def rows(ledger, model):
    with ledger.read() as session:
        return list(session.scalars(select(model).order_by(model.id)))


def run(pipeline, **options):
    return sum(pipeline.answer_pending(**options))


@pytest.mark.usefixtures("taken")
def test_every_pending_media_gets_one_whole_answer(ledger, data, pipeline):
    """Label, a vector a backbone, the stacked one, a Grad-CAM picture that is there, and an observation."""
    assert run(pipeline) == 6
    predictions, observations = rows(ledger, Prediction), rows(ledger, Observation)
    assert len(predictions) == len(observations) == 6
    for prediction in predictions:
        assert prediction.label in {"lion", "rhino"}
        assert set(prediction.probabilities) == {"small_a", "small_b"}
        for vector in (*prediction.probabilities.values(), prediction.stacked):
            assert sum(vector) == pytest.approx(1, abs=1e-5)
        assert (data.root / prediction.gradcam).stat().st_size > 0
    assert all(o.decision is Decision.ANSWERED and o.taxa and o.category for o in observations)
    assert [media.answered_by for media in rows(ledger, Media)] == [prediction.id for prediction in predictions]


@pytest.mark.usefixtures("taken")
def test_what_is_answered_is_not_asked_again(pipeline):
    """Pending is a query."""
    run(pipeline)
    assert run(pipeline) == 0


@pytest.mark.usefixtures("taken")
def test_an_answer_does_not_depend_on_its_batch(ledger, data, redlist, pipeline):
    """Neither on its mates nor on the batch's size."""
    run(pipeline)
    before = {p.media_id: (p.label, p.stacked) for p in rows(ledger, Prediction)}
    with ledger.write() as session:
        for media in session.scalars(select(Media)):
            media.answered_by = None
        session.execute(delete(Observation))
        session.flush()
        for prediction in session.scalars(select(Prediction)):
            session.delete(prediction)
    one_by_one = Pipeline(ledger, data, redlist, ModelSettings(runtime="tensorflow", batch_size=1))
    run(one_by_one)
    one_by_one.close()
    for prediction in rows(ledger, Prediction):
        label, stacked = before[prediction.media_id]
        assert prediction.label == label
        assert prediction.stacked == pytest.approx(stacked, abs=1e-5)


class Counting:
    """The real ensemble, which counts the pictures that it is asked for."""

    def __init__(self, *arguments):
        self._ensemble = open_ensemble(*arguments)
        self.asked = 0

    def __getattr__(self, name):
        return getattr(self._ensemble, name)

    def predict(self, pixels):
        self.asked += len(pixels)
        return self._ensemble.predict(pixels)


def test_a_picture_is_asked_once_however_far_its_twin_is(ledger, inbox, take_all, data, redlist):
    """In the same look at the ledger, in the next, while its answer is under way and after it."""
    (inbox / "A").mkdir()
    for number in range(100):
        twin = {63: 30, 80: 32, 90: 32, 99: 60}.get(number, number)
        (inbox / f"A/{number:03}.jpg").write_bytes(picture(twin, at=NOON, tag=str(number)))
    take_all()
    pipeline = Pipeline(ledger, data, redlist, SETTINGS, load=Counting)
    assert run(pipeline) == 100
    assert pipeline.ensemble.asked == 96
    pipeline.close()


def test_a_lost_kept_picture_does_not_hold_up_another_that_looks_the_same(ledger, inbox, take_all, data, pipeline):
    """Even where its file is gone, so that it cannot be made again."""
    (inbox / "A").mkdir()
    for number in range(3):
        (inbox / f"A/{number}.jpg").write_bytes(picture(1, at=NOON, tag=str(number)))
    take_all()
    (data.root / rows(ledger, Media)[0].kept).unlink()
    assert run(pipeline) == 2


def test_the_same_picture_is_asked_once(ledger, inbox, take_all, data, pipeline):
    """Other tags, other bytes, one inference: the answers are one."""
    (inbox / "A").mkdir()
    for number in range(3):
        (inbox / f"A/{number}.jpg").write_bytes(picture(1, at=NOON, tag=str(number)))
    take_all()
    assert run(pipeline) == 3
    assert len({p.gradcam for p in rows(ledger, Prediction)}) == 1
    assert len(list((data.root / "gradcam").rglob("*.jpg"))) == 1
    assert sum(o.counted for o in rows(ledger, Observation)) == 1


@pytest.mark.usefixtures("taken")
def test_a_promoted_model_answers_what_comes_next_and_old_pictures_only_if_asked(
    ledger, data, pipeline, small_model, inbox, take_all
):
    """An answer is never changed: the new one stands beside it and is the one that is shown."""
    run(pipeline)
    first = pipeline.version
    promote(data.models, second := small_model(data.models, seed=1))
    (inbox / "A/new.jpg").write_bytes(picture(7, at=NOON))
    take_all()
    assert run(pipeline) == 1
    assert pipeline.version == second
    assert run(pipeline, reanswer=True) == 6
    assert {o.classified_by for o in rows(ledger, Observation)} == {second}
    assert len(rows(ledger, Prediction)) == 13
    promote(data.models, first)
    products = sorted((data.root / "gradcam").rglob("*.jpg"))
    assert run(pipeline, reanswer=True) == 7
    assert len(rows(ledger, Prediction)) == 14
    assert len(set((data.root / "gradcam").rglob("*.jpg")) - set(products)) == 1


@pytest.mark.usefixtures("taken")
def test_a_kept_picture_that_is_gone_is_made_again_from_its_file(ledger, data, pipeline, take_all):
    """And the others are answered meanwhile."""
    lost, damaged = rows(ledger, Media)[2:4]
    (data.root / lost.kept).unlink()
    (data.root / damaged.kept).write_bytes((data.root / damaged.kept).read_bytes()[:200])
    assert run(pipeline) == 4
    take_all()
    assert run(pipeline) == 2


@pytest.mark.usefixtures("taken")
def test_a_broken_promotion_lets_the_loaded_model_go_on(data, pipeline, inbox, take_all, small_model):
    """A station does not fall silent because somebody copied a model badly."""
    run(pipeline)
    version = pipeline.version
    broken = small_model(data.models, seed=1)
    promote(data.models, broken)
    (data.models / broken / "heads.safetensors").unlink()
    (inbox / "A/new.jpg").write_bytes(picture(7, at=NOON))
    take_all()
    assert run(pipeline) == 1
    assert pipeline.version == version


@pytest.mark.usefixtures("taken")
def test_a_pointer_to_a_model_that_is_gone_lets_the_loaded_one_go_on(data, pipeline, inbox, take_all):
    """Every picture that waits is answered, in however many looks at the ledger."""
    run(pipeline)
    (data.models / "current").write_text("gone-2026-01-01-00000000\n")
    for number in range(70):
        (inbox / f"A/new{number}.jpg").write_bytes(picture(100 + number, at=NOON))
    take_all()
    assert run(pipeline) == 70


@pytest.mark.usefixtures("taken")
def test_a_changed_model_is_refused_and_nothing_is_lost(ledger, data, pipeline):
    """The pictures wait until a whole model is current."""
    heads = next(data.models.glob("small-*")) / "heads.safetensors"
    content = bytearray(heads.read_bytes())
    content[-1] ^= 1
    heads.write_bytes(content)
    with pytest.raises(ArtifactError, match="was changed since the model was trained"):
        run(pipeline)
    assert all(media.answered_by is None for media in rows(ledger, Media))
