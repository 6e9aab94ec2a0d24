"""Bursts as camera traps shoot them, drawn from a seed; what cameras and software write; what the rules see of it."""

import io
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import chain

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ml.images import CaptureStatus, Facts, examine, reexport_links, same_picture_links

WIDTH, HEIGHT = 320, 240
NOW = datetime(2026, 11, 24, tzinfo=UTC)
EXIF_IFD, TAKEN, MAKE, MODEL, SERIAL = 0x8769, 0x9003, 0x010F, 0x0110, 0xA431
DESCRIPTION, ORIENTATION = 0x010E, 0x0112


class Writer(Enum):
    """How a camera writes JPEG."""

    LIBJPEG = "as software does, in one quality"
    FIRMWARE = "both tables in one segment, always the same"
    RATE_CONTROL = "both tables in one segment, set anew for each frame"


@dataclass(frozen=True, slots=True)
class Camera:
    """What stands in its files besides the picture."""

    writer: Writer = Writer.LIBJPEG
    quality: int = 90
    make: str = "Reconyx"
    model: str = "HC500"
    serial: str | None = "H500-1"


def burst(seed, count, *, night=False, animal=0.0):
    """Draw the frames of a burst, RGB; an animal of this length (of the picture's width) walks through, if any."""
    rng = np.random.default_rng(seed)
    soft, grass, colours = _pink(rng, 1.4), _pink(rng, 0.8, upright=3), _pink(rng, 1.6)
    rows, columns = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    horizon, angle = rng.uniform(0.15, 0.5), rng.uniform(0, 2 * np.pi)
    near = np.clip((rows - horizon) / (1 - horizon), 0, 1)
    light = 0.45 + rng.uniform(0.05, 0.3) * (columns * np.cos(angle) + rows * np.sin(angle) - 0.3)
    land = light + rng.uniform(0.05, 0.12) * soft + rng.uniform(0.1, 0.25) * (rows < horizon) - 0.06 * near
    for _ in range(rng.integers(0, 5)):
        trunk = np.abs(columns - rng.uniform(0, 1)) < rng.uniform(0.005, 0.04)
        land[trunk & (rows < rng.uniform(horizon, 1))] -= rng.uniform(0.1, 0.3)
    walk = _Walk(rng, animal, near=horizon)
    frames = []
    for number in range(count):
        swayed = land + 0.09 * near * np.roll(grass, int(rng.integers(-1, 2)), axis=1)
        frames.append(_developed(rng, walk.over(swayed, number), colours, night=night))
    return frames


def shot(frame, camera=Camera(), *, at, number=0):
    """Give the bytes that a camera writes for a frame; ``at`` is what its clock says, ``number`` counts the frames."""
    tags = Image.Exif()
    tags[MAKE], tags[MODEL] = camera.make, camera.model
    inner = tags.get_ifd(EXIF_IFD)
    inner[TAKEN] = at.strftime("%Y:%m:%d %H:%M:%S")
    if camera.serial:
        inner[SERIAL] = camera.serial
    own = camera.quality - 3 * (number % 4) if camera.writer is Writer.RATE_CONTROL else camera.quality
    jpeg = _saved(frame, quality=own, exif=tags)
    return jpeg if camera.writer is Writer.LIBJPEG else _packed(jpeg)


def reexported(jpeg, *, quality=75, share=1.0):
    """What a gallery program or a messenger that keeps EXIF makes of a file."""
    with Image.open(io.BytesIO(jpeg)) as image:
        size = (round(image.width * share), round(image.height * share))
        return _saved(image.resize(size, Image.Resampling.LANCZOS), quality=quality, exif=image.getexif())


def retagged(jpeg, text, *, at=None, orientation=None):
    """What tagging software makes of a file: a comment, XMP and new EXIF around the same picture."""
    with Image.open(io.BytesIO(jpeg)) as image:
        tags = image.getexif()
        tags[DESCRIPTION] = text
        if at is not None:
            tags.get_ifd(EXIF_IFD)[TAKEN] = at.strftime("%Y:%m:%d %H:%M:%S")
        if orientation is not None:
            tags[ORIENTATION] = orientation
    body = jpeg[2:]
    while body[1] == 0xFE or 0xE0 <= body[1] <= 0xEF:  # comments and APPn
        body = body[2 + int.from_bytes(body[2:4]) :]
    xmp = f"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><dc:subject>{text}</dc:subject></x:xmpmeta>".encode()
    added = _segment(0xE1, tags.tobytes()) + _segment(0xE1, xmp) + _segment(0xFE, text.encode())
    return jpeg[:2] + added + body


