"""A code host that a test can watch and break: GitHub's REST API, on this machine.

It stands for https://api.github.com, where no test may publish, and speaks its protocol for
releases, their assets, pull requests and runs: https://docs.github.com/en/rest.

    with CodeHost("owner/name", remote=bare) as host:
        host.drop_next("POST", "/assets", after=True)
        project.nox("-s", "release", GITHUB_API_URL=host.url, GITHUB_TOKEN=host.token)
        assert [asset.name for asset in host.releases[0].assets] == ["service.whl"]
        assert host.tags_made_up == []

As there: a draft is found by its number and in the list, never by its tag; an upload that did not
get through leaves a `starter`, which blocks its name and is only in the list of assets; an unusual
character in an asset's name becomes a period; a pull request's head is asked for as owner:branch.
"""

import hashlib
import json
import re
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import yaml

type Json = dict[str, Any]

MESSAGES = {
    401: "Bad credentials",
    403: "Resource not accessible by integration",
    500: "Server Error",
    502: "Server Error",
}
NOT_PERMITTED = "GitHub Actions is not permitted to create or approve pull requests."
FLAGS = ("draft", "generate_release_notes", "maintainer_can_modify", "prerelease")
KINDS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(FLAGS, (bool, "boolean")),
    "inputs": (dict, "object"),
}
CHOICES = {"make_latest": ("true", "false", "legacy"), "state": ("open", "closed")}
RELEASE = ("tag_name", "target_commitish", "name", "body", "draft", "prerelease", "make_latest")
PULL_REQUEST = ("title", "body", "base", "maintainer_can_modify")
ROUTES = {
    r"/releases": {"GET": "list_releases", "POST": "create_release"},
    r"/releases/latest": {"GET": "get_latest"},
    r"/releases/tags/(.+)": {"GET": "get_tagged"},
    r"/releases/(\d+)": {"GET": "get_release", "PATCH": "edit_release", "DELETE": "delete_release"},
    r"/releases/(\d+)/assets": {"GET": "list_assets", "POST": "upload"},
    r"/releases/assets/(\d+)": {"GET": "get_asset", "DELETE": "delete_asset"},
    r"/git/matching-refs/(.+)": {"GET": "list_refs"},
    r"/git/tags/([0-9a-f]+)": {"GET": "get_tag"},
    r"/pulls": {"GET": "list_pulls", "POST": "create_pull"},
    r"/pulls/(\d+)": {"GET": "get_pull", "PATCH": "edit_pull"},
    r"/actions/workflows/([^/]+)/dispatches": {"POST": "dispatch"},
}


