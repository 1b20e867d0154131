"""The built site in a real browser, with the network off. `make test` builds it first."""

import os
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]
SITE = ROOT / ".checked" / "_build" / "html"
SCREENSHOTS = os.environ.get("XSTITCH_SCREENSHOTS")  # a folder, to look at them
PAGES = sorted(SITE.glob("book/*.html"))
AT_REST = "*, *::before, *::after { transition: none !important; animation: none !important }"

if not PAGES:
    pytest.skip("no built site: `make test` builds it", allow_module_level=True)

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)


def page_of(name):
    return next(path for path in PAGES if path.stem == name)


@pytest.fixture
def visit(browser):
    """visit(path, theme) → the open page, with every foreign request and console error on record."""
    contexts = []

    def open_page(path, theme="light"):
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}, offline=True))
        page = contexts[-1].new_page()
        page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
        page.errors, page.foreign = [], []

        def note(request):
            if urlsplit(request.url).scheme not in ("file", "data", "blob"):
                page.foreign.append(request.url)

        page.on("request", note)
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: page.errors.append(str(e)))
        page.goto(path.as_uri())
        page.add_style_tag(content=AT_REST)
        page.evaluate("async () => { await window.MathJax?.startup?.promise; await document.fonts.ready }")
        return page

    yield open_page
    for context in contexts:
        context.close()


@each_page
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page(visit, path, theme, subtests):
    """What a page is loaded once for."""
    page = visit(path, theme)
    with subtests.test("it asks the network for nothing and reports no error"):
        assert page.foreign == [] and page.errors == []
        assert page.evaluate("document.documentElement.dataset.theme") == theme
    with subtests.test("it has no serious accessibility fault"):
        rules = {"runOnly": ["color-contrast"]} if theme == "dark" else {}  # the others know no theme
        faults = Axe().run(page, ".bd-article", {"resultTypes": ["violations"], **rules}).response["violations"]
        serious = {f["id"]: [n["html"] for n in f["nodes"]] for f in faults if f["impact"] in ("serious", "critical")}
        assert serious == {}
    if theme == "light":
        with subtests.test("figures are part of it and say what they show"):
            figures_say_what_they_show(page)
        with subtests.test("moving figures answer to every control"):
            moving_figures_answer(page)
    for width in (1280, 768, 360):
        page.set_viewport_size({"width": width, "height": 900})
        with subtests.test("it does not scroll sideways", width=width):
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        with subtests.test("a table that is wider than its box has a bar to be seen", width=width):
            tables = page.locator(".bd-article table")
            assert tables.evaluate_all(CUT_OFF) == []
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS, f"{path.stem}_{theme}_{width}.png"), full_page=True)


CUT_OFF = """tables => tables.filter(table => {
    const box = table.closest(".pst-scrollable-table-container") ?? table.parentElement
    const bar = box.offsetHeight - box.clientHeight - 2 * box.clientTop
    return box.scrollWidth > box.clientWidth && !(getComputedStyle(box).overflowX === "auto" && bar > 4)
}).map(table => table.outerHTML.slice(0, 200))"""


def figures_say_what_they_show(page):
    for figure in page.query_selector_all("svg.xs-figure, .bd-article img"):
        label = figure.get_attribute("aria-label") or figure.get_attribute("alt")
        assert label and len(label) > 20
        assert figure.evaluate("f => Boolean(f.closest('figure')?.querySelector('figcaption'))")


def moving_figures_answer(page):
    for figure in page.locator(".xs-moving").all():
        for control in figure.locator("select, input").all():
            drawing, words = figure.locator("svg.xs-drawing"), figure.locator(".xs-caption")
            before, start = (drawing.inner_html(), words.inner_text()), control.input_value()
            if control.evaluate("c => c.tagName") == "SELECT":
                last = control.locator("option").count() - 1
                control.select_option("0" if start == str(last) else str(last))
            else:
                control.fill("0" if start == control.get_attribute("max") else control.get_attribute("max"))
            assert (drawing.inner_html() != before[0]) and words.inner_text() != before[1]
            control.select_option(start) if control.evaluate("c => c.tagName") == "SELECT" else control.fill(start)


def test_moving_figures_lie_on_the_pages_own_ground(visit):
    """The theme gives HTML outputs a light ground in the dark."""
    ask = "getComputedStyle(document.querySelector('.text_html:has(.xs-moving)')).backgroundColor"
    assert visit(page_of("10_looking_inside"), "dark").evaluate(ask) == "rgba(0, 0, 0, 0)"


def test_figures_change_colours_with_the_theme(visit):
    ask = "getComputedStyle(document.querySelector('svg.xs-figure path[style*=\"--xs-a)\"]')).stroke"
    light, dark = [visit(page_of("01_the_cross_stitch_unit"), theme).evaluate(ask) for theme in ("light", "dark")]
    assert light != dark


def test_equations_are_drawn(visit):
    page = visit(page_of("02_backpropagation"))
    assert page.locator("mjx-container").count() > 20
    assert page.locator("mjx-merror").count() == 0


@cache
def html_of(path):
    """The page as it is served, before any script."""
    return BeautifulSoup(path.read_text(), "html.parser")


def test_the_front_page_and_the_alphas_have_figures_that_move():
    by_name = {path.stem: len(html_of(path).select(".xs-moving")) for path in PAGES}
    assert by_name["index"] == by_name["verdict"] == 1 and by_name["10_looking_inside"] == 3


@each_page
def test_page_holds_no_widget_and_no_unfilled_number(path):
    text = path.read_text()
    assert "vnd.jupyter.widget" not in text and "jupyter-widgets" not in text
    assert "glue:text" not in text


def test_every_internal_link_and_anchor_resolves():
    known = {path: {tag["id"] for tag in html_of(path).select("[id]")} for path in PAGES}
    broken = []
    for path in PAGES:
        for link in [urljoin(path.as_uri(), tag["href"]) for tag in html_of(path).select("a[href]")]:
            parts = urlsplit(link)
            target, anchor = Path(unquote(parts.path)), unquote(parts.fragment)
            lost = anchor and target in known and anchor not in known[target]
            if parts.scheme == "file" and (lost or not target.exists()):
                broken.append((path.stem, link))
    assert broken == []
