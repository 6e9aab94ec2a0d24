"""How fast each runtime is on this machine."""

from ml.runtime import measure, openvino
from ml.settings import ModelSettings, Precision, Runtime


def test_each_way_to_run_the_model_has_a_speed(small_folder, small_cache):
    """The fastest is the first; what the settings name makes no difference to what is tried."""
    for settings in (ModelSettings(), ModelSettings(runtime="tensorflow", precision="float32", batch_size=2)):
        speeds = measure(small_folder, settings, small_cache, seconds=0.1)
        ways = [(speed.runtime, speed.precision) for speed in speeds]
        wanted = {(Runtime.TENSORFLOW, Precision.FLOAT32), (Runtime.OPENVINO, Precision.FLOAT32)}
        wanted |= {(Runtime.OPENVINO, Precision.BFLOAT16)} if openvino.has_bfloat16() else set()
        assert wanted <= set(ways)
        assert len(ways) == len(set(ways))
        rates = [speed.pictures_a_second for speed in speeds]
        assert rates == sorted(rates, reverse=True)
        assert rates[-1] > 0
        assert str(speeds[0]) == f"{speeds[0].runtime} in {speeds[0].precision} {rates[0]:.1f}"