def now() -> str:
    """Return the time as the API tells it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Request(NamedTuple):
    """What came: JSON as what it says, a file as its number of bytes, None for nothing."""

    method: str
    path: str
    sent: Any


@dataclass
class Asset:
    """A file of a release; a `starter` has the size that was announced, and no content."""

    id: int
    name: str
    label: str | None
    content_type: str
    size: int
    content: bytes = b""
    state: str = "starter"


@dataclass
class Release:
    """A release or the draft of one."""

    id: int
    tag: str = ""
    target: str = "main"
    name: str | None = None
    body: str | None = None
    draft: bool = True
    prerelease: bool = False
    created: str = field(default_factory=now)
    published: str | None = None
    assets: list[Asset] = field(default_factory=list)


@dataclass
class PullRequest:
    """A pull request between two branches of the repository."""

    number: int
    head: str
    sha: str
    base: str = ""
    title: str = ""
    body: str | None = None
    draft: bool = False
    state: str = "open"
    created: str = field(default_factory=now)
    merged: str | None = None
    """When it was; a test may set it, and `state`, for a merge that git does not show."""


@dataclass
class Plan:
    """What a test wants to happen where a method and a path with its query match."""

    method: str
    pattern: str
    after: bool = False
    status: int = 0
    callback: Callable[[], object] | None = None

    def covers(self, request: Request) -> bool:
        """Tell whether a request is meant."""
        return self.method == request.method and bool(re.search(self.pattern, request.path))


class RefusedError(Exception):
    """An error in answer to a request."""

    def __init__(self, status: int, message: str = "", *errors: Json) -> None:
        super().__init__(status, message)
        self.status = status
        self.body: Json = {"message": message or MESSAGES.get(status) or HTTPStatus(status).phrase}
        self.body |= {"errors": errors} if errors else {}
        self.body |= {"documentation_url": "https://docs.github.com/rest", "status": str(status)}


def invalid(resource: str, code: str, name: str = "", message: str = "") -> RefusedError:
    """Return the answer to what is well formed and cannot be."""
    error = {"resource": resource, "code": code, "field": name, "message": message}
    return RefusedError(422, "Validation Failed", {key: it for key, it in error.items() if it})


def find[T](items: Mapping[int, T], number: str) -> T:
    """Return the item of a number."""
    if int(number) not in items:
        raise RefusedError(404)
    return items[int(number)]


def fields(body: bytes, known: tuple[str, ...], needed: tuple[str, ...] = ()) -> Json:
    """Return the JSON that was sent, without unknown fields, wrong types and gaps."""
    try:
        sent = json.loads(body)
    except ValueError:
        raise RefusedError(400, "Problems parsing JSON") from None
    if not isinstance(sent, dict):
        raise RefusedError(422, "Invalid request.\n\nFor 'links/0/schema', nil is not an object.")
    wrong = [f'"{name}" wasn\'t supplied.' for name in needed if name not in sent]
    wrong += [f'"{name}" is not a permitted key.' for name in sent if name not in known]
    for name, value in sent.items():
        told = "nil" if value is None else json.dumps(value)
        kind, kind_told = KINDS.get(name, (str, "string"))
        if name in known and not isinstance(value, kind):
            wrong.append(f"For 'properties/{name}', {told} is not a {kind_told}.")
        elif name in CHOICES and value not in CHOICES[name]:
            one = f"Must be one of the following: {', '.join(CHOICES[name])}."
            wrong.append(f"For 'properties/{name}', {told} is not a possible value. {one}")
    if wrong:
        raise RefusedError(422, "\n".join(["Invalid request.\n", *wrong]))
    return sent


class Handler(BaseHTTPRequestHandler):
    """A connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    host: "CodeHost"

    def answer(self) -> None:
        length, self.body = int(self.headers["Content-Length"] or 0), b""
        with suppress(ConnectionError):
            self.body = self.rfile.read(length)
        self.at = urlsplit(self.path)
        self.query = dict(parse_qsl(self.at.query, keep_blank_values=True))
        sent = len(self.body) or None
        if sent and not self.at.path.endswith("/assets"):
            with suppress(ValueError):
                sent = json.loads(self.body)
        request = Request(self.command, self.path, sent)
        self.host.requests.append(request)
        self.host.happens(request, after=False)
        failure = self.host.take(self.host.failures, request)
        drop = self.host.take(self.host.drops, request)
        lost = len(self.body) < length or self.gone() or (drop is not None and not drop.after)
        self.broken = 502 if lost else failure.status if failure else 0
        with self.host.lock:
            status, told = self.handled()
        self.host.happens(request, after=True)
        if lost or drop:
            self.close_connection = True
        else:
            with suppress(ConnectionError):
                self.reply(status, told)

    do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = answer  # noqa: N815  # names there

    def gone(self) -> bool:
        """Tell whether the client has hung up, as one does that was killed."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True

    def handled(self) -> tuple[int, object]:
        """Do what is asked for, if it may be; return a status and JSON."""
        try:
            name, arguments = self.route()
            if self.broken and (name != "upload" or self.broken < 500):
                raise RefusedError(self.broken)
            told = getattr(self, name)(*arguments)
        except RefusedError as refused:
            return refused.status, refused.body
        done = {"POST": 201 if told is not None else 204, "DELETE": 204}
        return done.get(self.command, 200), told

    def route(self) -> tuple[str, list[str]]:
        kind, _, token = (self.headers["Authorization"] or "").partition(" ")
        if kind.lower() not in {"bearer", "token"} or token != self.host.token:
            raise RefusedError(401, "" if kind else "Requires authentication")
        base = f"/repos/{self.host.repository}/".lower()
        for pattern, names in ROUTES.items():
            found = re.fullmatch(pattern, self.at.path[len(base) - 1 :])
            if found and self.command in names and self.at.path.lower().startswith(base):
                if self.host.refuse_writes and self.command != "GET":
                    raise RefusedError(403)
                return names[self.command], [unquote(group) for group in found.groups()]
        raise RefusedError(404)

    def reply(self, status: int, told: object) -> None:
        self.send_response(status)
        if isinstance(told, list):
            told = self.page(told)
        content = b"" if told is None else json.dumps(told).encode()
        self.send_header("Content-Type", "application/json; charset=utf-8")
        if content:
            self.send_header("Content-Length", str(len(content)))
        if "Transfer-Encoding" in self.headers:  # of what was not read
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def page(self, told: list[Json]) -> list[Json]:
        """Return the part that is asked for, and say where the others are."""
        page, size = int(self.query.get("page", 1)), min(int(self.query.get("per_page", 30)), 100)
        last = -(-len(told) // size)
        others = {"prev": page - 1, "first": 1} if page > 1 else {}
        others |= {"next": page + 1, "last": last} if page < last else {}
        url = self.host.url + self.at.path
        queries = {name: urlencode(self.query | {"page": other}) for name, other in others.items()}
        if links := [f'<{url}?{query}>; rel="{name}"' for name, query in queries.items()]:
            self.send_header("Link", ", ".join(links))
        return told[(page - 1) * size : page * size]

    def list_releases(self) -> list[Json]:
        return [self.host.tell_release(release) for release in reversed(self.host.visible())]

    def get_release(self, number: str) -> Json:
        return self.host.tell_release(self.host.release(number))

    def get_tagged(self, tag: str) -> Json:
        for release in self.host.releases:
            if release.tag == tag and not release.draft:
                return self.host.tell_release(release)
        raise RefusedError(404)

    def get_latest(self) -> Json:
        stable = [it for it in self.host.releases if not it.draft and not it.prerelease]
        if not stable:
            raise RefusedError(404)
        latest = self.host.latest
        return self.host.tell_release(latest if latest in stable else stable[-1])

    def create_release(self) -> Json:
        sent = fields(self.body, (*RELEASE, "generate_release_notes"), needed=("tag_name",))
        release = Release(next(self.host.numbers))
        self.host.change(release, {"draft": False} | sent)
        self.host.releases.append(release)
        return self.host.tell_release(release)

    def edit_release(self, number: str) -> Json:
        release = self.host.release(number)
        self.host.change(release, fields(self.body, RELEASE))
        return self.host.tell_release(release)

    def delete_release(self, number: str) -> None:
        self.host.releases.remove(self.host.release(number))

    def list_assets(self, number: str) -> list[Json]:
        release = self.host.release(number)
        return [self.host.tell_asset(release, asset) for asset in release.assets]

    def upload(self, number: str) -> Json:
        release = self.host.release(number)
        size = int(self.headers["Content-Length"] or 0)
        name = re.sub(r"[^A-Za-z0-9.@_+-]+", ".", self.query.get("name", ""))
        if "Transfer-Encoding" in self.headers:
            raise RefusedError(400, "Bad Content-Length: ")
        if not name:
            raise invalid("ReleaseAsset", "missing_field", "name")
        if not size:
            too_small = "size must be greater than or equal to 1"
            raise invalid("ReleaseAsset", "custom", "size", too_small)
        if any(asset.name == name for asset in release.assets):
            raise invalid("ReleaseAsset", "already_exists", "name")
        label, kind = self.query.get("label"), self.headers["Content-Type"]
        asset = Asset(next(self.host.numbers), name, label, kind, size)
        release.assets.append(asset)
        if self.broken:
            raise RefusedError(self.broken)
        asset.content, asset.state = self.body, "uploaded"
        return self.host.tell_asset(release, asset)

    def get_asset(self, number: str) -> Json:
        return self.host.tell_asset(*self.host.asset(number))

    def delete_asset(self, number: str) -> None:
        release, asset = self.host.asset(number)
        release.assets.remove(asset)

    def list_refs(self, begin: str) -> list[Json]:
        form = "--format=%(refname) %(objectname) %(objecttype)"
        told = self.host.git("for-each-ref", form).stdout.splitlines() if self.host.remote else []
        found = (line.split() for line in told if line.startswith(f"refs/{begin}"))
        return [{"ref": ref, "object": {"sha": it, "type": kind}} for ref, it, kind in found]

    def get_tag(self, sha: str) -> Json:
        told = self.host.git("cat-file", "tag", sha)
        if told.returncode:
            raise RefusedError(404)
        found, kind = (line.split()[1] for line in told.stdout.splitlines()[:2])
        return {"sha": sha, "object": {"sha": found, "type": kind}}

    def list_pulls(self) -> list[Json]:
        owner, asked, branch = self.query.get("head", "").rpartition(":")
        found = []
        for pull in reversed(self.host.pull_requests):
            self.host.look_at(pull)
            ours = owner.lower() == self.host.owner.lower() and branch == pull.head
            state, base = self.query.get("state", "open"), self.query.get("base", pull.base)
            if state in {"all", pull.state} and base == pull.base and (ours or not asked):
                found.append(self.host.tell_pull(pull))
        return found

    def get_pull(self, number: str) -> Json:
        pull = self.host.pull_request(number)
        return self.host.tell_pull(pull) | {"merged": bool(pull.merged)}

    def create_pull(self) -> Json:
        known = (*PULL_REQUEST, "head", "draft")
        sent = fields(self.body, known, needed=("title", "head", "base"))
        if not self.host.may_open_pull_requests:
            raise RefusedError(403, NOT_PERMITTED)
        head, base = sent["head"].removeprefix(f"{self.host.owner}:"), sent["base"]
        sha = self.host.commit(f"refs/heads/{head}")
        if not sha or not self.host.commit(f"refs/heads/{base}"):
            raise invalid("PullRequest", "invalid", "base" if sha else "head")
        for pull in self.host.pull_requests:
            self.host.look_at(pull)
            if (pull.head, pull.base, pull.state) == (head, base, "open"):
                exists = f"A pull request already exists for {self.host.owner}:{head}."
                raise invalid("PullRequest", "custom", message=exists)
        if self.host.contains(base, sha):
            raise invalid("PullRequest", "custom", message=f"No commits between {base} and {head}")
        number = len(self.host.pull_requests) + 1
        pull = PullRequest(number, head, sha, draft=sent.get("draft", False))
        self.rewrite(pull, sent)
        self.host.pull_requests.append(pull)
        return self.host.tell_pull(pull) | {"merged": False}

    def edit_pull(self, number: str) -> Json:
        pull = self.host.pull_request(number)
        self.rewrite(pull, fields(self.body, (*PULL_REQUEST, "state")))
        return self.host.tell_pull(pull) | {"merged": bool(pull.merged)}

    def dispatch(self, workflow: str) -> None:
        sent = fields(self.body, ("ref", "inputs"), needed=("ref",))
        told = self.host.git("show", f"{sent['ref']}:.github/workflows/{workflow}")
        if told.returncode:
            raise RefusedError(422, f"No ref found for: {sent['ref']}")
        started = yaml.safe_load(told.stdout)[True]  # what YAML takes `on` for
        if "workflow_dispatch" not in started:
            raise RefusedError(422, "Workflow does not have 'workflow_dispatch' trigger")
        known = started["workflow_dispatch"].get("inputs", {})
        if unknown := [name for name in sent.get("inputs", {}) if name not in known]:
            raise RefusedError(422, f"Unexpected inputs provided: {json.dumps(unknown)}")
        self.host.dispatched.append(sent)

    def rewrite(self, pull: PullRequest, sent: Json) -> None:
        if len(sent.get("body", "")) > 65_536:
            too_long = "body is too long (maximum is 65536 characters)"
            raise invalid("Issue", "custom", "body", too_long)
        for name in {"title", "body", "base", "state"} & sent.keys():
            setattr(pull, name, sent[name])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Print nothing."""


