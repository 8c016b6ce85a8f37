"""Is the source of advisories fit to give a verdict?

A source that answers but knows nothing would let every package pass. So it is asked about a package
whose advisories have stood for years, over the API that `uv audit` uses:
https://google.github.io/osv.dev/post-v1-query/.
"""

import sys

import httpx

KNOWN = {"version": "2.4.1", "package": {"name": "jinja2", "ecosystem": "PyPI"}}


def fault(service: str) -> str | None:
    """Say what is wrong with an OSV service, like `https://api.osv.dev`; None when nothing is."""
    try:
        response = httpx.post(f"{service}/v1/query", json=KNOWN, timeout=20)
        advisories = response.raise_for_status().json().get("vulns")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{service} does not answer ({error}): nothing is known about the dependencies"
    except (ValueError, AttributeError):
        return f"{service} does not answer as an OSV API does: check OSV_URL"
    if not advisories:
        return f"{service} knows no advisory for jinja2 2.4.1, which has several: its data is empty"
    return None


if __name__ == "__main__":
    if problem := fault(sys.argv[1].rstrip("/")):
        sys.exit(f"advisories: {problem}")
