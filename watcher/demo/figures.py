"""The figures: animals, trees and rocks, read from ``figures.txt`` (which says how) and painted in soft strokes."""

import re
from dataclasses import dataclass, replace
from importlib.resources import files

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter
from scipy.interpolate import CubicHermiteSpline

LEFT, TOP, WIDTH, HEIGHT = -0.65, -0.45, 2.85, 1.55  # of the sheet that a figure is painted on, in its units
FEET = (1 - TOP) / HEIGHT  # where on the sheet it stands
OVERSAMPLING = 2
COLOURS = {"ink": "#15110f", "eye": "#1a0f08", "iris": "#d9b23c"}
EYE_SHINE = "#00ffff"  # a key for the camera, which turns it into the glow of eyes in a flash
STRIDE = 0.12  # how far a foot swings
FUR = {"dots": 128, "coat": 255}  # the greys that map where a part of the skin has dots only, where the full coat
DENSE, LARGE = 0.066, 0.18  # the pitch of dots, and of rosettes that have a dot inside
TERM = re.compile(r"([+-]?[\d.]+)(s?)")


@dataclass(frozen=True, slots=True)
class Figure:
    """One entry of ``figures.txt``."""

    height: float
    looks: dict[str, str]
    layers: list[str]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A tapered line through ``knots``, two or more rows of x, y and radius in the figure's units."""

    knots: NDArray[np.float64]
    colour: str
    fur: int = 0
    hair: float = 0.0
    rim: bool = False


def draw_figure(name: str, *, rng: Generator, unit: float, step: int = 0, night: bool = False) -> Image.Image:
    """Draw a figure, ``step`` strides on, on a transparent RGBA sheet, where its unit is ``unit`` pixels."""
    figure, scale = FIGURES[name], unit * OVERSAMPLING
    colours = COLOURS | figure.looks | ({"eye": EYE_SHINE} if night else {})
    skin = Image.new("RGBA", (round(WIDTH * scale), round(HEIGHT * scale)))
    fur = Image.new("L", skin.size)
    for stroke in _strokes(figure, colours, float(np.sin(rng.uniform(0, 2 * np.pi) + 1.1 * step))):
        _paint(skin, fur, stroke, scale, rng)
    if "marks" in figure.looks:
        skin = _marked(skin, fur, figure.looks, rng)
    return _lit(skin, scale, rng).reduce(OVERSAMPLING)


def shade(colour: str, factor: float) -> str:
    """Give ``colour`` darker (``factor`` < 1) or lighter."""
    return "#" + "".join(f"{min(255, round(value * factor)):02x}" for value in ImageColor.getrgb(colour)[:3])


def _strokes(figure: Figure, colours: dict[str, str], swing: float) -> list[Stroke]:
    """Return the strokes in the order of painting: the far legs, then layer by layer."""
    far, near = [], []
    for look, points in (layer.split(":") for layer in figure.layers):
        (colour, _, factor), words = look.split()[0].partition("*"), look.split()[1:]
        tone, kind = shade(colours.get(colour, colour), float(factor or 1)), words[0] if words else ""
        if kind == "legs":
            far += [Stroke(leg, shade(tone, 0.68), FUR["dots"]) for leg in _legs(points, -swing, 0.05)]
            near += [Stroke(leg, tone, FUR["dots"]) for leg in _legs(points, swing)]
        elif kind in FIGURES:
            x, y, size = map(float, points.split())
            part = _strokes(FIGURES[kind], colours, swing)
            near += [replace(stroke, knots=stroke.knots * size + np.array((x, y, 0))) for stroke in part]
        else:
            hair = sum(float(word[1:]) for word in words if word[0] == "~")
            fur = sum(FUR.get(word, 0) for word in words)
            near += [Stroke(knots, tone, fur, hair, "rim" in words) for knots in _knots(points, swing)]
    return far + near


def _legs(points: str, swing: float, shift: float = 0) -> list[NDArray[np.float64]]:
    """Return the knots of a hind leg and a fore leg that step in opposite ways."""
    hind, fore, top, thick, foot, bend = map(float, points.split())
    legs = []
    for hip, knee, sway in ((hind, bend, -STRIDE * swing), (fore, -0.4 * bend, STRIDE * swing)):
        x = hip + shift + np.array((0, knee + 0.4 * sway, 0.8 * sway - 0.6 * knee, sway, sway + foot * 0.7))
        y = np.interp((0, 0.42, 0.78, 1, 1 + foot / 4), (0, 1), (top, 1 - foot))
        legs.append(np.stack((x, y, (thick, (thick + foot) / 2, foot * 1.05, foot, foot * 0.75)), axis=1))
    return legs


