"""What runs inside a page that is looked at."""

from functools import cache
from importlib.resources import files

VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`Policy: ${event.effectiveDirective} keeps ${event.blockedURI} out`);
});
"""
"""Says violations of the Content-Security-Policy in the console, reported ones too."""

SETTLED = """
new Promise((done) => requestAnimationFrame(() => {
  const running = document.getAnimations().filter((found) => found instanceof CSSTransition);
  running.forEach((transition) => transition.finish());
  setTimeout(done, 0);
}))
"""
"""Waits until another width or scheme is drawn, without its transitions."""

AXE = """
;axe.run(document, { resultTypes: ["violations"], preload: false }).then((found) =>
  found.violations.map(({ id, impact, nodes }) => ({
    id,
    impact,
    nodes: nodes.slice(0, 5).map((node) => node.target.join(" ")),
  })))
"""


@cache
def axe():
    """axe-core and its violations. The debugger evaluates it, so no policy has to be loosened."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8") + AXE


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
    if (!element.checkVisibility() || element.closest(".material-symbols-outlined")) { continue; }
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
