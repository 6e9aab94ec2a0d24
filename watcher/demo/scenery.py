"""The scenery: what a camera looks at when no animal is there."""

from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import ArrayLike
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageOps

from watcher.demo.figures import FEET, FIGURES, OVERSAMPLING, draw_figure, shade

HORIZON, WIDE = 0.5, 4 / 3  # in heights of the picture, as all measures here

Biome = StrEnum("Biome", "SAVANNA RAINFOREST BAMBOO TAIGA WETLAND TUNDRA")  # the kinds of country
# The colours of sky and ground, each from its upper to its lower edge; those of the grass, and how many blades.
LANDS = {
    Biome.SAVANNA: ("#86aed0 #f1e4c4 #cdb06a #94743a", "#c8a650 #a8853a #e0c878", 1500),
    Biome.RAINFOREST: ("#23401f #5f8a4d #4a5a31 #4b3b25", "#3f7a36 #2f5a2c #6b5a34", 700),
    Biome.BAMBOO: ("#c5d8a4 #a9c486 #7d8d4e #69633a", "#86a44e #5f8038 #a8985a", 900),
    Biome.TAIGA: ("#b9c6d2 #dfe3e4 #dcdfe0 #c3c6c6", "#8a7a58 #a8925e #6f5a3f", 500),
    Biome.WETLAND: ("#7fb4dc #dceaf0 #88a34f #5f7a32", "#7fa040 #567d2c #a6b85a", 1700),
    Biome.TUNDRA: ("#8fb0d0 #e3ebf2 #cfdae4 #aebfce", "#9a8a62 #7d7354", 260),
}


