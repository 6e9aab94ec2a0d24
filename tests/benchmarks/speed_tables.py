"""What was measured side by side, as tables; each gives the bars that it finds missed."""

from statistics import median

from peak import CHANNELS, PLACES, SIDE
from rich.table import Table
from side_by_side import COMPETENT, TEXTBOOK, THREADED, cores

MEGA, GIGA = 1e6, 1e9
# Of the reference ensemble: (× textbook, × competent).
FASTER = {"tensorflow float32": (10, 3), "tensorflow bfloat16": (16, 4.5), "openvino bfloat16": (20, 5.5)}
OF_PEAK, OF_PEAK_ELSE = 0.85, {"tensorflow bfloat16": 0.78}
OF_POSSIBLE = 0.9
REST_SECONDS = 0.05
TWO_WORKERS = 1.8
UNDISTURBED = 0.85  # of the cores; with fewer, something else ran, and a share of the peak says nothing


class Bars:
    """Writes a number with the bar beside it, and remembers which were missed."""

    def __init__(self):
        self.missed = []

    def least(self, what, value, bar, form):
        """Give the number; it should be no less."""
        return self._said(what, value, bar, form, "≥", missed=value < bar)

    def most(self, what, value, bar, form):
        """Give the number; it should be no more."""
        return self._said(what, value, bar, form, "≤", missed=value > bar)

    def _said(self, what, value, bar, form, sign, *, missed):
        said = f"{value:{form}} (bar {sign} {bar:{form}})"
        if missed:
            self.missed.append(f"{what}: {said}")
        return f"{said} MISSED" if missed else said


def end_to_end(trial, found, bars):
    """Rates of whole runs, 12-megapixel files to committed answers."""
    table = Table(
        "way", "images/s", "× textbook", "× competent", "× in threads", "CPU s/image", "peak MB",
        "MB in all", "ready after",
        title=f"{trial.name}: files to committed answers ({trial.textbook}, {trial.competent}, {trial.own} pictures)",
    )  # fmt: skip
    for way, runs in found.runs.items():
        own, all_of_it = found.memory[way]
        ready = f"{found.ready[way]:.1f} s"
        if way in found.first_ready:
            ready += f", first {found.first_ready[way]:.0f} s"
        ratios = [found.times(way, other) for other in (TEXTBOOK, COMPETENT)]
        bar = FASTER.get(way) if trial.name == "reference" else None
        words = [f"{ratio:.2f}" for ratio in ratios]
        if bar:
            names = [f"{way}, × {other}" for other in (TEXTBOOK, COMPETENT)]
            words = [bars.least(name, *pair, ".1f") for name, *pair in zip(names, ratios, bar, strict=True)]
        spread = [pictures / cost.seconds for cost, pictures in runs]
        rate = f"{found.rate(way):.2f} ({min(spread):.2f}–{max(spread):.2f})"
        memory = [f"{own / MEGA:,.0f}", f"{all_of_it / MEGA:,.0f}"]
        table.add_row(way, rate, *words, f"{found.times(way, THREADED):.2f}", f"{found.cpu(way):.3f}", *memory, ready)
    return table


def peaks(trial, found, bars):
    """The model alone against what the machine can do."""
    table = Table(
        "way", f"product of {SIDE}²", f"3×3 of {PLACES}×{PLACES}×{CHANNELS}", "model images/s", "model GFLOP/s",
        "of the convolutions' peak", "cores had, peak and model",
        title=f"{trial.name}: {found.operations / GIGA:.1f} GFLOP an image, and the machine's peak in GFLOP/s",
    )  # fmt: skip
    for way in found.models:
        product, convolution = (max(found.peaks[way, kind]) for kind in ("product", "convolution"))
        fastest = found.fastest(way)
        rate = 1 / fastest.seconds
        share = f"{found.of_peak(way):.0%}"
        if trial.name == "reference":
            bar = OF_PEAK_ELSE.get(way, OF_PEAK)
            share = bars.least(f"{way}, model of the peak", found.of_peak(way), bar, ".0%")
        speed = rate * found.operations / GIGA
        words = [f"{number:.0f}" for number in (product.speed / GIGA, convolution.speed / GIGA)]
        had = f"{convolution.cores:.2f}, {fastest.cores:.2f}"
        if min(convolution.cores, fastest.cores) < UNDISTURBED * cores():
            had += " DISTURBED"
        table.add_row(way, *words, f"{rate:.1f}", f"{speed:.0f}", share, had)
    return table


def stages(trial, found, bars):
    """Each stage's CPU seconds, and how near the whole comes to what they allow."""
    names = list(found.staged(next(iter(found.models))))
    table = Table(
        "way", *names, "all but the model", "sum", "the cores allow", "reached",
        title=f"{trial.name}: CPU seconds an image, each stage alone; {cores()} cores",
    )  # fmt: skip
    for way in found.models:
        seconds = found.staged(way)
        total = sum(seconds.values())
        rest = bars.most(f"{trial.name}, {way}, all but the model", total - seconds["model"], REST_SECONDS, ".3f")
        reached = bars.least(
            f"{trial.name}, {way}, of what the cores allow", found.of_possible(way), OF_POSSIBLE, ".0%"
        )
        parts = [f"{seconds[name]:.4f}" for name in names]
        table.add_row(way, *parts, rest, f"{total:.3f}", f"{cores() / total:.2f}/s", reached)
    return table


def gradcams(trial, found):
    """Grad-CAM alone."""
    table = Table(
        "Grad-CAM", "ms an image", "times Trapline's", title=f"{trial.name}: Grad-CAM alone, of all backbones"
    )
    own = median(next(iter(found.gradcam.values())))
    for way, seconds in found.gradcam.items():
        table.add_row(way, f"{median(seconds) * 1000:,.2f}", f"{median(seconds) / own:,.0f}")
    return table


def workers(turns, bars):
    """Decoding with one worker and with two: a turn has workers → pictures a second."""
    ratios = [rates[2] / rates[1] for rates in turns]
    ratio = bars.least("two decode workers", median(ratios), TWO_WORKERS, ".2f")
    one, two = (median(rates[count] for rates in turns) for count in (1, 2))
    spread = f"{min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} turns"
    return f"decode alone: {one:.1f} images/s with 1 worker, {two:.1f} with 2, times {ratio}; {spread}"
