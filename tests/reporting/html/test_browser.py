"""The page in a real browser, opened from disk."""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.reporting.html.parsed_page import ParsedPage
from tests.reporting.html.small_run import EPOCHS, Names, write_small_run

from nano_u.workflows.report import write_report

pytestmark = pytest.mark.slow

HOSTILE = '"><img src=x onerror=alert(1)></script><script>alert(1)</script><svg onload=alert(1)>{{7*7}}'
NAMES = Names(model=HOSTILE, layer=HOSTILE, image=HOSTILE, group=HOSTILE, data=HOSTILE, setting=HOSTILE)
LAYERS = f"Layers at epoch {EPOCHS}, step {10 * EPOCHS}"
EVIDENCE = "Evidence per layer, last logged step"
THEMES = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """Headless Chromium that notes its console and its requests."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield started
    started.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run with hostile names, one with plain ones, and their comparison."""
    folder = tmp_path_factory.mktemp("pages")
    runs = [
        write_small_run(folder / "<img src=x onerror=alert(1)>", names=NAMES),
        write_small_run(folder / "plain"),
    ]
    comparison = write_report(runs, output=folder / "comparison.html").path
    hostile, plain = (write_report([run]).path for run in runs)
    return {"hostile": hostile, "plain": plain, "comparison": comparison}


def open_page(driver: Any, path: Path, *, width: int = 1280, scheme: str = "light", media: str = "") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    set_media(driver, scheme, media)
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(path.as_uri())


def set_media(driver: Any, scheme: str, media: str = "") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def eventually(read: Callable[[], object], expected: object) -> None:
    """Wait, not long, for what the browser does in its own time."""
    deadline = time.monotonic() + 20
    while read() != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert read() == expected


def press(driver: Any, *keys: str) -> None:
    from selenium.webdriver import ActionChains, Keys

    for key in keys:
        ActionChains(driver).send_keys(getattr(Keys, key)).perform()


def focused(driver: Any) -> str:
    """The text of the element that has the focus."""
    return str(driver.execute_script("return document.activeElement.textContent"))


def heading(driver: Any, caption: str, name: str) -> Any:
    """The button of a table's heading."""
    script = """
        const table = [...document.querySelectorAll("table")].find(t => t.caption.textContent === arguments[0]);
        return [...table.tHead.rows[0].cells].find(c => c.textContent === arguments[1]).querySelector("button");
    """
    return driver.execute_script(script, caption, name)


def column(driver: Any, caption: str, name: str) -> list[str]:
    """The cells of the body under a heading, as they stand now."""
    script = """
        const table = [...document.querySelectorAll("table")].find(t => t.caption.textContent === arguments[0]);
        const place = [...table.tHead.rows[0].cells].findIndex(c => c.textContent === arguments[1]);
        return [...table.tBodies[0].rows].map(row => row.cells[place].textContent);
    """
    return list(driver.execute_script(script, caption, name))


def aria_sort(driver: Any) -> list[str]:
    return list(
        driver.execute_script(
            "return [...document.querySelectorAll('[aria-sort]')].map(h => h.textContent + ' ' + h.ariaSort)"
        )
    )


def fill(driver: Any, caption: str, name: str, cells: list[str]) -> None:
    """Put texts into the first cells of a column, so that a test knows what there is to sort."""
    script = """
        const table = [...document.querySelectorAll("table")].find(t => t.caption.textContent === arguments[0]);
        const place = [...table.tHead.rows[0].cells].findIndex(c => c.textContent === arguments[1]);
        arguments[2].forEach((text, row) => { table.tBodies[0].rows[row].cells[place].textContent = text; });
    """
    driver.execute_script(script, caption, name, cells)


@pytest.mark.parametrize("scheme", THEMES)
@pytest.mark.parametrize("name", ["hostile", "plain", "comparison"])
def test_the_page_says_nothing_to_the_console_asks_for_nothing_and_opens_no_dialog(
    driver: Any, pages: dict[str, Path], name: str, scheme: str
) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    open_page(driver, pages[name], scheme=scheme)
    driver.execute_script("document.querySelectorAll('details').forEach(part => { part.open = true; })")

    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    requests = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert [url for url in requests if url.startswith("file:")] == [pages[name].as_uri()]
    assert driver.get_log("browser") == []
    with pytest.raises(NoAlertPresentException):
        _ = driver.switch_to.alert
    broken = "return [...document.images].filter(image => !image.complete || image.naturalWidth === 0).length"
    assert driver.execute_script(broken) == 0


