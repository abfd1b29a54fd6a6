"""The map: as much work as there are changes, and names that are only text."""

from __future__ import annotations

import re

from api_stand import Stand
from asking import Open
from playwright.sync_api import Page, expect
from world import cells, pretend

MANY = 5_000


def with_cells(stand: Stand, new_page: Open, names: list[str]) -> Page:
    page = new_page(f"{stand.url}/#/models")
    pretend(page, names)
    page.goto(f"{stand.url}/#/?by=RRU.PrbTotDl")
    page.wait_for_selector(".map canvas")
    page.wait_for_selector("main:not([aria-busy]) h1")
    return page


FRAMES = """new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
  () => done(document.querySelector('main').map.frames))))"""


def frames(page: Page) -> int:
    """How often the map has been drawn, once what was asked for is done."""
    count: int = page.evaluate(FRAMES)
    return count


def test_a_frame_is_drawn_for_a_change_and_for_nothing_else(stand: Stand, new_page: Open) -> None:
    page = with_cells(stand, new_page, cells(MANY))
    page.wait_for_timeout(500)
    start = frames(page)
    page.wait_for_timeout(500)
    assert frames(page) == start
    # However many moves there are between two frames, they are one.
    page.evaluate("for (let i = 0; i < 100; i += 1) document.querySelector('main').map.move(1, 0)")
    assert frames(page) == start + 1


def test_thousands_of_cells_are_few_paths(stand: Stand, new_page: Open) -> None:
    page = with_cells(stand, new_page, cells(MANY))
    assert page.evaluate("document.querySelector('main').map.picture.paths.length") <= 32
    assert page.locator("table", has_text="All cells").locator("tbody tr").count() == 60
    assert page.get_by_text(f"and {MANY - 60} more").is_visible()


def test_the_cell_below_the_pointer_is_found(stand: Stand, new_page: Open) -> None:
    names = cells(300)
    page = with_cells(stand, new_page, names)
    found = page.evaluate(
        """() => {
            const { sectors } = document.querySelector('main').map;
            return sectors.names.map((_, at) => {
                const angle = (sectors.azimuth[at] - 90) * Math.PI / 180;
                const r = sectors.radius / 2;
                return sectors.at(sectors.x[at] + r * Math.cos(angle), sectors.y[at] + r * Math.sin(angle)) === at;
            }).filter((each) => each).length;
        }"""
    )
    assert found >= 0.95 * len(names)  # some sites of a spiral lie on each other


def test_a_name_is_never_markup(stand: Stand, new_page: Open) -> None:
    evil = "ManagedElement=<img src=x onerror=window.hit=1>,NRCellDU=1"
    page = with_cells(stand, new_page, [evil, *cells(3)])
    assert page.get_by_text("<img src=x onerror=window.hit=1>").first.is_visible()
    assert page.locator("main img").count() == 0
    assert page.evaluate("window.hit") is None


SEEN = """() => {
  const { canvas, picture } = document.querySelector('main').map;
  const slid = new DOMMatrix(canvas.style.transform);
  const [left, top] = [(canvas.width - picture.width) / 2 - slid.m41, (canvas.height - picture.height) / 2 - slid.m42];
  const now = canvas.getContext('2d').getImageData(left, top, picture.width, picture.height).data;
  const before = window.seen ?? now;
  window.seen = now;
  let off = 0;
  for (let at = 0; at < now.length; at += 1) off += Math.abs(now[at] - before[at]) > 24;
  return { colours: new Set(now).size, length: now.length, same: now.length === before.length, off };
}"""
"""What is seen of the canvas through its window, against the last time; a pixel here is one of the page"""
DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def test_what_has_slid_is_what_would_be_drawn_anew(stand: Stand, new_page: Open, quiet: list[str]) -> None:
    quiet += ["willReadFrequently"]  # it is only read here
    page = with_cells(stand, new_page, cells(600))
    page.evaluate(DRAWN)
    page.evaluate("""() => {
        const { picture } = document.querySelector('main').map;
        picture.draws = 0;
        const draw = picture.draw.bind(picture);
        picture.draw = () => { picture.draws += 1; draw(); };
    }""")
    for dx, dy in ((37, 0), (0, -23), (-91, 44)):
        page.evaluate(f"document.querySelector('main').map.move({dx}, {dy})")
        page.evaluate(DRAWN)
    assert page.evaluate("document.querySelector('main').map.picture.draws") == 0, "it only slides"
    page.evaluate(SEEN)
    page.evaluate("document.querySelector('main').map.anew()")
    page.evaluate(DRAWN)
    anew = page.evaluate(SEEN)
    assert anew["same"]
    assert anew["colours"] > 20, "there is something to be seen"
    # Edges of wedges are smoothed at fractions of a pixel.
    assert anew["off"] <= anew["length"] / 1000
    # Farther than what lies beside the window: drawn again, and nothing empty comes into sight.
    page.evaluate("document.querySelector('main').map.move(2000, 0)")
    page.evaluate(DRAWN)
    assert page.evaluate("document.querySelector('main').map.picture.draws") == 2


def test_a_zoomed_map_is_sharp_when_it_rests(stand: Stand, new_page: Open) -> None:
    page = with_cells(stand, new_page, cells(60))
    page.evaluate(DRAWN)
    zoomed = page.evaluate("""() => {
        const { map } = document.querySelector('main');
        map.zoom(1.3);
        map.draw();
        return map.canvas.style.transform;
    }""")
    assert "scale(1.3)" in zoomed
    expect(page.locator(".map canvas")).not_to_have_attribute("style", re.compile("transform"))


def test_colours_follow_the_theme_at_once(stand: Stand, new_page: Open) -> None:
    page = with_cells(stand, new_page, cells(30))
    page.get_by_label("Coloured by").select_option("condition")
    expect(page.locator(".legend")).to_contain_text("silent")
    before = page.evaluate("document.querySelector('main').map.picture.fills.join()")
    page.locator("#theme").click()
    after = page.evaluate("document.querySelector('main').map.picture.fills.join()")
    assert before != after