class CodeHost:
    """A repository on GitHub; a context manager that serves while it is open.

    Args:
        repository: its owner/name; there is no other one.
        token: the one that is let in.
        remote: the bare git repository of its branches and tags; None: whatever is named is there.
    """

    def __init__(self, repository: str, token: str = "ghs_t", remote: Path | None = None) -> None:
        self.repository, self.token, self.remote = repository, token, remote
        self.owner = repository.partition("/")[0]
        self.requests: list[Request] = []
        """What came since it was opened, in its order, whatever was answered."""
        self.releases: list[Release] = []
        """The drafts and the published ones, the oldest first."""
        self.latest: Release | None = None
        """The one that was made the latest."""
        self.pull_requests: list[PullRequest] = []
        """The oldest first; what git did to them is seen when they are next asked for."""
        self.tags_made_up: list[str] = []
        """Tags that GitHub would have made, because releases of them were published before them."""
        self.dispatched: list[Json] = []
        """The runs of workflows that were asked for: the ref, and the inputs."""
        self.may_open_pull_requests = True
        self.refuse_writes = False
        self.failures: list[Plan] = []
        self.drops: list[Plan] = []
        self.callbacks: list[Plan] = []
        self.numbers = count(1)
        self.lock = threading.RLock()
        handler = type("Handler", (Handler,), {"host": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        """What GITHUB_API_URL should be."""

    def fail_next(self, method: str, path_regex: str, status: int) -> None:
        """Answer the next that matches with an error, undone; an upload leaves a starter at 5xx."""
        self.failures.append(Plan(method, path_regex, status=status))

    def drop_next(self, method: str, path_regex: str, after: bool = False) -> None:
        """Hang up on the next that matches instead of an answer, when it is done or undone.

        An upload that is hung up on before it is done leaves a starter.
        """
        self.drops.append(Plan(method, path_regex, after))

    def on(
        self, method: str, path_regex: str, callback: Callable[[], object], after: bool = False
    ) -> None:
        """Call something at each request that matches, when it has come or when it is done.

        What has come is not done if its client is gone by then; an upload leaves a starter.
        """
        self.callbacks.append(Plan(method, path_regex, after, callback=callback))

    def happens(self, request: Request, after: bool) -> None:
        """Call what is to be called."""
        for plan in list(self.callbacks):
            if plan.callback and plan.after == after and plan.covers(request):
                plan.callback()

    def take(self, plans: list[Plan], request: Request) -> Plan | None:
        """Return what was planned for a request, and for no other one."""
        with self.lock:
            found = next((plan for plan in plans if plan.covers(request)), None)
            if found:
                plans.remove(found)
        return found

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["git", f"--git-dir={self.remote}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def commit(self, ref: str) -> str:
        """Return the hash that refs/tags/v1.0.0 or the like leads to; empty if it is not there."""
        if self.remote is None:
            return "0" * 40
        return self.git("rev-parse", "--quiet", "--verify", f"{ref}^{{commit}}").stdout.strip()

    def contains(self, branch: str, sha: str) -> bool:
        """Tell whether a branch has a commit."""
        if self.remote is None:
            return False
        return not self.git("merge-base", "--is-ancestor", sha, f"refs/heads/{branch}").returncode

    def visible(self) -> list[Release]:
        """Return the releases that a token may see: who may not write sees no drafts."""
        return [release for release in self.releases if not (release.draft and self.refuse_writes)]

    def release(self, number: str) -> Release:
        return find({release.id: release for release in self.visible()}, number)

    def asset(self, number: str) -> tuple[Release, Asset]:
        pairs = ((release, asset) for release in self.releases for asset in release.assets)
        return find({asset.id: (release, asset) for release, asset in pairs}, number)

    def pull_request(self, number: str) -> PullRequest:
        pull = find({pull.number: pull for pull in self.pull_requests}, number)
        self.look_at(pull)
        return pull

    def change(self, release: Release, sent: Json) -> None:
        """Give a release what was sent, and publish it if that is what was sent."""
        if len(sent.get("body", "")) > 125_000:
            too_long = "body is too long (maximum is 125000 characters)"
            raise invalid("Release", "custom", "body", too_long)
        tag, draft = sent.get("tag_name", release.tag), sent.get("draft", release.draft)
        if not draft:
            if not tag:
                raise invalid("Release", "missing_field", "tag_name")
            if any(it.tag == tag and not it.draft and it is not release for it in self.releases):
                raise invalid("Release", "already_exists", "tag_name")
            if not self.commit(f"refs/tags/{tag}"):
                self.tags_made_up.append(tag)
        latest = sent.get("make_latest", "true" if release.draft else "")
        release.tag, release.draft = tag, draft
        release.target = sent.get("target_commitish", release.target)
        release.name, release.body = sent.get("name", release.name), sent.get("body", release.body)
        release.prerelease = sent.get("prerelease", release.prerelease)
        release.published = None if draft else release.published or now()
        if latest == "true" and not draft and not release.prerelease:
            self.latest = release
        elif latest and self.latest is release:
            self.latest = None

    def look_at(self, pull: PullRequest) -> None:
        """See whether git merged a pull request that was open, or deleted its branch."""
        if pull.state == "open":
            head, known = self.commit(f"refs/heads/{pull.head}"), pull.sha
            pull.sha = head or known
            if self.contains(pull.base, known) or self.contains(pull.base, pull.sha):
                pull.merged = now()
            pull.state = "open" if head and not pull.merged else "closed"

    def shown(self, release: Release) -> str:
        """Return how the pages of a release call it."""
        return f"untagged-{release.id:020x}" if release.draft else release.tag

    def tell_release(self, release: Release) -> Json:
        url = f"{self.url}/repos/{self.repository}/releases/{release.id}"
        uploaded = [asset for asset in release.assets if asset.state == "uploaded"]
        return {
            "url": url,
            "assets_url": f"{url}/assets",
            "upload_url": f"{url}/assets{{?name,label}}",
            "html_url": f"{self.url}/{self.repository}/releases/tag/{self.shown(release)}",
            "id": release.id,
            "tag_name": release.tag,
            "target_commitish": release.target,
            "name": release.name,
            "body": release.body,
            "draft": release.draft,
            "prerelease": release.prerelease,
            "immutable": False,
            "created_at": release.created,
            "published_at": release.published,
            "assets": [self.tell_asset(release, asset) for asset in uploaded],
        }

    def tell_asset(self, release: Release, asset: Asset) -> Json:
        whole = asset.state == "uploaded"
        pages = f"{self.url}/{self.repository}/releases"
        return {
            "url": f"{self.url}/repos/{self.repository}/releases/assets/{asset.id}",
            "browser_download_url": f"{pages}/download/{self.shown(release)}/{asset.name}",
            "id": asset.id,
            "name": asset.name,
            "label": asset.label,
            "state": asset.state,
            "content_type": asset.content_type,
            "size": asset.size,
            "digest": f"sha256:{hashlib.sha256(asset.content).hexdigest()}" if whole else None,
        }

    def tell_pull(self, pull: PullRequest) -> Json:
        sides = {"head": (pull.head, pull.sha), "base": (pull.base, None)}
        return {
            "url": f"{self.url}/repos/{self.repository}/pulls/{pull.number}",
            "html_url": f"{self.url}/{self.repository}/pull/{pull.number}",
            "id": 1_000_000 + pull.number,
            "number": pull.number,
            "state": pull.state,
            "title": pull.title,
            "body": pull.body,
            "draft": pull.draft,
            "created_at": pull.created,
            "merged_at": pull.merged,
            **{
                side: {"label": f"{self.owner}:{ref}", "ref": ref, "sha": sha}
                for side, (ref, sha) in sides.items()
            },
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