def test_what_the_policy_forbids_does_not_run(driver: Any, pages: dict[str, Path]) -> None:
    """Markup that slipped through would still be dead: an event handler, a script, a style and a picture from afar."""
    open_page(driver, pages["plain"])

    driver.execute_script("""
        window.ran = [];
        document.body.insertAdjacentHTML("beforeend",
            "<p id=probe onclick=\\"ran.push('handler')\\" style='color: red'>x</p>"
            + "<img src='https://nano-u.invalid/x.png'>");
        const script = document.createElement("script");
        script.textContent = "window.ran.push('script')";
        document.body.append(script);
        document.getElementById("probe").click();
    """)

    assert driver.execute_script("return window.ran") == []
    colour = "return getComputedStyle(document.getElementById('probe')).color"
    assert driver.execute_script(colour) != "rgb(255, 0, 0)"
    violations = [entry["message"] for entry in driver.get_log("browser")]
    assert sum("Content Security Policy" in message for message in violations) >= 4


@pytest.mark.parametrize(("scheme", "other"), [("light", "dark"), ("dark", "light")])
def test_the_theme_follows_the_system_until_the_button_is_used(
    driver: Any, pages: dict[str, Path], scheme: str, other: str
) -> None:
    def shown() -> tuple[str, str]:
        ground = "return getComputedStyle(document.body).backgroundColor"
        return driver.execute_script(ground), driver.find_element("id", "theme").text

    first, second = (THEMES[scheme], f"{other.title()} theme"), (THEMES[other], f"{scheme.title()} theme")
    open_page(driver, pages["plain"], scheme=scheme)
    eventually(shown, first)

    set_media(driver, other)
    eventually(shown, second)

    set_media(driver, scheme)
    eventually(shown, first)
    driver.find_element("id", "theme").click()
    eventually(shown, second)

    driver.find_element("id", "theme").click()
    eventually(shown, first)
    set_media(driver, other)
    eventually(shown, first)


CONTRAST = """
    function channels(colour) { return colour.match(/[\\d.]+/g).map(Number); }
    function luminance(rgb) {
        const [r, g, b] = rgb.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    }
    function ground(element) {
        for (let at = element; at; at = at.parentElement) {
            const found = channels(getComputedStyle(at).backgroundColor);
            if (found.length === 3 || found[3] > 0) return found.slice(0, 3);
        }
    }
    const low = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim() || element.closest("script")) continue;
        const style = getComputedStyle(element);
        const colour = element.closest("svg") ? style.fill : style.color;
        const pair = [luminance(channels(colour).slice(0, 3)), luminance(ground(element))].sort((a, b) => b - a);
        const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
        if (ratio < 4.5) low.push(element.textContent.slice(0, 40) + ": " + ratio.toFixed(2));
    }
    return low;
"""


@pytest.mark.parametrize("scheme", THEMES)
@pytest.mark.parametrize("name", ["hostile", "comparison"])
def test_every_text_stands_out_from_its_ground(driver: Any, pages: dict[str, Path], name: str, scheme: str) -> None:
    open_page(driver, pages[name], scheme=scheme)

    assert driver.execute_script(CONTRAST) == []


def test_a_click_sorts_numbers_the_largest_first_and_again_the_other_way(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["plain"])
    fill(driver, EVIDENCE, "score", ["9", "-", "10,000", "-3.5", "2e3", ""])

    heading(driver, EVIDENCE, "score").click()
    assert column(driver, EVIDENCE, "score") == ["10,000", "2e3", "9", "-3.5", "-", ""]
    assert aria_sort(driver) == ["score descending"]

    heading(driver, EVIDENCE, "score").click()
    assert column(driver, EVIDENCE, "score") == ["-3.5", "9", "2e3", "10,000", "-", ""]
    assert aria_sort(driver) == ["score ascending"]


def test_the_row_of_totals_stays_at_the_foot(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["plain"])
    foot = "return [...document.querySelectorAll('tfoot tr')].map(row => row.textContent)"
    totals, names = driver.execute_script(foot), column(driver, LAYERS, "layer")

    heading(driver, LAYERS, "#").click()

    assert column(driver, LAYERS, "layer") == names[::-1]
    assert driver.execute_script(foot) == totals
    assert len(totals) > 0


def test_intervals_limits_and_units_sort_by_their_number(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["plain"])
    fill(driver, EVIDENCE, "95% interval", ["0.5-0.9", ">= 2e6", "+0.25", "3 of 3", "12 of 16", "1.5 M"])

    heading(driver, EVIDENCE, "95% interval").click()

    assert column(driver, EVIDENCE, "95% interval") == [">= 2e6", "12 of 16", "3 of 3", "1.5 M", "0.5-0.9", "+0.25"]


def test_texts_sort_from_a_with_numbers_in_their_order(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["plain"])
    fill(driver, EVIDENCE, "layer", ["block10", "block9", "Äther", "2nd", "zebra", "-"])

    heading(driver, EVIDENCE, "layer").click()
    assert column(driver, EVIDENCE, "layer") == ["2nd", "Äther", "block9", "block10", "zebra", "-"]
    assert aria_sort(driver) == ["layer ascending"]

    heading(driver, EVIDENCE, "layer").click()
    assert column(driver, EVIDENCE, "layer") == ["zebra", "block10", "block9", "Äther", "2nd", "-"]