def _knots(points: str, swing: float) -> list[NDArray[np.float64]]:
    """Return the knots of each stroke of a layer."""

    def number(word: str) -> float:
        return sum(float(value) * (swing if swings else 1) for value, swings in TERM.findall(word))

    paths = [path.replace("±", sign) for path in points.split(";") for sign in ("-+" if "±" in path else "+")]
    rows = [[[number(word) for word in knot.split()] for knot in path.split(",")] for path in paths]
    return [np.array(knots if knots[1:] else knots * 2) for knots in rows]  # a dot is a stroke that stays


def _paint(skin: Image.Image, fur: Image.Image, stroke: Stroke, scale: float, rng: Generator) -> None:
    """Paint a stroke on the skin, with its rim and hair, and note its fur."""
    brush, mapper = ImageDraw.Draw(skin), ImageDraw.Draw(fur)
    knots, at = (stroke.knots - (LEFT, TOP, 0)) * scale, np.arange(len(stroke.knots))
    path = CubicHermiteSpline(at, knots, np.gradient(knots, axis=0))(np.linspace(0, at[-1], 14 * len(at)))
    edge = shade(stroke.colour, 0.62)
    for x, y, radius in path if stroke.rim else ():
        brush.circle((x, y), radius + 0.014 * scale, fill=edge)
    for x, y, radius in path:
        brush.circle((x, y), max(radius, 1), fill=stroke.colour)
        mapper.circle((x, y), radius, fill=stroke.fur)
    for x, y, radius in path[rng.integers(len(path), size=280)] if stroke.hair else ():
        angle, start = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0.2, 1)
        reach, root = stroke.hair * scale * rng.uniform(0.3, 1), np.array((x, y))
        way = np.array((np.cos(angle), np.sin(angle)))
        hair = (*root + way * start, *root + way * (start + reach * 0.7) + (0, reach * 0.3))  # it droops
        colour = shade(stroke.colour, rng.uniform(0.72, 1.18))
        brush.line(hair, fill=colour, width=max(1, round(stroke.hair * scale * 0.08)))


def _marked(skin: Image.Image, fur: Image.Image, looks: dict[str, str], rng: Generator) -> Image.Image:
    """Paint dots or rosettes on a jittered grid, and let them show where ``fur`` has them."""
    marked, part_at, scale, pitch = skin.copy(), np.asarray(fur), skin.width / WIDTH, float(looks["pitch"])
    brush = ImageDraw.Draw(marked)
    for part, step in (("coat", pitch * scale), ("dots", DENSE * scale)):
        y, x = np.mgrid[step : skin.height - step : step * 0.87, step : skin.width - step : step]
        x[::2] += step / 2
        for at in np.stack((x, y), axis=-1)[part_at[y.astype(int), x.astype(int)] == FUR[part]]:
            middle = at + rng.normal(0, step * 0.1, 2)
            if part == "dots" or "heart" not in looks:
                brush.circle(tuple(middle), step * rng.uniform(0.2, 0.3), fill=looks["marks"])
                continue
            brush.circle(tuple(middle), step * 0.27, fill=looks["heart"])
            for angle in np.arange(5) * 1.257 + rng.uniform(0, 6):
                spot = middle + step * 0.34 * np.array((np.cos(angle), np.sin(angle)))
                brush.circle(tuple(spot), step * rng.uniform(0.09, 0.14), fill=looks["marks"])
            if pitch > LARGE:
                brush.circle(tuple(middle), step * 0.07, fill=looks["marks"])
    return Image.composite(marked, skin, fur.point(lambda grey: 255 * bool(grey)))


def _lit(skin: Image.Image, scale: float, rng: Generator) -> Image.Image:
    """Light the figure from above: edges and belly darker, a fine grain in the fur."""
    alpha = skin.getchannel("A")
    soft = ImageChops.offset(alpha.filter(ImageFilter.GaussianBlur(0.07 * scale)), 0, -round(0.06 * scale))
    grain = 1 + 0.1 * rng.standard_normal((skin.height, skin.width), dtype=np.float32)
    light = grain * (0.48 + 0.6 / 255 * np.asarray(soft, dtype=np.float32))
    lit = Image.fromarray((np.asarray(skin.convert("RGB")) * light[..., None]).clip(0, 255).astype(np.uint8))
    lit.putalpha(alpha)
    return lit


def _read() -> dict[str, Figure]:
    figures = {}
    for entry in re.split(r"\n(?=\w)", files("watcher.demo").joinpath("figures.txt").read_text("utf-8"))[1:]:
        head, *lines = entry.splitlines()
        name, height, *looks = head.split()
        figures[name] = Figure(float(height), dict(look.split("=") for look in looks), "|".join(lines).split("|"))
    return figures


FIGURES = _read()
