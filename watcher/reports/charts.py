"""The geometry of a report's charts: numbers become places in an SVG, and nothing is drawn here."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from db.queries.places import Place

MAP_WIDTH, MAP_HEIGHT, MARGIN = 420, 300, 30
CLOSE = 16  # dots nearer than this would cover each other
KILOMETRES = 111.32  # in a degree of latitude
LEAST_DEGREES = 0.02  # a map of one station shows its surroundings
STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 45, 60)  # degrees between two lines of a map


@dataclass(frozen=True, slots=True)
class Dot:
    """Stations at one place of the map; ``numbers`` are their places in the list of stations, from 1."""

    x: float
    y: float
    radius: float
    numbers: tuple[int, ...]
    rounded: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A parallel or a meridian."""

    at: float  # in the drawing
    degrees: float


@dataclass(frozen=True, slots=True)
class Map:
    """A map of stations: plate carrée, stretched so that distances are right at its middle latitude."""

    width: int
    height: int
    dots: tuple[Dot, ...]
    parallels: tuple[Line, ...]
    meridians: tuple[Line, ...]
    scale: float  # length of the bar in the drawing
    kilometres: float  # the same on the ground


def map_of(places: Sequence[Place], events: Sequence[int]) -> Map | None:
    """Draw the stations that have coordinates, each with a dot whose area goes with its ``events``.

    None where no station has any. Stations too close to each other to be told apart share a dot.
    """
    spots: defaultdict[tuple[float, float], list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        if place.latitude is not None and place.longitude is not None:
            spots[place.latitude, place.longitude].append(number)
    if not spots:
        return None
    middle, degrees_x, degrees_y = _frame(spots)
    narrow = max(0.05, math.cos(math.radians(middle[0])))  # a degree of longitude, in degrees of latitude
    unit = min((MAP_WIDTH - 2 * MARGIN) / (degrees_x * narrow), (MAP_HEIGHT - 2 * MARGIN) / degrees_y)

    def x(longitude: float) -> float:
        return round(MAP_WIDTH / 2 + (longitude - middle[1]) * narrow * unit, 1)

    def y(latitude: float) -> float:
        return round(MAP_HEIGHT / 2 - (latitude - middle[0]) * unit, 1)

    groups = _apart({(x(longitude), y(latitude)): numbers for (latitude, longitude), numbers in spots.items()})
    most = max((sum(events[n] for n in numbers) for numbers in groups.values()), default=0)
    dots = (
        Dot(
            x=across,
            y=down,
            radius=round(7 + 6 * math.sqrt(sum(events[n] for n in numbers) / most), 1) if most else 7.0,
            numbers=tuple(n + 1 for n in sorted(numbers)),
            rounded=any(places[n].rounded for n in numbers),
        )
        for (across, down), numbers in groups.items()
    )
    kilometres = _round_down(MAP_WIDTH / 4 / unit * KILOMETRES)
    half_x, half_y = MAP_WIDTH / 2 / (narrow * unit), MAP_HEIGHT / 2 / unit
    return Map(
        width=MAP_WIDTH,
        height=MAP_HEIGHT,
        dots=tuple(sorted(dots, key=lambda dot: -dot.radius)),  # the small ones on top
        parallels=tuple(Line(y(d), d) for d in _lines(middle[0] - half_y, middle[0] + half_y, limit=90)),
        meridians=tuple(Line(x(d), d) for d in _lines(middle[1] - half_x, middle[1] + half_x, limit=180)),
        scale=round(kilometres / KILOMETRES * unit, 1),
        kilometres=kilometres,
    )


def _apart(spots: dict[tuple[float, float], list[int]]) -> dict[tuple[float, float], list[int]]:
    """Put what would cover each other on one dot, at the first one's place."""
    groups: dict[tuple[float, float], list[int]] = {}
    for spot, numbers in sorted(spots.items(), key=lambda item: min(item[1])):
        near = next((other for other in groups if math.dist(spot, other) < CLOSE), None)
        groups.setdefault(near or spot, []).extend(numbers)
    return groups


def _frame(spots: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], float, float]:
    """Give the middle (latitude, longitude) and the width and height, in degrees."""
    latitudes, longitudes = zip(*spots, strict=True)
    (south, north), (west, east) = ((min(values), max(values)) for values in (latitudes, longitudes))
    middle = ((south + north) / 2, (west + east) / 2)
    return middle, max(LEAST_DEGREES, east - west), max(LEAST_DEGREES, north - south)


def _lines(low: float, high: float, *, limit: int) -> list[float]:
    step = next((step for step in STEPS if (high - low) / step <= 6), STEPS[-1])  # noqa: PLR2004  # lines at most
    first = math.ceil(low / step)
    return [round(n * step, 3) for n in range(first, math.floor(high / step) + 1) if abs(n * step) <= limit]


def _round_down(value: float) -> float:
    """Give the greatest of 1, 2 or 5 times a power of ten that is not greater."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1, 2, 5) if step * power <= value)


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising line in a drawing of ``width`` × ``height``, and the numbers at the ends of its axes."""

    width: int
    height: int
    points: str  # of an SVG polyline
    right: float
    top: int


def steps(rises: Sequence[tuple[float, int]], *, width: int = 320, height: int = 120) -> Curve:
    """Draw how often something rose: each of ``rises`` says where along the way, and to what."""
    right, top = max(rises[-1][0], 1e-9), max(rises[-1][1], 1)
    corners: list[tuple[float, float]] = []
    for along, up in rises:
        if corners:
            corners.append((along / right * width, corners[-1][1]))
        corners.append((along / right * width, height - up / top * height))
    return Curve(width, height, " ".join(f"{x:.1f},{y:.1f}" for x, y in corners), rises[-1][0], rises[-1][1])


def bars(values: Sequence[int], *, height: int = 40) -> tuple[float, ...]:
    """Give the heights of bars, the greatest as high as ``height``."""
    most = max(values, default=0)
    return tuple(round(value / most * height, 1) if most else 0.0 for value in values)
