"""The page of a run in a browser: wide and narrow, light and dark, with odd texts and with many targets.

Chromium is started twice by each worker that has these tests. Each time one page holds every report in a frame of its
own (a window of Chromium is never as narrow as a phone), and a script at each report's end tells what it finds.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from buildmatrix.report.run.about import About
from buildmatrix.report.run.html import run_html
from tests.outcomes import many, odd, run

pytestmark = pytest.mark.corpus

PHONE, WIDE = 390, 1300

INSTALL = """
command -v chromium >/dev/null || {
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core >/dev/null
}
"""

LOOK = """<script>{
const seen = element => element?.checkVisibility() && element.getBoundingClientRect().width > 0;
const all = (words, test = seen) => [...document.querySelectorAll(words)].filter(test).length;
const found = {
  width: innerWidth,
  scroll: document.documentElement.scrollWidth,
  title: document.title,
  background: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.body).color,
  failure: seen(document.querySelector(".failure pre")) ? document.querySelector(".failure pre").innerText : "",
  bars: Object.fromEntries(["built", "cached", "failed"].map(name => [name, all(`.track .b.${name}`)])),
  heights: ["built", "cached"].map(name => document.querySelector(`.track .b.${name}`)?.offsetHeight),
  tries: all(".track .a"),
  boxes: all("svg rect"),
  rows: all("table.cards tbody tr"),
  digests: [...document.querySelectorAll(".digest")].map(one => one.scrollWidth > one.clientWidth),
  foreign: all("main script, main img", () => true),
};
const rows = () => [...document.querySelectorAll("table.cards tbody tr")].filter(seen);
const names = () => rows().map(row => row.querySelector("a").textContent);
const form = document.querySelector("form");
if (form) {
  form.text.value = "web"; form.dispatchEvent(new Event("input"));
  found.filtered = names().slice(0, 9);
  form.text.value = ""; form.dispatchEvent(new Event("input"));
  document.querySelectorAll("th button")[5].click();
  found.largest = names()[0];
}
const last = document.querySelector(".steps details:last-child .body");
addEventListener("hashchange", () => parent.postMessage({ name: NAME, ...found, opened: seen(last) }, "*"));
location.hash = last.id;
}</script>"""

FRAMES = """<!doctype html><title>frames</title><body>
<script>
const found = [];
addEventListener("message", event => {
  found.push(event.data);
  document.getElementById("found").textContent = JSON.stringify(found);
});
</script>"""


@pytest.fixture(scope="module")
def chromium(unavailable: Callable[[str], NoReturn]) -> str:
    """Find the browser, or install it where that can be done."""
    if not shutil.which("chromium"):
        if os.geteuid() or not shutil.which("apt-get"):
            unavailable("no chromium on PATH, and not root on Debian")
        lock = Path(tempfile.gettempdir(), "buildmatrix-chromium.lock")  # several workers of xdist may come here
        done = subprocess.run(["flock", lock, "sh", "-c", INSTALL], capture_output=True, text=True, check=False)
        if done.returncode:
            unavailable(f"chromium cannot be installed: {done.stderr.strip()}")
    return "chromium"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page of all frames: each report with the script that looks at it."""
    folder = tmp_path_factory.mktemp("pages")
    frames = FRAMES
    for name, outcome, width in (
        ("phone", run(), PHONE), ("wide", run(), WIDE), ("odd", odd(), PHONE), ("many", many(300), PHONE),
    ):  # fmt: skip
        look = LOOK.replace("NAME", json.dumps(name))
        (folder / f"{name}.html").write_text(
            run_html(outcome, About(page="x.html")).replace("</body>", f"{look}</body>"), encoding="utf-8"
        )
        frames += f'<iframe src="{name}.html" style="width:{width}px;height:900px;border:0"></iframe>\n'
    (folder / "all.html").write_text(frames + '<pre id="found"></pre>', encoding="utf-8")
    return folder / "all.html"


def look(chromium: str, page: Path, *options: str) -> dict[str, dict[str, Any]]:
    """Return what the scripts found, by report; nothing may have been said on the console."""
    done = subprocess.run(
        [
            chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
            "--virtual-time-budget=5000", f"--user-data-dir={page.parent / 'profile'}", *options, "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    told = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert told is not None
    from html import unescape

    return {found["name"]: found for found in json.loads(unescape(told[1]))}


@pytest.fixture(scope="module")
def light(chromium: str, reports: Path) -> dict[str, dict[str, Any]]:
    return look(chromium, reports)


def test_every_page_was_looked_at(light: dict[str, dict[str, Any]]) -> None:
    assert {name: found["width"] for name, found in light.items()} == {
        "phone": PHONE, "wide": WIDE, "odd": PHONE, "many": PHONE,
    }  # fmt: skip


def test_nothing_is_wider_than_the_window(light: dict[str, dict[str, Any]]) -> None:
    assert {
        name: found["scroll"] - found["width"] for name, found in light.items() if found["scroll"] > found["width"]
    } == {}


@pytest.mark.parametrize("name", ["phone", "wide"])
def test_what_is_seen(light: dict[str, dict[str, Any]], name: str) -> None:
    found = light[name]
    assert "error: no Rust compiler" in found["failure"]
    assert found["bars"]["failed"] == 1
    assert found["bars"]["built"] > 10
    assert found["bars"]["cached"] == 6
    assert found["heights"][0] > found["heights"][1]  # told apart without colours
    assert found["tries"] == 2
    assert found["boxes"] == 7
    assert found["rows"] == 7
    assert found["digests"] == [True, True]  # cut, and whole when copied


def test_what_scripts_add(light: dict[str, dict[str, Any]]) -> None:
    found = light["wide"]
    assert found["filtered"] == ["web"]
    assert found["largest"] == "web"
    assert found["opened"]
    assert light["many"]["opened"]


def test_many_targets_stay_usable(light: dict[str, dict[str, Any]]) -> None:
    assert light["many"]["rows"] == 300
    assert light["many"]["boxes"] == 0


def test_no_text_becomes_an_element(light: dict[str, dict[str, Any]]) -> None:
    assert light["odd"]["foreign"] == 0
    assert light["odd"]["title"] == "1 failed, 1 stopped · buildmatrix apply"


def test_dark(chromium: str, reports: Path, light: dict[str, dict[str, Any]]) -> None:
    dark = look(chromium, reports, "--blink-settings=preferredColorScheme=0")
    assert (light["wide"]["background"], dark["wide"]["background"]) == ("rgb(246, 247, 248)", "rgb(16, 19, 23)")
    assert light["wide"]["ink"] != dark["wide"]["ink"]
