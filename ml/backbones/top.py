"""The top of a backbone, which fine-tuning changes: split off, copied, written beside a model and put back.

Batch normalisation is no part of what changes: it stays in inference mode, its statistics and scales as they were.
"""

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


class TopMismatch(ValueError):  # noqa: N818  # reads as what happened
    """A file that does not hold the top of this backbone; the message names both."""


def split(model: "keras.Model", cut: str) -> tuple["keras.Model", "keras.Model"]:
    """Split a loaded backbone behind the layer ``cut`` into below (pixels → map) and top (that map → [map, pooled]).

    Both share their layers with ``model``: what is done to them is done to it.
    """
    import keras

    between = model.get_layer(cut).output
    return keras.Model(model.inputs, [between]), keras.Model(between, model.outputs, name="top")


def layers(model: "keras.Model", cut: str) -> set[str]:
    """Return the names of the layers behind ``cut`` that fine-tuning may change."""
    return {layer.name for layer in split(model, cut)[1].layers if layer.weights and not _is_fixed(layer)}


def copied(top: "keras.Model", dtype: str) -> "keras.Model":
    """Copy ``top``, weights and all; ``dtype`` is that of its layers (or a policy), save batch normalisation."""
    import keras

    def again(layer: Any) -> Any:
        changed = {} if _is_fixed(layer) else {"dtype": dtype}
        return type(layer).from_config(layer.get_config() | changed)

    # Names and an optimizer, of which a clone has some, would be written with the weights: let there be none by chance.
    below = keras.Input(top.input_shape[1:], name="below")
    cloned = keras.models.clone_model(top, input_tensors=below, clone_function=again)
    copy = keras.Model(below, cloned.outputs, name=top.name)
    copy.set_weights(top.get_weights())
    return copy


def packed(top: "keras.Model") -> bytes:
    """Return the weights of ``top`` as a ``.weights.h5`` file, half as large as they are: what changed is in float16.

    ``top`` itself is rounded to what the file holds, so that it answers as the model that is loaded will.
    """
    small = copied(top, "float16")
    top.set_weights(small.get_weights())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "top.weights.h5"
        small.save_weights(path)
        return path.read_bytes()


def put_back(model: "keras.Model", cut: str, path: Path) -> None:
    """Load into the backbone ``model``, behind ``cut``, the top that ``packed`` wrote; raises ``TopMismatch``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # all that Keras has to say of layers that it does not find
            split(model, cut)[1].load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as exc:
        raise TopMismatch(f"{path} does not hold the layers of {model.name} behind {cut}: {exc}") from exc


def _is_fixed(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.layers.BatchNormalization)
