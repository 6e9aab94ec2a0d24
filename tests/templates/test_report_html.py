import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from blank_ledger import new_ledger
from report_world import SINCE, UNTIL, drawn, filling, report_of

from db.engine import Ledger
from db.models import CorrectionsFile
from db.types import Decision, LinkKind, LinkStatus, State

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}\u202egpj.exe &amp;"


class Page(HTMLParser):
    """Collects the elements, with their attributes, and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", self.words)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = new_ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


def fill(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """Put ``name`` wherever a stranger may have a say."""
    picture = drawn(tmp_path / "kept" / "a.jpg")
    with filling(ledger) as world:
        station, model = world.station(name), world.model(name, **{name: {name: 0.5}})
        first = world.picture(station, model, kept=picture, gradcam=picture)
        again = world.picture(station, model, kept=picture, gradcam=picture)
        world.picture(station, model, "panda")
        world.picture(station, model, time_status="missing", integrity="suspect")
        world.review(world.picture(station, model), name, reviewer=name)
        world.link(again, first, LinkKind.REEXPORT, LinkStatus.SUSPECTED)
        world.file(station, state=State.REJECTED, path=f"{name}/{name}.jpg", reason=name)


def page(ledger: Ledger, tmp_path: Path) -> Page:
    return Page(report_of(ledger, tmp_path).read_text("utf-8"))


def test_a_hostile_name_is_text_and_nothing_else(tmp_path: Path) -> None:
    """Stations, files, reviewers, labels and models of any name make the very elements that plain names make."""
    shapes, pages = [], []
    for name in ("plain", HOSTILE):
        folder = tmp_path / name[:5].strip("\"'><")
        folder.mkdir()
        ledger = new_ledger(folder / "ledger.db")
        fill(ledger, folder, name)
        pages.append(page(ledger, folder))
        shapes.append(Counter((tag, *sorted(attributes)) for tag, attributes in pages[-1].elements))
        ledger.close()
    assert shapes[0] == shapes[1]
    assert len(pages[1].all("script")) == 1
    assert "<script>alert(1)</script>" in pages[1].text
    assert "{{ 7*7 }}" in pages[1].text


def test_the_page_may_load_nothing_and_use_its_own_style_and_script_only(ledger: Ledger, tmp_path: Path) -> None:
    """The policy names the hashes of the one style and the one script there are, and no address stands anywhere."""
    html = report_of(ledger, tmp_path).read_text("utf-8")
    parts = [re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL) for tag in ("style", "script")]
    style, script = (base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for (part,) in parts)
    (policy,) = [meta["content"] for meta in Page(html).all("meta") if "http-equiv" in meta]
    assert policy is not None
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"(src|href)=\"(?!data:image/webp|#)", html)


def test_it_can_be_read_without_eyes(ledger: Ledger, tmp_path: Path) -> None:
    """One main heading, a heading for each part, every picture and every table described, header cells with scope."""
    fill(ledger, tmp_path, "Ridge")
    found = page(ledger, tmp_path)
    titles = {heading["id"] for heading in found.all("h2")}
    assert len(found.all("h1")) == len(found.all("main")) == len(found.all("header")) == 1
    assert {section["aria-labelledby"] for section in found.all("section")} == titles
    assert {link["href"] for link in found.all("a")} <= {f"#{e.get('id')}" for _, e in found.elements if e.get("id")}
    assert found.all("img")
    assert all(image["alt"] for image in found.all("img"))
    assert len(found.all("caption")) == len(found.all("table")) > 0
    assert {heading["scope"] for heading in found.all("th")} == {"col", "row"}


def test_every_picture_says_where_when_what_how_sure_and_how_threatened(ledger: Ledger, tmp_path: Path) -> None:
    """A caption has the station, its local time, the animal, the probability and the category; so has a review."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        world.picture(ridge, model, probability=0.87)
        world.review(world.picture(ridge, model, decision=Decision.UNKNOWN), "cheetah", "Asha")
    text = page(ledger, tmp_path).text
    assert re.search(r"Lion VU \(Vulnerable\) ?87% ?Ridge · 23 Nov, 22:15", text)
    assert re.search(r"Cheetah VU \(Vulnerable\) ?said by Asha ?Ridge · 23 Nov, 22:15", text)


def test_nearly_sure_is_not_printed_as_sure(ledger: Ledger, tmp_path: Path) -> None:
    """99.7 % rounds to what no model can say."""
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(), probability=0.997)
    assert ">99%" in page(ledger, tmp_path).text


@pytest.mark.parametrize(
    ("version", "demo", "badge"),
    [("demo-1", True, "Demo model"), ("starter-1", False, "Starter model"), ("station-1", False, None)],
)
def test_a_model_that_knows_little_wears_a_badge(
    ledger: Ledger, tmp_path: Path, version: str, demo: bool, badge: str | None
) -> None:
    """Nobody may take a drawn world's model, or one that never saw these stations, for their own."""
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(version, demo=demo))
    text = page(ledger, tmp_path).text
    assert version in text
    assert [word for word in ("Demo model", "Starter model") if word in text] == ([badge] if badge else [])


