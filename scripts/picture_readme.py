"""Draw the README's picture from a demo page: the diagnosis board above a row of the gallery.

Usage: python scripts/picture_readme.py demo/report.html docs/images/readme.png
"""

import io
import os
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

WIDTH_PX = 1000
UNSTICK = """() => { for (const item of document.querySelectorAll("*"))
    if (getComputedStyle(item).position === "sticky") item.style.position = "static"; }"""


def shoot(page: Page, selector: str) -> Image.Image:
    data = page.locator(selector).first.screenshot()
    return Image.open(io.BytesIO(data)).convert("RGB")


def main() -> None:
    source, target = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("SPINEBENCH_CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.goto(source.as_uri())
        page.evaluate(UNSTICK)  # the bar of the model picker would lie over the pictures
        parts = [shoot(page, "#board svg"), shoot(page, "#gallery .cards")]
        browser.close()
    parts[1] = parts[1].crop((0, 0, parts[1].width, min(parts[1].height, 530)))
    height = sum(part.height for part in parts) + 24
    sheet = Image.new("RGB", (max(part.width for part in parts), height), "white")
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height + 24
    scaled = sheet.resize((WIDTH_PX, round(sheet.height * WIDTH_PX / sheet.width)))
    scaled.quantize(128).save(target, optimize=True)


if __name__ == "__main__":
    main()
