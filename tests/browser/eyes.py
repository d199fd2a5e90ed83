"""Looking at a page: its width, its colours, its console; at three widths, light and dark."""

import re

WIDTHS = (375, 768, 1280)
SCHEMES = ("light", "dark")
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")

CONTRAST = r"""
() => {
  const parts = (color) => {
    const drawn = document.createElement("canvas").getContext("2d");
    drawn.canvas.width = drawn.canvas.height = 1;
    drawn.fillStyle = color;
    drawn.fillRect(0, 0, 1, 1);
    return Array.from(drawn.getImageData(0, 0, 1, 1).data);
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((part) => {
      const unit = part / 255;
      return unit <= 0.04045 ? unit / 12.92 : ((unit + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let found = element; found; found = found.parentElement) {
      const color = parts(getComputedStyle(found).backgroundColor);
      if (color[3] === 255) { return color; }
    }
    return parts("Canvas");
  };
  const poor = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || ["SCRIPT", "NOSCRIPT"].includes(element.tagName)) { continue; }
    if (!element.checkVisibility()) { continue; }
    const style = getComputedStyle(element);
    const [one, other] = [light(parts(style.color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const isLarge = parseFloat(style.fontSize) >= 24;
    if (ratio < (isLarge ? 3 : 4.5)) { poor.add(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`); }
  }
  return Array.from(poor);
}
"""
"""Texts whose contrast is below WCAG's AA."""


class Eyes:
    """`problems` is what was found."""

    def __init__(self, chromium, stage, folder):
        self._chromium, self._stage, self._folder = chromium, stage, folder
        self._contexts = []
        self.problems = []
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def open(self, **how):
        """A page of a fresh browser profile."""
        context = self._chromium.new_context(**{"locale": "en-US", **how})
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self._hear(message, page))
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        return page

    def sign_in(self, username, **how):
        page = self.open(**how)
        page.goto(f"{self._stage.site}/accounts/login/")
        page.fill("[name=username]", username)
        page.fill("[name=password]", "sandbox-only")
        page.click("main button")
        page.wait_for_url("**/team/")
        return page

    def look(self, page, name):
        """Look at what `page` shows, in every width and scheme, as the same person."""
        state = page.context.storage_state()
        for scheme in SCHEMES:
            for width in WIDTHS:
                seen = self.open(
                    color_scheme=scheme,
                    viewport={"width": width, "height": 900},
                    storage_state=state,
                )
                seen.goto(page.url)
                self._judge(seen, f"{name}-{width}-{scheme}", width)
                seen.context.close()
                self._contexts.remove(seen.context)

    def close(self):
        for context in self._contexts:
            context.close()

    def _judge(self, seen, name, width):
        if self._folder:
            seen.screenshot(path=self._folder / f"{name}.png", full_page=True)
        real = seen.evaluate("document.documentElement.scrollWidth")
        if real > width:
            self.problems.append(f"{name} is {real} wide")
        self.problems += [f"{name}: contrast {poor}" for poor in seen.evaluate(CONTRAST)]
        if seen.locator("h1").count() != 1:
            self.problems.append(f"{name} has {seen.locator('h1').count()} first headings")

    def _hear(self, message, page):
        if message.type in {"error", "warning"} and not EXPECTED.search(message.text):
            self.problems.append(f"{page.url}: {message.text}")
