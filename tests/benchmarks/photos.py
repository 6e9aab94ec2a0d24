"""Photographs for the benchmarks, drawn quickly from a seed: each has other pixels, and as many bytes as a camera's."""

import io
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context

import numpy as np
from PIL import Image

LARGE = (4000, 3000)  # 12 megapixels
SMALL = (1152, 864)  # 1 megapixel
BASES = 3
GRAIN, QUALITY = 10.5, 88  # together they make 3.5 to 4 MB of 12 megapixels
TAKEN = 0x9003
EXIF_IFD, MAKE, MODEL = 0x8769, 0x010F, 0x0110
FIRST = datetime.fromisoformat("2026-05-04T03:02:01")  # a camera's clock knows no zone


class Camera:
    """Shoots ``shot(number)``, the bytes of a JPEG; each number is another picture, taken a minute after the last."""

    def __init__(self, size, seed):
        """Draw some scenes of (width, height) pixels."""
        random = np.random.default_rng(seed)
        self.seed = seed
        self.scenes = [_scene(random, *size) for _ in range(BASES)]

    def shot(self, number):
        """Give a scene, moved, mirrored and lit in a way of its own."""
        random = np.random.default_rng((self.seed, number))
        scene = self.scenes[number % BASES]
        moved = np.roll(scene, random.integers(0, scene.shape[:2]), axis=(0, 1))[:, :: random.choice((-1, 1))]
        image = Image.fromarray(moved).point(_light(random))
        tags = Image.Exif()
        tags[MAKE], tags[MODEL] = "Reconyx", "HP2X"
        tags.get_ifd(EXIF_IFD)[TAKEN] = (FIRST + timedelta(minutes=number)).strftime("%Y:%m:%d %H:%M:%S")
        file = io.BytesIO()
        image.save(file, "JPEG", quality=QUALITY, subsampling="4:2:0", exif=tags)
        return file.getvalue()


def write_photos(folder, count, *, size=LARGE, seed=0, processes=2):
    """Write ``IMG_00000.JPG`` and so on into ``folder`` and give their paths."""
    folder.mkdir(parents=True)
    parts = [range(start, count, processes) for start in range(processes)]
    with get_context("spawn").Pool(processes) as pool:
        pool.map(partial(_write, folder, size, seed), parts)
    return sorted(folder.iterdir())


def _write(folder, size, seed, numbers):
    camera = Camera(size, seed)
    for number in numbers:
        (folder / f"IMG_{number:05}.JPG").write_bytes(camera.shot(number))


def _scene(random, width, height):
    """Forms of all sizes, each half as strong as those twice as large, some hard edges, and grain."""
    land = np.full((height, width, 3), 120, np.float32)
    for octave in range(2, 9):
        coarse = random.normal(0, 90 / 2 ** (octave / 2), (3 * 2**octave // 4, 2**octave, 3)).astype(np.float32)
        for channel in range(3):
            image = Image.fromarray(coarse[..., channel]).resize((width, height), Image.Resampling.BICUBIC)
            land[..., channel] += np.asarray(image)
    for _ in range(40):  # trunks and stones
        x, y = random.integers(0, (width, height))
        land[y : y + height // 4, x : x + width // 60] += random.normal(0, 30, 3)
    land += random.normal(0, GRAIN, (height, width, 1)).astype(np.float32)
    return land.clip(0, 255).astype(np.uint8)


def _light(random):
    gain, offset = random.uniform(0.8, 1.1), random.uniform(-10, 10)
    return (np.arange(256) * gain + offset).clip(0, 255).astype(np.uint8).tolist() * 3