def facts(jpeg, deployment=1):
    """Give what the duplicate rules look at."""
    picture = examine(jpeg, size=16, now=NOW).picture
    seen = ("sha256", "picture_hash", "orientation", "phash", "flat", "width", "height", "encoding")
    sure = picture.captured.status is CaptureStatus.OK
    return Facts(
        **{name: getattr(picture, name) for name in seen},
        captured_at=picture.captured.at if sure else None,
        deployment=deployment,
    )


def links_among(seen):
    """Apply the rules to the groups that the ledger makes of contents: by picture, by deployment and second."""
    contents = {one.sha256: one for one in reversed(seen)}.values()
    seconds = defaultdict(list)
    for one in contents:
        if one.captured_at is not None:
            seconds[one.deployment, one.captured_at.replace(microsecond=0)].append(one)
    return [*same_picture_links(contents), *chain.from_iterable(map(reexport_links, seconds.values()))]


class _Walk:
    """An animal's way through a burst: a body, a head, four legs and a coat."""

    def __init__(self, rng, length, *, near):
        self.length = length * WIDTH
        self.start = rng.uniform((0.05, near), (0.75, 0.85)) * (WIDTH, HEIGHT)
        self.step = rng.uniform((-0.5, -0.08), (0.5, 0.08)) * max(self.length, 12)
        self.shade = rng.choice([rng.uniform(0.05, 0.25), rng.uniform(0.6, 0.9)])
        self.coat = _pink(rng, 0.7)

    def over(self, land, number):
        if not self.length:
            return land
        (x, y), size = self.start + number * self.step, self.length
        mask = Image.new("L", (WIDTH, HEIGHT))
        draw = ImageDraw.Draw(mask)
        draw.ellipse((x, y - size * 0.4, x + size * 0.8, y), fill=255)
        draw.ellipse((x + size * 0.7, y - size * 0.5, x + size, y - size * 0.2), fill=255)
        for part in (0.1, 0.25, 0.55, 0.7):
            swing = size * 0.06 * (-1) ** number
            draw.line((x + size * part, y - size * 0.1, x + size * part + swing, y + size * 0.3), 255, round(size / 14))
        cover = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.7))) / 255
        return land * (1 - cover) + cover * (self.shade + 0.05 * self.coat)


def _pink(rng, slope, *, upright=1):
    """Noise whose amplitude falls with frequency, mean 0, deviation 1; ``upright`` stretches it like grass."""
    up, across = np.fft.fftfreq(HEIGHT)[:, None] * upright, np.fft.rfftfreq(WIDTH)[None]
    spectrum = np.fft.rfft2(rng.normal(size=(HEIGHT, WIDTH))) / np.maximum(np.hypot(up, across), 1 / WIDTH) ** slope
    spectrum[0, 0] = 0
    noise = np.fft.irfft2(spectrum, (HEIGHT, WIDTH))
    return noise / noise.std()


def _developed(rng, light, colours, *, night):
    """A sensor's noise over the light; by night the grey of infrared and its lamp in the middle."""
    rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    exposed = light * rng.normal(1, 0.004)
    if night:
        exposed = exposed * (0.15 + 0.9 * np.exp(-1.3 * (rows**2 + columns**2))) + rng.normal(0, 0.02, light.shape)
        pixels = np.repeat(exposed[:, :, None], 3, axis=2)
    else:
        tint = np.stack([0.02 * colours, 0.01 * colours + 0.03, -0.03 * colours - 0.06], axis=2)
        pixels = exposed[:, :, None] + tint + rng.normal(0, 0.01, (*light.shape, 3))
    return Image.fromarray((pixels * 255).clip(0, 255).astype(np.uint8))


def _saved(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def _packed(jpeg):
    """Write both quantisation tables into one segment, as camera firmware does."""
    first = jpeg.index(b"\xff\xdb")
    second = jpeg.index(b"\xff\xdb", first + 2)
    return (
        jpeg[:first] + _segment(0xDB, jpeg[first + 4 : second] + jpeg[second + 4 : second + 69]) + jpeg[second + 69 :]
    )


def _segment(marker, body):
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2) + body
