import pytest
from playwright.sync_api import Page
from run_world import Painted, made_run

from training.judging import page

LONG = "a_folder_that_somebody_named_without_any_space_and_with_the_date_2026_11_24_twice_2026_11_24"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A page with everything in it, every name too long for a telephone."""
    folder = tmp_path_factory.mktemp("run")
    run = made_run(
        folder,
        columns=("pretrained", "plain", "retrained", "testing"),
        tuned=True,
        curves=("pretrained", "retrained"),
        twins=10,
        name=f"{LONG}{{}}.png",
        notes=(LONG, "The champion stays."),
    )
    page.write(run, folder, ensemble=Painted(run))
    return folder / "report.html"


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(browser_page: Page, report, width, scheme):
    """At the widths of small phones, tablets and screens the page never scrolls sideways."""
    browser_page.set_viewport_size({"width": width, "height": 800})
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.goto(report.as_uri())
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= width
    outside = browser_page.evaluate(
        """() => [...document.querySelectorAll("main *, nav *, header > .inside *")]
            .filter(e => !e.closest(".unseen, thead, .category") && e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => e.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_nothing_overflows_on_paper(browser_page: Page, report):
    """What fits between the margins of an A4 page (182 mm, 688 px) is all there is."""
    browser_page.set_viewport_size({"width": 688, "height": 1000})
    browser_page.emulate_media(media="print")
    browser_page.goto(report.as_uri())
    assert browser_page.evaluate("document.scrollingElement.scrollWidth") <= 688


def test_it_opens_without_a_word_of_complaint(browser_page: Page, report):
    """The browser reports no refused style and no failed request, and asks for the file alone."""
    complaints, requests = [], []
    browser_page.on("console", lambda message: complaints.append(message.text))
    browser_page.on("request", lambda request: requests.append(request.url[:5]))
    browser_page.goto(report.as_uri())
    assert complaints == []
    assert set(requests) <= {"file:", "data:"}


@pytest.mark.parametrize("width", [390, 1280])
def test_every_plot_can_be_read(browser_page: Page, report, width):
    """Each plot is as wide as a telephone allows, none of its letters is smaller than 8 px, and none lies outside."""
    browser_page.set_viewport_size({"width": width, "height": 800})
    browser_page.goto(report.as_uri())
    plots = browser_page.evaluate(
        """() => [...document.querySelectorAll(".plot svg")].map(svg => {
            const box = svg.getBoundingClientRect(), figure = svg.closest("figure").getBoundingClientRect();
            const scale = box.width / svg.viewBox.baseVal.width;
            const texts = [...svg.querySelectorAll("text")];
            return {
                width: box.width,
                smallest: Math.min(...texts.map(e => parseFloat(getComputedStyle(e).fontSize) * scale)),
                inside: texts.every(e => {
                    const text = e.getBoundingClientRect();
                    return text.left >= figure.left - 1 && text.right <= figure.right + 1;
                }),
            };
        })"""
    )
    assert len(plots) == 9
    assert all(plot["width"] > 300 and plot["smallest"] >= 8 and plot["inside"] for plot in plots)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_light_and_dark(browser_page: Page, report, scheme):
    """Every word, those in plots too, has the contrast of WCAG AA, 4.5 to 1, against the page's ground."""
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.goto(report.as_uri())
    faint = browser_page.evaluate(
        """() => {
            const rgb = colour => colour.match(/[\\d.]+/g).map(Number);
            const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
            const ground = e => {
                for (; e; e = e.parentElement) {
                    const colour = rgb(getComputedStyle(e).backgroundColor);
                    if (colour.length === 3 || colour[3] === 1) return colour;
                }
                return [255, 255, 255];
            };
            const ink = e => e.closest("svg") ? getComputedStyle(e).fill : getComputedStyle(e).color;
            return [...document.body.querySelectorAll("*")]
                .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
                .map(e => {
                    const [a, b] = [light(rgb(ink(e))), light(ground(e))];
                    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 80)];
                })
                .filter(([contrast]) => contrast < 4.5);
        }"""
    )
    assert faint == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_in_cells_stand_out_from_their_colour(browser_page: Page, report, scheme):
    """The strongest cell of the confusion matrix, mixed with the ground, leaves its number a contrast of 4.5 to 1."""
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.goto(report.as_uri())
    contrasts = browser_page.evaluate(
        """() => {
            const rgb = colour => colour.match(/[\\d.]+/g).map(Number).slice(0, 3);
            const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
            const svg = document.querySelector("#classes svg");
            const ground = rgb(getComputedStyle(svg.closest("figure")).backgroundColor);
            const ink = light(rgb(getComputedStyle(svg.querySelector("text")).fill));
            return [...svg.querySelectorAll("path")]
                .map(e => getComputedStyle(e))
                .filter(style => style.fill !== "none" && style.opacity < 1)
                .map(style => [rgb(style.fill), +style.opacity])
                .map(([colour, share]) => light(colour.map((c, k) => c * share + ground[k] * (1 - share))))
                .map(cell => (Math.max(cell, ink) + 0.05) / (Math.min(cell, ink) + 0.05));
        }"""
    )
    assert len(contrasts) > 6
    assert min(contrasts) >= 4.5