def test_a_span_is_said_to_be_undetermined(ledger: Ledger, tmp_path: Path) -> None:
    """A rhino in Kenya may be either species: both ends are shown and the alert says that it is open."""
    with filling(ledger) as world:
        world.picture(world.station("Ridge", "KE"), world.model(), "rhino")
    assert re.search(
        r"NT \(Near threatened\)–CR \(Critically endangered\) ?1 event, 1 picture, species not determined",
        page(ledger, tmp_path).text,
    )


def test_an_empty_report_says_so_in_every_part(ledger: Ledger, tmp_path: Path) -> None:
    """Nobody has to guess whether nothing came or something broke."""
    text = page(ledger, tmp_path).text
    for sentence in (
        "No pictures were received in this period.",
        "Nothing needs attention",
        "No species was seen in this period.",
        "No station has been seen yet.",
        "There is no picture to show for this period.",
        "No file was rejected in this period.",
        "No model has answered yet.",
    ):
        assert sentence in text


def test_what_is_counted_with_the_first_answer_is_explained(ledger: Ledger, tmp_path: Path) -> None:
    """Nothing new came and an animal is shown: the report says that its picture came before."""
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(), received=SINCE, answered=UNTIL)
    text = page(ledger, tmp_path).text
    assert "0 new pictures. 1 kind of threatened animal seen." in text
    assert "Received earlier, and told now with the first answer: 1 picture." in text
    assert "No pictures were received" not in text


def test_copies_in_doubt_and_strays_are_named_without_a_command_that_is_not_there(
    ledger: Ledger, tmp_path: Path
) -> None:
    """A suspected re-export waits for somebody to look; a card in the wrong folder needs attention."""
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        first, again = (world.picture(ridge, model) for _ in range(2))
        world.link(again, first, LinkKind.REEXPORT, LinkStatus.SUSPECTED)
        world.file(world.station("Ford"), state=State.TAKEN, media=first)
    text = page(ledger, tmp_path).text
    assert "It is not counted until someone looks. " in text
    assert "trapline links" not in text
    assert "At two stations: 1 picture. A card in the wrong folder?" in text


def test_what_people_said_since_the_last_report_is_told(ledger: Ledger, tmp_path: Path) -> None:
    """Who looked, what became of the answers, a threatened animal that they found, a file that was refused."""
    before = SINCE - timedelta(hours=2)
    with filling(ledger) as world:
        ridge, model = world.station("Ridge"), world.model()
        fox, lion = (world.picture(ridge, model, label, received=before) for label in ("arctic_fox", "lion"))
    report_of(ledger, tmp_path, until=SINCE, since=SINCE - timedelta(days=1))
    with filling(ledger) as world:
        for media, label in ((fox, "rhino"), (lion, "lion")):
            world.review(media, label, at=UNTIL - timedelta(hours=1), source="corrections one")
            world.media.append(media)
        for place, refused in (
            ("/inbox/corrections/asha.json", None),
            ("/inbox/corrections/half.json", "it is no JSON"),
        ):
            file = CorrectionsFile(
                place=place, signature="x", sha256=place, document=None if refused else "one", corrections=2,
                refused=refused, at=UNTIL - timedelta(minutes=5),
            )  # fmt: skip
            world.session.add(file)
    text = page(ledger, tmp_path).text
    assert (
        "People saw: Rhino at Ridge. NT (Near threatened)–CR (Critically endangered) 1 picture of an earlier report."
        in text
    )
    assert re.search(r"What people said Asha: +Confirmed 1 +Arctic fox → Rhino 1", text)
    assert "Corrections were refused: half.json it is no JSON" in text


def test_questions_that_wait_for_a_word_are_not_forgotten(ledger: Ledger, tmp_path: Path) -> None:
    """The next report says where they are."""
    with filling(ledger) as world:
        world.picture(world.station("Ridge"), world.model(), received=SINCE - timedelta(hours=2))
    before = report_of(ledger, tmp_path, until=SINCE, since=SINCE - timedelta(days=1))
    html = report_of(ledger, tmp_path).read_text("utf-8")
    assert "1 picture of the report of 23 Nov, 09:00 still waits for a word:" in Page(html).text
    assert f'href="{before.name}#review"' in html


def test_the_period_and_the_red_list_are_stated(ledger: Ledger, tmp_path: Path) -> None:
    """What is in the report is what was received between two times, and categories are global."""
    text = page(ledger, tmp_path).text
    assert "Received between 23 Nov, 09:00 and 24 Nov, 09:00 (Africa/Nairobi)" in text
    assert "The IUCN Red List of Threatened Species" in text
    assert "Categories are global" in text
    assert "endangered species" not in text