@lru_cache(maxsize=8)
def backdrop(biome: Biome, view: int, size: tuple[int, int]) -> tuple[Image.Image, Image.Image]:
    """Draw a camera's view: the RGB scene, and the RGBA grass before the animal. Not to be written to: it is kept."""
    (colours, grass, blades), rng = LANDS[biome], default_rng(view)
    large = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
    far, front = _gradient(large, colours), Image.new("RGBA", large)
    _grow(far, rng, biome)
    scene = far.filter(ImageFilter.GaussianBlur(large[1] / 400))
    _grass(scene, rng, grass, blades, (HORIZON + 0.02, 0.95))
    _grass(front, rng, grass, blades // 4, (0.93, 1.05))
    return _mottled(scene.reduce(OVERSAMPLING), rng), front.reduce(OVERSAMPLING)


def _gradient(size: tuple[int, int], colours: str) -> Image.Image:
    """Paint the sky and the ground."""
    rows, at = np.linspace(0, 1, size[1]), (0, HORIZON - 1e-3, HORIZON, 1)
    bands = np.transpose([ImageColor.getrgb(colour)[:3] for colour in colours.split()])
    column = np.stack([np.interp(rows, at, band) for band in bands], axis=1)
    return Image.fromarray(np.repeat(column[:, None], size[0], axis=1).astype(np.uint8))


def _grow(on: Image.Image, rng: Generator, biome: Biome) -> None:
    """Paint what stands in a biome, from far to near."""
    match biome:
        case Biome.SAVANNA:
            _hills(on, rng, "#9aa5a3", 0.07)
            _stand(on, rng, "acacia", 6)
        case Biome.RAINFOREST:
            _leaves(on, rng, "#2f5a2c #3f7a36 #24481f #5a9345", 900, 0.55)
            _trunks(on, rng, "#54452f", 15, 0.024)
            _leaves(on, rng, "#2f5a2c #3f7a36 #5a9345", 90, 0.16)
        case Biome.BAMBOO:
            _leaves(on, rng, "#9dbb6c #86a85a #b4cc84", 350, 0.5)
            _trunks(on, rng, "#8aa852", 34, 0.01, marks="#5f7d38")
            _leaves(on, rng, "#6f9a3f #8ab352", 90, 0.25)
        case Biome.TAIGA:
            _hills(on, rng, "#8c97a0", 0.12)
            _trunks(on, rng, "#7d756c", 22, 0.012)
            _trunks(on, rng, "#c9c4bb", 7, 0.022, marks="#4a4540")
        case Biome.WETLAND:
            _hills(on, rng, "#5f7f4d", 0.06)
            _stand(on, rng, "palm", 8)
            _stand(on, rng, "pool", 4, 0.07)
        case Biome.TUNDRA:
            _hills(on, rng, "#b6c6d6", 0.16)
            _hills(on, rng, "#dbe5ee", 0.08)
            _stand(on, rng, "rock", 12, 0.25)


def _hills(on: Image.Image, rng: Generator, colour: str, rise: float) -> None:
    """Paint a ridge that stands some ``rise`` above the horizon."""
    x = np.linspace(0, WIDE, 80)
    waves = [rng.uniform(0.2, 1) / k * np.sin(k * 3 * x + rng.uniform(0, 6)) for k in (1, 2, 5)]
    ridge = np.stack((x, HORIZON - rise * (0.6 + 0.4 * np.sum(waves, axis=0))), axis=1)
    _fill(on, [*ridge, (WIDE, HORIZON), (0, HORIZON)], colour)


def _stand(on: Image.Image, rng: Generator, name: str, count: int, depth: float = 0) -> None:
    """Set figures on the horizon and up to ``depth`` before it, the nearer the larger."""
    sheet = draw_figure(name, rng=rng, unit=on.height * 0.15)
    sheet = sheet.crop((0, 0, sheet.width, round(FEET * sheet.height)))
    for y in np.sort(HORIZON + 0.01 + rng.uniform(0, depth, count)):
        size = FIGURES[name].height / 0.15 * (0.3 + 5 * (y - HORIZON)) * rng.uniform(0.5, 1.3)
        one = ImageOps.scale(ImageOps.mirror(sheet) if rng.integers(2) else sheet, size)
        x = rng.uniform(0, on.width) - one.width / 2
        on.paste(one, (round(x), round(y * on.height) - one.height), one)


def _leaves(on: Image.Image, rng: Generator, colours: str, count: int, low: float) -> None:
    """Paint leaves from the top of the picture down to ``low``, darker ones first."""
    for age in np.linspace(0.55, 1.1, count):
        long, angle = rng.uniform(0.02, 0.05), rng.uniform(0, np.pi)
        along = long * np.array((np.cos(angle), np.sin(angle)))
        across = along[::-1] * (-0.3, 0.3)
        leaf = np.array((-along, across, along, -across)) + rng.uniform((0, -0.05), (WIDE, low))
        _fill(on, leaf, shade(rng.choice(colours.split()), age))


def _trunks(on: Image.Image, rng: Generator, colour: str, count: int, girth: float, *, marks: str = "") -> None:
    """Paint stems from the ground to beyond the upper edge, with rings or ``marks`` of that colour."""
    for y in np.sort(rng.uniform(HORIZON, HORIZON + 0.16, count)):
        x, half = rng.uniform(0, WIDE), girth * (0.3 + 5 * (y - HORIZON)) * rng.uniform(0.6, 1.2)
        tone, top = rng.uniform(0.7, 1.15), x + rng.normal(0, 0.03)
        for left, right, light in ((-1, 1, 1), (-0.8, -0.4, 1.25)):  # the stem, then its lit side
            foot, crown = ((x + right * half * 1.3, y), (x + left * half * 1.3, y)), (top + left * half, 0)
            _fill(on, (*foot, crown, (top + right * half, 0)), shade(colour, tone * light))
        for mark in np.arange(rng.uniform(0, 0.1), y, 0.08) if marks else ():
            at, wide, low = x + (top - x) * (1 - mark / y), half * rng.uniform(0.5, 1.3), mark + half / 4
            _fill(on, ((at - wide, mark), (at + wide, mark), (at + wide, low), (at - wide, low)), marks)


def _grass(on: Image.Image, rng: Generator, colours: str, count: int, rows: tuple[float, float]) -> None:
    """Paint blades between two rows, the nearer the larger."""
    for y in np.sort(rng.uniform(*rows, count)):
        x, tall = rng.uniform(0, WIDE), 0.13 * (y - HORIZON + 0.06) * rng.uniform(0.5, 1.5)
        blade = ((x - tall * 0.06, y), (x + tall * 0.06, y), (x + rng.normal(0, 0.35) * tall, y - tall))
        _fill(on, blade, shade(rng.choice(colours.split()), rng.uniform(0.8, 1.15)))


def _fill(on: Image.Image, outline: ArrayLike, colour: str) -> None:
    """Fill the polygon through the points (x, y)."""
    ImageDraw.Draw(on).polygon((np.asarray(outline) * on.height).ravel().tolist(), fill=colour)


def _mottled(scene: Image.Image, rng: Generator) -> Image.Image:
    """Lay soft patches of light and shade over the scene."""
    light = np.ones((scene.height, scene.width))
    for cells, depth in ((5, 0.05), (16, 0.03), (70, 0.025)):
        patches = Image.fromarray(rng.standard_normal((cells, cells * 4 // 3), dtype=np.float32))
        light += depth * np.asarray(patches.resize(scene.size, Image.Resampling.BICUBIC))
    return Image.fromarray((np.asarray(scene) * light[..., None]).clip(0, 255).astype(np.uint8))
