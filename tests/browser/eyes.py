"""Looking at a page: its width, its colours, its console, its policy, and what axe says of it."""

import json
from pathlib import Path

from .page_scripts import CONTRAST, SETTLED, VIOLATIONS, axe

WIDTHS = (375, 768, 1280)
SCHEMES = ("light", "dark")
EXAMINED = {(375, "light"), (1280, "light"), (1280, "dark")}
"""Where axe looks, too: it takes its time."""

GRAVE = {"serious", "critical"}


class Eyes:
    """`problems` is what was found."""

    def __init__(self, chromium, site, folder=None):
        self._chromium, self._site, self._folder = chromium, site, folder
        self._contexts = []
        self.problems = []
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def open(self, **how):
        """A page of a fresh browser profile."""
        viewport = {"width": 1280, "height": 900}
        context = self._chromium.new_context(**{"locale": "en-US", "viewport": viewport, **how})
        self._contexts.append(context)
        context.add_init_script(VIOLATIONS)
        page = context.new_page()
        page.on("console", lambda message: self._hear(message, page))
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("response", lambda response: self._receive(response, page))
        return page

    def sign_in(self, username, *, path="/accounts/login/", then="**/team/", **how):
        page = self.open(**how)
        page.goto(f"{self._site}{path}")
        page.fill("[name=username]", username)
        page.fill("[name=password]", "sandbox-only")
        page.press("[name=password]", "Enter")
        page.wait_for_url(then)
        return page

    def sign_in_as_staff(self, username, **how):
        path = "/admin/login/?next=/admin/"
        return self.sign_in(username, path=path, then="**/admin/", **how)

    def glance(self, page, name):
        """Look at what `page` shows on a phone."""
        before = page.viewport_size
        page.set_viewport_size({"width": 375, "height": 900})
        self.judge(page, f"{name}-375-light", 375)
        self.examine(page, f"{name}-375-light")
        page.set_viewport_size(before)

    def look(self, page, name, *, is_loaded_again=False):
        """Look at what `page` shows now, in every width and scheme.

        Some pages choose their scheme as they load, and have to be loaded again.
        """
        page.wait_for_load_state()
        before = page.viewport_size
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            if is_loaded_again:
                page.reload()
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                self.judge(page, f"{name}-{width}-{scheme}", width)
                if (width, scheme) in EXAMINED:
                    self.examine(page, f"{name}-{width}-{scheme}")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(before)

    def judge(self, page, name, width):
        page.evaluate(SETTLED)
        if self._folder:
            page.screenshot(
                path=self._folder / f"{name}.png", full_page=True, animations="disabled"
            )
        real = page.evaluate("document.documentElement.scrollWidth")
        if real > width:
            self.problems.append(f"{name} is {real} wide")
        self.problems += [f"{name}: contrast {poor}" for poor in page.evaluate(CONTRAST)]
        if page.locator("h1").count() != 1:
            self.problems.append(f"{name} has {page.locator('h1').count()} first headings")

    def examine(self, page, name):
        """Ask axe. What is not grave is written down beside the pictures."""
        for found in page.evaluate(axe()):
            line = f"{name}: axe {found['impact']} {found['id']}: {found['nodes']}"
            if found["impact"] in GRAVE:
                self.problems.append(line)
            if self._folder:
                with Path(self._folder, "axe.jsonl").open("a") as notes:
                    notes.write(json.dumps({"page": name, **found}) + "\n")

    def close(self):
        for context in self._contexts:
            context.close()

    def _receive(self, response, page):
        """A page may be a 4xx; what it loads may not, and nothing may be a 5xx."""
        is_page = response.request.is_navigation_request()
        if response.status >= (500 if is_page else 400):
            self.problems.append(f"{page.url}: {response.status} for {response.url}")

    def _hear(self, message, page):
        if message.text.startswith("Failed to load resource: the server responded"):
            return  # _receive knows which, and whether it may
        if message.type in {"error", "warning"}:
            self.problems.append(f"{page.url}: {message.text}")
