"""Whoever follows a link, or looks for a file that is named, finds it."""

import re
from pathlib import Path

from tests.docs.conftest import House
from tests.docs.pages import Page, pages

HOME = re.compile(r"https://github\.com/slipway-template/slipway/(?:blob|tree)/main/(.*)")
FOLDERS = r"(?:\.github|bench|docs|includes|pipeline|src|template|tests)/[\w./-]*"


def dead_links(page: Page, house: Path, home: Path) -> list[str]:
    """Return the links of a page that lead nowhere; those into the public home are looked up."""
    wrong = []
    for link in page.links:
        public = HOME.fullmatch(link)
        if not public and re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = (public[1] if public else link).partition("#")
        target = ((home if public else page.path.parent) / path).resolve() if path else page.path
        inside = target.is_relative_to((home if public else house).resolve())
        named = not anchor or (target.suffix == ".md" and anchor in Page(target).anchors)
        if not (inside and target.exists() and named):
            wrong.append(f"{page.path.relative_to(house)}: {link}")
    return wrong


def test_every_link_of_this_repository_leads_somewhere(root: House) -> None:
    found = pages(root.path)
    assert {page.path.name for page in found} >= {"README.md", "CONTRIBUTING.md", "tutorial.md"}
    assert [link for page in found for link in dead_links(page, root.path, root.path)] == []


def test_every_link_of_a_generated_project_leads_somewhere(generated: House, root: House) -> None:
    found = pages(generated.path)
    assert {page.path.name for page in found} >= {"README.md", "SECURITY.md", "CHANGELOG.md"}
    assert [link for page in found for link in dead_links(page, generated.path, root.path)] == []


def test_the_index_leads_to_every_page(root: House) -> None:
    index = Page(root.path / "docs" / "README.md")
    linked = {(index.path.parent / link).resolve() for link in index.links}
    assert {page.path for page in pages(index.path.parent)} - linked == {index.path}


def test_every_file_that_is_named_exists(root: House, chosen: House) -> None:
    houses = (root.path, chosen.path)
    for house in houses:
        for page in pages(house):
            missing = [
                code
                for code in page.code
                if re.fullmatch(FOLDERS, code) and not any((it / code).exists() for it in houses)
            ]
            assert missing == [], page.path
