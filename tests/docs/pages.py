"""The documents as values: their blocks of code, links, tables."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[\w+]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_BOUGHT = re.compile(r"^<!-- bought: (\w+) x(\d+) -->$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    line: int
    """Where its text begins in the page, from 1."""

    @property
    def file(self):
        """The file that its first line names, `# settings.py`; else ''."""
        found = re.match(r"(?:#|<!--|{#) ([\w/]+\.\w+)", self.text)
        return found[1] if found else ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A Markdown document."""

    path: Path

    @property
    def name(self):
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self):
        return self.path.read_text(encoding="utf-8")

    @property
    def blocks(self):
        return [
            Block(
                language=found["language"],
                text=re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
                line=self.text.count("\n", 0, found.start()) + 2,
            )
            for found in _FENCE.finditer(self.text)
        ]

    @property
    def prose(self):
        """The text without the blocks."""
        return _FENCE.sub("", self.text)

    @property
    def bought(self):
        """The price and quantity that the examples take for bought, from a comment; or None."""
        found = _BOUGHT.search(self.text)
        return (found[1], int(found[2])) if found else None

    @property
    def links(self):
        return _LINK.findall(self.prose)

    @property
    def anchors(self):
        """The headings as GitHub names them in an address."""
        return {
            re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in _HEADING.findall(self.prose)
        }

    def table(self, heading):
        """The cells of the first table after a heading, without its head."""
        _, _, rest = self.text.partition(f"# {heading}\n")
        rows = []
        for line in rest.splitlines():
            if line.startswith("|"):
                rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
            elif rows:
                break
        return rows[2:]


PAGES = [Page(path=path) for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]]


def page(name):
    """The page of this name, `README.md` or `docs/access.md`."""
    return Page(path=ROOT / name)
