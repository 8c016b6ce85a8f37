"""What the template's changelog says between two versions."""

import re

HEADING = re.compile(r"(?m)^## (?=\S)")
FOR_PROJECTS = re.compile(r"(?ms)^### Generated projects\n(.*?)(?=^### |^<!-- |\Z)")


def sections(changelog: str) -> dict[str, str]:
    """Return the sections of a changelog: what each is called, like `0.1.0`, to its text."""
    found = {}
    for section in HEADING.split(changelog)[1:]:
        title, _, text = section.partition("\n")
        found[title.split()[0].strip("[]").removeprefix("v")] = text.strip()
    return found


def between(before: str, after: str) -> dict[str, str]:
    """Return the sections of a changelog that an older one of the same template does not have."""
    known = sections(before)
    return {name: text for name, text in sections(after).items() if known.get(name) != text}


def to_do(news: dict[str, str]) -> str:
    """Return what sections say of projects that exist, as Markdown; empty where none does."""
    found = {name: FOR_PROJECTS.search(text) for name, text in news.items()}
    told = [f"## {name}\n\n{match[1].strip()}" for name, match in found.items() if match]
    return "\n\n".join(told)


def whole(news: dict[str, str]) -> str:
    """Return sections as Markdown, one level below a heading."""
    told = (f"## {name}\n\n{text}" for name, text in news.items())
    return "\n\n".join(re.sub("(?m)^#", "##", each) for each in told)
