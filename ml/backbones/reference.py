"""The reference ensemble: VGG16, EfficientNetB0 and ResNet50V2 of Keras applications, without their classifiers."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.backbones.weights import WeightsDamaged, WeightsMissing

if TYPE_CHECKING:
    import keras

Graph = Any
"""A symbolic tensor of Keras, which has no types of its own."""


@dataclass(frozen=True, slots=True)
class Net:
    """One of the three: its name in ``keras.applications`` and the facts that Keras does not tell."""

    application: str
    explained: str
    features: int
    prepare: Callable[[Graph], Graph]
    file: str
    """The name under which Keras publishes the weights without classifier; origin and md5 are of its own table."""
    origin: str
    md5: str
    tops: tuple[str, ...]
    """The layers behind which its last block begins, and the one before that (of VGG16: the last convolutions)."""


def build(net: Net, size: int) -> "keras.Model":
    """Build the network for a ``size`` × ``size`` input, with preprocessing and pooling in one flat graph."""
    import keras

    inputs = keras.Input((size, size, 3), name="pixels")
    application = getattr(keras.applications, net.application)
    base = application(include_top=False, weights=None, input_tensor=net.prepare(inputs))
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled", dtype="float32")(base.output)
    return keras.Model(inputs, [base.get_layer(net.explained).output, pooled], name=net.application.lower())


def fill(net: Net, model: "keras.Model", weights_folder: Path | None) -> str:
    """Load the ImageNet weights from the configured folder, else from Keras' cache, else by Keras' own download."""
    path = weights_folder / net.file if weights_folder else None
    if path is None or not path.is_file():
        path = _from_keras(net, weights_folder)
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as exc:
        raise WeightsDamaged(
            f"{path} does not hold the weights of {net.application} without its classifier: fetch it again from "
            f"{net.origin}{net.file} ({exc})."
        ) from exc
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_keras(net: Net, weights_folder: Path | None) -> Path:
    """Find the file in Keras' cache or let Keras download it there; Keras checks its md5 either way."""
    import keras

    origin = net.origin + net.file
    try:
        return Path(keras.utils.get_file(net.file, origin, cache_subdir="models", file_hash=net.md5))
    except Exception as exc:  # Keras turns every network error into a bare Exception
        cache = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"
        places = f"{weights_folder} or {cache}" if weights_folder else f"{cache} or the configured weights folder"
        others = ", ".join(other.file for other in NETS.values() if other is not net)
        raise WeightsMissing(
            f"The ImageNet weights of {net.application} are not on this machine and could not be downloaded ({exc}): "
            f"put {net.file} (from {origin}) into {places}, and likewise the rest of the reference ensemble "
            f"({others}), or use the starter ensemble, whose weights are installed with Trapline."
        ) from exc


def _caffe(inputs: Graph) -> Graph:
    """BGR, less the mean colour of ImageNet (Simonyan & Zisserman 2014)."""
    import keras

    blue_green_red = keras.ops.flip(inputs, axis=-1)
    means = [103.939, 116.779, 123.68]
    return keras.layers.Rescaling(1.0, [-mean for mean in means], name="caffe", dtype="float32")(blue_green_red)


def _imagenet_colours(inputs: Graph) -> Graph:
    """What EfficientNetB0 needs before its own normalisation, which divides by the root of the deviation only.

    Keras adds the other root when it loads the weights by itself (keras.applications, EfficientNet) and not when a
    file is loaded later: so it is done here, around the mean that the network subtracts.
    """
    import keras

    means, deviations = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    scale = [deviation**-0.5 for deviation in deviations]
    offset = [255 * mean * (1 - factor) for mean, factor in zip(means, scale, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, name="imagenet_colours", dtype="float32")(inputs)


def _plus_minus_one(inputs: Graph) -> Graph:
    """−1..1, as ResNet V2 was trained."""
    import keras

    return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="plus_minus_one", dtype="float32")(inputs)


_STORE = "https://storage.googleapis.com/"
NETS = {
    "vgg16": Net(
        application="VGG16",
        explained="block5_conv3",
        features=512,
        prepare=_caffe,
        file="vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        origin=f"{_STORE}tensorflow/keras-applications/vgg16/",
        md5="6d6bbae143d832006294945121d1f1fc",
        tops=("block5_conv2", "block4_pool"),
    ),
    "efficientnet_b0": Net(
        application="EfficientNetB0",
        explained="top_activation",
        features=1280,
        prepare=_imagenet_colours,
        file="efficientnetb0_notop.h5",
        origin=f"{_STORE}keras-applications/",
        md5="50bc09e76180e00e4465e1a485ddc09d",
        tops=("block6d_add", "block6c_add"),
    ),
    "resnet50_v2": Net(
        application="ResNet50V2",
        explained="post_relu",
        features=2048,
        prepare=_plus_minus_one,
        file="resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        origin=f"{_STORE}tensorflow/keras-applications/resnet/",
        md5="fac2f116257151a9d068a22e544a4917",
        tops=("conv5_block2_out", "conv5_block1_out"),
    ),
}