def test_names_that_begin_with_digits_are_texts(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["plain"])
    fill(driver, EVIDENCE, "layer", ["2nd", "10th", "1_b", "1_a", "3D", "0001TP"])

    heading(driver, EVIDENCE, "layer").click()

    assert column(driver, EVIDENCE, "layer") == ["1_a", "1_b", "0001TP", "2nd", "3D", "10th"]


def test_rows_stay_whole_and_equal_ones_keep_the_order_of_names(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["plain"])
    names, scores = column(driver, EVIDENCE, "layer"), column(driver, EVIDENCE, "score")
    before = dict(zip(names, scores, strict=True))

    heading(driver, EVIDENCE, "score").click()

    names, scores = column(driver, EVIDENCE, "layer"), column(driver, EVIDENCE, "score")
    assert dict(zip(names, scores, strict=True)) == before
    assert [float(score) for score in scores] == sorted(map(float, before.values()), reverse=True)


def test_the_keyboard_reaches_skip_link_navigation_buttons_and_headings_in_order(
    driver: Any, pages: dict[str, Path]
) -> None:
    open_page(driver, pages["plain"])
    page = ParsedPage(pages["plain"].read_text(encoding="utf-8"))
    links = [link.text for link in page.all("a") if "nav" in link.inside]

    press(driver, "TAB")
    skip = driver.switch_to.active_element
    assert skip.text == "Skip to the content"
    assert skip.rect["x"] >= 0
    order = []
    for _ in range(len(links) + 2):
        press(driver, "TAB")
        order.append(focused(driver))
    assert order == [*links, "Save the data", "Dark theme"]
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert driver.execute_script(outline) == "solid"

    press(driver, "TAB")
    assert driver.switch_to.active_element.get_attribute("aria-label") == EVIDENCE
    press(driver, "TAB", "ENTER")
    assert aria_sort(driver) == ["layer ascending"]
    press(driver, "TAB", "SPACE")
    assert aria_sort(driver) == ["channels descending"]
    widths = [int(cell) for cell in column(driver, EVIDENCE, "channels")]
    assert widths == sorted(widths, reverse=True)


def test_the_skip_link_leads_past_the_navigation(driver: Any, pages: dict[str, Path]) -> None:
    open_page(driver, pages["plain"])

    press(driver, "TAB", "ENTER", "TAB")

    assert driver.switch_to.active_element.get_attribute("aria-label") == EVIDENCE


def test_saving_the_data_gives_the_pages_json(driver: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    open_page(driver, pages["hostile"])

    driver.find_element("id", "save").click()

    saved = tmp_path / "report.json"
    deadline = time.monotonic() + 20
    while not saved.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    page = ParsedPage(pages["hostile"].read_text(encoding="utf-8"))
    record = json.loads(saved.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert record == json.loads(page.one("script", id_="report-data").text)
    assert record["provenance"]["dataset"]["source"] == HOSTILE


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["hostile", "plain", "comparison"])
def test_the_page_never_scrolls_sideways(
    driver: Any, pages: dict[str, Path], name: str, width: int, tmp_path: Path
) -> None:
    open_page(driver, pages[name], width=width)
    driver.execute_script("document.querySelectorAll('details').forEach(part => { part.open = true; })")

    assert driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]") == [width, width]
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    picture = tmp_path / f"{name}-{width}.png"
    picture.write_bytes(base64.b64decode(shot["data"]))
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize("width", [1280, 800])
def test_long_names_of_compilers_leave_every_column_of_the_certificate_in_sight(
    driver: Any, pages: dict[str, Path], width: int
) -> None:
    open_page(driver, pages["plain"], width=width)
    driver.execute_script("document.querySelectorAll('details').forEach(part => { part.open = true; })")

    parts = "document.getElementById('chip').parentElement.querySelectorAll('.scroll')"
    widths = driver.execute_script(f"return [...{parts}].map(part => part.scrollWidth - part.clientWidth)")
    assert widths == [0, 0, 0, 0]


@pytest.mark.parametrize("scheme", THEMES)
def test_paper_is_white_and_shows_no_buttons(driver: Any, pages: dict[str, Path], scheme: str, tmp_path: Path) -> None:
    open_page(driver, pages["plain"], scheme=scheme)
    driver.find_element("id", "theme").click()
    set_media(driver, scheme, "print")

    ground = "return getComputedStyle(document.body).backgroundColor"
    hidden = "return [...document.querySelectorAll('#save, #theme, nav, .skip')].map(e => e.getClientRects().length)"
    assert driver.execute_script(ground) == THEMES["light"]
    assert driver.execute_script(hidden) == [0, 0, 0, 0]
    assert driver.execute_script(CONTRAST) == []

    printed = driver.execute_cdp_cmd("Page.printToPDF", {})
    (tmp_path / "page.pdf").write_bytes(base64.b64decode(printed["data"]))
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    assert driver.execute_script("return [...document.querySelectorAll('details')].every(part => part.open)")
