"""How light a picture is, and whether it has no colour: what an infrared flash lit at night has none."""

from dataclasses import dataclass

import numpy as np

# Of Rec. 601, as JPEG has it.
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
# Nine pixels in ten differ between their channels by less than this share of the mean luminance. Of 437 pictures of
# camera traps, 167 of infrared flashes have 0 to 0.063 and all others, dull days in snow first, 0.127 and more. The
# tenth pixel is a maker's coloured banner.
_COLOURLESS = 0.09
_MOST = 90  # per cent of the pixels
# The darkest picture of an infrared flash has 0.10; below this nothing was lit, and what colour there is is noise.
_LIT = 0.04


@dataclass(frozen=True, slots=True)
class Light:
    """The mean luminance of a picture, from 0 to 1, and whether it is lit and has no colour to speak of."""

    brightness: float
    infrared: bool


def light(pixels: np.ndarray) -> Light:
    """Judge uint8 RGB ``pixels`` of shape (height, width, 3)."""
    brightness = float((pixels.reshape(-1, 3).mean(axis=0) @ _LUMINANCE) / 255)
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    colour = float(np.percentile(spread, _MOST)) / 255
    return Light(brightness, infrared=brightness >= _LIT and colour < _COLOURLESS * brightness)
