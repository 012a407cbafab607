"""The page in a real headless Chromium: charts drawn, no console error, no request to anywhere.

Needs Debian's `chromium` and `chromium-driver`. Skips, loudly, without them; with CI set it fails.
"""

import json
import os
import shutil
import warnings

import pytest

from denoscope.report import audit_charts, write_report
from denoscope.tables import write_audit
from synthetic_audit import synthetic_audit

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if not (CHROMIUM and DRIVER):
        words = (
            "no Chromium: the report page is NOT TESTED; apt-get install chromium chromium-driver"
        )
        if os.environ.get("CI"):
            pytest.fail(words)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(words, stacklevel=1)
        pytest.skip(words)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = write_audit(tmp_path_factory.mktemp("browser") / "audit", synthetic_audit())
    return write_report(folder)


def opened(browser, page, width: int):
    from selenium.webdriver.support.ui import WebDriverWait

    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    state = "return document.documentElement.dataset.charts"
    WebDriverWait(browser, 120).until(lambda one: one.execute_script(state))
    return browser.execute_script(state)


def requests(browser) -> list[str]:
    messages = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [one["request"]["url"] for one in sent]


def test_charts_are_drawn_without_errors_or_requests(browser, page):
    requests(browser)  # what the browser did before
    browser.get_log("browser")
    assert opened(browser, page, 1280) == "drawn"
    panels = sum(len(chart.panels) for chart in audit_charts(synthetic_audit()))
    drawn = "return document.querySelectorAll('.plot[data-drawn=yes] svg').length"
    assert browser.execute_script(drawn) == panels
    empty = (
        "return [...document.querySelectorAll('.plot svg')].filter(svg =>"
        " ![...svg.querySelectorAll('path')].some(p => (p.getAttribute('d') || '').length > 60))"
        ".map(svg => svg.closest('.plot').dataset.chart)"
    )
    assert browser.execute_script(empty) == []
    assert [line for line in browser.get_log("browser") if line["level"] != "INFO"] == []
    asked = [url for url in requests(browser) if not url.startswith("data:")]
    assert asked == [page.as_uri()]


def test_a_name_in_the_legend_singles_its_line_out(browser, page):
    opened(browser, page, 1280)
    legend = "document.querySelector('figure.chart .legend button')"
    faded = (
        "return [...document.querySelector('figure.chart .plot').querySelectorAll('path[opacity]')]"
        ".filter(path => Number(path.getAttribute('opacity')) < .15).length"
    )
    assert browser.execute_script(f"return {legend}.getAttribute('aria-pressed')") == "false"
    before = browser.execute_script(faded)
    browser.execute_script(f"{legend}.click()")
    assert browser.execute_script(f"return {legend}.getAttribute('aria-pressed')") == "true"
    browser.execute_async_script("setTimeout(arguments[0], 500)")
    assert browser.execute_script(faded) > before


@pytest.mark.parametrize("width", [360, 740, 1024])
def test_the_body_never_scrolls_sideways(browser, page, width):
    opened(browser, page, width)
    sizes = "return [document.documentElement.scrollWidth, window.innerWidth]"
    scrolled, inner = browser.execute_script(sizes)
    assert inner == width
    assert scrolled <= inner


def test_the_policy_stops_scripts_and_requests(browser, page):
    opened(browser, page, 1280)
    blocked = (
        "const done = arguments[0];"
        "const s = document.createElement('script'); s.textContent = 'window.intruder = 1';"
        "document.body.append(s);"
        "fetch('https://example.invalid/').then(() => done(['sent', window.intruder]),"
        " () => done(['blocked', window.intruder ?? null]))"
    )
    assert browser.execute_async_script(blocked) == ["blocked", None]
    assert not [url for url in requests(browser) if url.startswith("http")]
