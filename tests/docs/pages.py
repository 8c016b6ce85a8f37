"""Markdown, as far as the tests of the documentation need it."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Fence:
    """A block of code: the first word behind its backticks, the others, and what is in it."""

    language: str
    arguments: tuple[str, ...]
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path

    @cached_property
    def tokens(self) -> list[Token]:
        """What it is made of."""
        return PARSER.parse(self.path.read_text(encoding="utf-8"))

    @property
    def inline(self) -> Iterator[Token]:
        """The runs of text, links and code of all its paragraphs, headings and cells."""
        for token in self.tokens:
            yield from token.children or ()

    @property
    def links(self) -> list[str]:
        """Where its links and pictures lead, in order."""
        found = [token.attrGet("href") or token.attrGet("src") for token in self.inline]
        return [str(target) for target in found if target]

    @property
    def anchors(self) -> set[str]:
        """What a link can name behind its `#`, by the rule of GitHub."""
        anchors, seen = set(), Counter[str]()
        for opening, inline in zip(self.tokens, self.tokens[1:], strict=False):
            if opening.type == "heading_open":
                text = "".join(token.content for token in inline.children or ())
                slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
                anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
                seen[slug] += 1
        return anchors

    @property
    def fences(self) -> list[Fence]:
        """Its blocks of code, in order."""
        found = []
        for token in self.tokens:
            if token.type == "fence":
                language, *arguments = token.info.split() or [""]
                line = token.map[0] + 1 if token.map else 0
                found.append(Fence(language, tuple(arguments), token.content, line))
        return found

    @property
    def code(self) -> list[str]:
        """What it shows as code: spans, lines for the shell, commands in pictures."""
        spans = [token.content for token in self.inline if token.type == "code_inline"]
        blocks = "".join(fence.text for fence in self.fences if fence.language == "sh")
        drawn = "".join(fence.text for fence in self.fences if fence.language == "mermaid")
        return [*spans, *blocks.splitlines(), *re.findall(r'uv run nox[^<"\]]*', drawn)]

    def table(self, *head: str) -> list[list[str]]:
        """Return the rows of its first table with this head, without the backticks."""
        for rows in self.tables:
            if rows[0] == list(head):
                return rows[1:]
        message = f"{self.path} has no table with the head {' | '.join(head)}"
        raise AssertionError(message)

    @property
    def tables(self) -> Iterator[list[list[str]]]:
        """The rows of its tables, heads first, without the backticks."""
        rows: list[list[str]] = []
        for token, inline in zip(self.tokens, self.tokens[1:], strict=False):
            if token.type == "table_open":
                rows = []
            elif token.type == "tr_open":
                rows.append([])
            elif token.type in {"th_open", "td_open"}:
                rows[-1].append(inline.content.replace("`", ""))
            elif token.type == "table_close":
                yield rows


def pages(folder: Path) -> list[Page]:
    """Return the Markdown files of a folder, its hidden and generated ones left out."""
    return [
        Page(path)
        for path in sorted(folder.rglob("*.md"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
