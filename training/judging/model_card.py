"""The model card (Mitchell et al. 2019): what a stranger must know before using the model, in one page of Markdown."""

from collections.abc import Iterator

from db import redlist
from ml.backbones import REFERENCE, STARTER
from ml.labels import BACKGROUND
from training.judging import words
from training.judging.evaluate import in_words
from training.judging.findings import Findings, find
from training.judging.intervals import Interval
from training.record import STACK, Run

_APACHE = "Apache-2.0"
_LICENCES = dict.fromkeys(STARTER, _APACHE) | dict(
    zip(REFERENCE, ("CC BY 4.0, Visual Geometry Group, University of Oxford", _APACHE, _APACHE), strict=True)
)
_WEAK = 3  # classes named as weak points


def write(run: Run) -> str:
    """Return the card."""
    found = find(run, redlist.load())
    parts = (_what(run), _use(run), _data(run), _figures(found), _decisions(run, found), _weaknesses(found), _how(run))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _what(run: Run) -> Iterator[str]:
    card = run.card
    species = [words.label(name) for name in card.classes if name not in BACKGROUND]
    background = [words.label(name) for name in card.classes if name in BACKGROUND]
    yield f"# Model {card.name}, {card.created}"
    yield ""
    yield (
        f"It says which of {len(species)} animals a camera-trap picture shows: {', '.join(species)}"
        + (f"; or none of them: {', '.join(background)}." if background else ".")
    )
    yield (
        f"{', '.join(map(words.answerer, card.backbones))}, each with a head of its own, and one multinomial logistic "
        f"regression over their log-probabilities. Pictures are squashed to {card.picture_size} × {card.picture_size}."
    )


def _use(run: Run) -> Iterator[str]:
    yield "## What it is for, and what not"
    yield ""
    yield "To sort camera-trap pictures for people who look at what matters. It must not be used"
    yield ""
    yield "- as the only ground for a decision about an animal, a person or a place: have a person look first;"
    yield "- to tell individuals, subspecies or sex, or to count animals: it gives one label a picture;"
    yield "- to find people: what it says of persons was never judged for that;"
    yield "- to publish where a threatened species lives."
    if not set(run.card.classes) & set(BACKGROUND):
        yield ""
        yield "It knows no class for other animals: it will give a stranger one of its own names."


def _data(run: Run) -> Iterator[str]:
    dataset = run.card.dataset
    yield "## What it learned from"
    yield ""
    yield "| class | learned from | held out |"
    yield "|---|---:|---:|"
    for name, count in dataset.get("pictures", {}).items():
        yield f"| {words.label(name)} | {count['training']:,} | {count['held_out']:,} |"
    yield ""
    if groups := dataset.get("groups"):
        yield f"They stand in {groups:,} groups of pictures that resemble each other; no group straddles a split."
    changed, dropped = dataset.get("relabelled", 0), dataset.get("not_trusted", 0)
    if changed or dropped:
        yield f"Labels that the folds contradict: {changed:,} were changed, {dropped:,} not learned from."
    yield f"Fingerprint of the data: `{dataset.get('fingerprint', 'none')}`."


def _figures(found: Findings) -> Iterator[str]:
    titles = [title for title in ("pretrained", "plain", "retrained", "testing") if title in found.columns]
    yield "## Figures"
    yield ""
    yield "Accuracy with its 95% interval (bootstrap over groups), and macro F1."
    yield ""
    yield f"| | {' | '.join(words.COLUMNS[title] for title in titles)} |"
    yield f"|---|{'---|' * len(titles)}"
    for name in found.columns[found.main].figures:
        cells = []
        for title in titles:
            each = found.columns[title].figures[name]
            cells.append(f"{_said(each['accuracy'])}, F1 {words.percent(each['macro_f1'].value)}")
        yield f"| {words.answerer(name)} | {' | '.join(cells)} |"
    yield ""
    yield "Pretrained, Retrained: out of fold in groups, frozen and fine-tuned; Plain folds: not in groups, to compare."
    main = found.columns[found.main]
    yield f"Calibration error (ECE) of the stack, {words.COLUMNS[found.main]}: {_said(main.figures[STACK]['ece'])}."
    if apart := main.without_twins:
        yield f"Without the {main.twins:,} pictures that have a twin: {_said(apart[STACK]['accuracy'])}."
    if stack := words.stack_against_best(found, found.main):
        yield stack
    yield from (words.gain(versus) for versus in (found.fine_tuning, found.tuning) if versus)


def _said(interval: Interval) -> str:
    return f"{words.percent(interval.value)} ({words.span(interval)})"


def _decisions(run: Run, found: Findings) -> Iterator[str]:
    thresholds = run.thresholds
    yield "## When it answers"
    yield ""
    yield (
        f"It answers where a species is most probable, with {words.percent(thresholds.confidence)} at least, within a "
        f"distance of {thresholds.distance:.2f} of what it learned from; both thresholds come from the folds."
    )
    for title, column in found.columns.items():
        if title != "plain":
            yield f"{words.COLUMNS[title]}: {in_words(column.decided)}."


def _weaknesses(found: Findings) -> Iterator[str]:
    column = found.columns[found.main]
    weak = sorted(column.classes.items(), key=lambda item: item[1].f1)[:_WEAK]
    yield "## Known weaknesses"
    yield ""
    for name, each in weak:
        rival = each.rival and f", mostly taken for {words.label(each.rival)} ({each.mistaken} of {each.pictures})"
        yield f"- {words.label(name)}: F1 {words.percent(each.f1)}, recall {_said(each.recall)}{rival or ''}."
    if cats := column.big_cats:
        yield f"- Among the big cats alone {_said(cats.right[STACK])} are right."
    yield "- These figures hold for pictures like those it was judged on; a new camera or place may be harder."


def _how(run: Run) -> Iterator[str]:
    card = run.card
    yield "## How it was made"
    yield ""
    yield f"- Settings: {', '.join(f'{name} {value}' for name, value in card.settings.items())}."
    yield f"- Versions: {', '.join(f'{name} {version}' for name, version in card.versions.items())}."
    for name, sha256 in card.backbones.items():
        licence = _LICENCES.get(name, "as where they came from")
        yield f"- Weights of {words.answerer(name)}: sha256 `{sha256}`; licence: {licence}."
