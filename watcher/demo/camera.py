"""The camera: what it takes, by day or by its infrared flash, of a place and of who walks there."""

import numpy as np
from numpy.random import Generator, default_rng
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

from watcher.demo.figures import FEET, FIGURES, draw_figure
from watcher.demo.scenery import HORIZON, Biome, backdrop

OTHER, OTHERS = "other", ("antelope", "boar", "stork")
FULL_SIZE = (1024, 768)


def draw_scene(
    label: str | None,
    *,
    rng: Generator,
    night: bool,
    biome: str,
    size: tuple[int, int] = FULL_SIZE,
    view: int | None = None,
    step: int = 0,
) -> Image.Image:
    """Draw a picture of a species, of ``other`` animals, or of nothing (``None``), RGB, by day or infrared night.

    ``view`` seeds what the camera looks at (else ``rng`` does), ``step`` counts the frames of a burst of one seed.
    """
    animal = rng.choice(OTHERS) if label == OTHER else label
    place, visit = (int(seed) for seed in rng.integers(2**32, size=2))
    back, front = backdrop(Biome(biome), place if view is None else view, size)
    scene = _fallen_night(back) if night else back.copy()
    if animal is not None:
        _place(scene, animal, default_rng(visit), step, night=night)
    scene.paste(front, (0, 0), front)
    return _exposed(scene, visit, step, night=night)


def stamp(picture: Image.Image, text: str) -> None:
    """Write the camera's info strip along the lower edge."""
    (width, height), strip, draw = picture.size, round(picture.height * 0.045), ImageDraw.Draw(picture)
    draw.rectangle((0, height - strip, width, height), fill="#0b0b0b")
    font = ImageFont.load_default(strip * 0.72)
    draw.text((width * 0.02, height - strip / 2), text, fill="#f2f2f2", font=font, anchor="lm")


def _fallen_night(scene: Image.Image) -> Image.Image:
    """Darken what the flash does not reach: the far and the high."""
    reach = np.interp(np.linspace(0, 1, scene.height), (0, HORIZON - 0.1, HORIZON + 0.2, 1), (0.14, 0.22, 0.55, 0.75))
    return Image.fromarray((np.asarray(scene) * reach[:, None, None]).astype(np.uint8))


def _place(scene: Image.Image, animal: str, rng: Generator, step: int, *, night: bool) -> None:
    """Put the animal and its shadow on the ground, ``step`` strides along its way."""
    near, way = rng.uniform(0.85, 1.15), rng.choice((-1, 1))
    unit = FIGURES[animal].height * near * scene.height
    x = (rng.uniform(0.4, 0.6) + 0.035 * way * step) * scene.width
    y = (0.52 + 0.29 * near + rng.uniform(-0.02, 0.02)) * scene.height
    shadow = Image.new("L", scene.size)
    ImageDraw.Draw(shadow).ellipse((x - unit * 0.75, y - unit * 0.1, x + unit * 0.75, y + unit * 0.07), 150)
    scene.paste("#16140c", mask=shadow.filter(ImageFilter.GaussianBlur(unit * 0.06)))
    sheet = draw_figure(animal, rng=rng, unit=unit, step=step, night=night)
    sheet = ImageOps.mirror(sheet) if way < 0 else sheet
    fur = sheet.convert("RGB").point(lambda value: value * 0.78 + 42) if night else sheet  # infrared lights dark fur
    scene.paste(fur, (round(x - sheet.width / 2), round(y - FEET * sheet.height)), sheet)


def _exposed(scene: Image.Image, visit: int, step: int, *, night: bool) -> Image.Image:
    """Give the picture as the sensor takes it: by night grey, bright in the middle and grainy, by day vignetted."""
    weather, grain = default_rng(visit), default_rng([visit, step])
    rows, columns = np.ogrid[-1 : 1 : scene.height * 1j, -1 : 1 : scene.width * 1j]
    edge, noise = rows**2 + columns**2, grain.standard_normal((scene.height, scene.width))
    if not night:
        tint = weather.uniform(0.9, 1.04) * weather.uniform(0.97, 1.03, 3)
        pixels = np.asarray(scene) * tint * (1.04 - 0.12 * edge)[..., None] + 2.5 * noise[..., None]
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    red, green, _ = scene.split()  # nothing but ``EYE_SHINE`` is as green and as little red
    eyes = ImageChops.subtract(green, red).point(lambda excess: 255 * (excess // 150))
    shine = ImageChops.lighter(eyes, eyes.filter(ImageFilter.GaussianBlur(scene.height / 100)))
    fur = np.asarray(scene) @ (0.52, 0.33, 0.15)  # it is brighter in infrared than in green
    pixels = fur * (1.18 - 0.42 * edge) + 9 + np.asarray(shine) + 5 * noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB")
