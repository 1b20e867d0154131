"""The built site in a real browser, with the network off. `make test` builds it first."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

ROOT = Path(__file__).parents[1]
SITE = ROOT / ".checked" / "_build" / "html"
SCREENSHOTS = ROOT / "_build" / "screenshots"
PAGES = sorted(SITE.glob("book/*.html"))

if not PAGES:
    pytest.skip("no built site: `make test` builds it", allow_module_level=True)


@pytest.fixture(scope="module")
def visit(browser):
    """visit(path, theme) -> the open page, with every foreign request and console error on record."""
    pages = {}

    def open_page(path, theme="light"):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
        page = context.new_page()
        page.errors, page.foreign = [], []

        def only_local(route):
            if urlsplit(route.request.url).scheme in ("file", "data", "blob"):
                return route.continue_()
            page.foreign.append(route.request.url)
            return route.abort()

        context.route("**/*", only_local)
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: page.errors.append(str(e)))
        page.goto(path.as_uri())
        page.evaluate("async () => { await window.MathJax?.startup?.promise; await document.fonts.ready }")
        return page

    def visit(path, theme="light"):
        if (path, theme) not in pages:
            pages[path, theme] = open_page(path, theme)
        return pages[path, theme]

    return visit


each_page = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
each_theme = pytest.mark.parametrize("theme", ["light", "dark"])


@each_page
@each_theme
def test_page_asks_the_network_for_nothing_and_reports_no_error(visit, path, theme):
    page = visit(path, theme)
    assert page.foreign == [] and page.errors == []
    assert page.evaluate("document.documentElement.dataset.theme") == theme


@each_page
@each_theme
@pytest.mark.parametrize("width", [360, 1280])
def test_page_does_not_scroll_sideways(visit, path, theme, width):
    page = visit(path, theme)
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(400)  # the side bar slides
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.screenshot(path=SCREENSHOTS / f"{path.stem}_{theme}_{width}.png", full_page=True)


@each_page
@each_theme
def test_page_has_no_serious_accessibility_fault(visit, path, theme):
    page = visit(path, theme)
    page.set_viewport_size({"width": 1280, "height": 900})
    faults = Axe().run(page, context=".bd-article").response["violations"]
    serious = {f["id"]: [n["html"] for n in f["nodes"]] for f in faults if f["impact"] in ("serious", "critical")}
    assert serious == {}


@each_page
def test_figures_are_part_of_the_page_and_say_what_they_show(visit, path):
    for figure in visit(path).query_selector_all("svg.xs-figure, .bd-article img"):
        label = figure.get_attribute("aria-label") or figure.get_attribute("alt")
        assert label and len(label) > 20
        assert figure.evaluate("f => Boolean(f.closest('figure')?.querySelector('figcaption'))")


@each_page
def test_moving_figures_answer_to_every_control(visit, path):
    figures = visit(path).locator(".xs-moving")
    for figure in figures.all():
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
    path = next(p for p in PAGES if "looking_inside" in p.stem)
    ask = "getComputedStyle(document.querySelector('.text_html:has(.xs-moving)')).backgroundColor"
    assert visit(path, "dark").evaluate(ask) == "rgba(0, 0, 0, 0)"


def test_the_front_page_and_the_alphas_have_figures_that_move(visit):
    by_name = {path.stem: visit(path).locator(".xs-moving").count() for path in PAGES}
    assert by_name["index"] == 1 and by_name["10_looking_inside"] == 2


def test_figures_change_colours_with_the_theme(visit):
    path = next(p for p in PAGES if "unit" in p.stem)
    ask = "getComputedStyle(document.querySelector('svg.xs-figure path[style*=\"--xs-a)\"]')).stroke"
    assert visit(path, "light").evaluate(ask) != visit(path, "dark").evaluate(ask)


def test_equations_are_drawn(visit):
    page = visit(next(p for p in PAGES if "backprop" in p.stem))
    assert page.locator("mjx-container").count() > 20
    assert page.locator("mjx-merror").count() == 0


@each_page
def test_page_holds_no_widget_and_no_unfilled_number(path):
    text = path.read_text()
    assert "vnd.jupyter.widget" not in text and "jupyter-widgets" not in text
    assert "glue:text" not in text


def test_every_internal_link_and_anchor_resolves(visit):
    def ids(path):
        return visit(path).evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")

    known = {path: set(ids(path)) for path in PAGES}
    broken = []
    for path in PAGES:
        for link in visit(path).evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)"):
            parts = urlsplit(link)
            target, anchor = Path(unquote(parts.path)), unquote(parts.fragment)
            lost = anchor and target in known and anchor not in known[target]
            if parts.scheme == "file" and (lost or not target.exists()):
                broken.append((path.stem, link))
    assert broken == []
