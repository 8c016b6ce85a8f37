"""The code host: a release with notes and files, and the pull request that proposes one.

GitHub's, by its REST API: https://docs.github.com/rest/releases
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from github import Auth, Github, GithubException
from github.GitRelease import GitRelease
from github.PullRequest import PullRequest
from github.Repository import Repository
from packaging.version import Version
from requests.exceptions import RequestException

from pipeline.shell import FailedError

NOTES, PROPOSAL = 125_000, 65_536  # characters: GitHub takes no longer text
CONTENTS = "GITHUB_TOKEN needs `contents: write` there"
PROPOSALS = (
    "GITHUB_TOKEN needs `pull-requests: write` there, and the repository's settings for Actions"
    " decide whether workflows may open pull requests"
)


@dataclass(frozen=True)
class CodeHost:
    """A repository there, and somebody who may write to it."""

    repository: Repository
    owner: str

    @classmethod
    def find(cls, url: str) -> "CodeHost":
        """Return the one that the pipeline names, or else that of the project's Repository URL.

        Raises:
            FailedError: there is no token for it.
        """
        token = os.environ.get("GITHUB_TOKEN")
        if not token:
            msg = (
                "GITHUB_TOKEN is not set, and without it the code host takes no release: export a"
                " token that may write contents and pull requests"
            )
            raise FailedError(msg)
        host = urlsplit(url)
        public = f"{host.scheme}://api.{host.netloc}"
        own = public if host.netloc == "github.com" else f"{host.scheme}://{host.netloc}/api/v3"
        name = os.environ.get("GITHUB_REPOSITORY") or host.path.strip("/")
        client = Github(
            auth=Auth.Token(token),
            base_url=os.environ.get("GITHUB_API_URL") or own,
            lazy=True,  # the repository itself is of no interest
            retry=None,  # what is asked twice may be made twice; a second run completes it instead
            timeout=30,
            per_page=100,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        return cls(client.get_repo(name), name.partition("/")[0])

    def release(self, tag: str) -> GitRelease | None:
        """Return the release of a tag, a draft or not; None where there is none.

        Raises:
            FailedError: the code host does not tell.
        """
        with told("asked for releases"):
            found = [each for each in self.repository.get_releases() if each.tag_name == tag]
        return min(found, key=lambda each: each.draft, default=None)

    def draft(
        self, found: GitRelease | None, tag: str, version: Version, title: str, notes: str
    ) -> GitRelease:
        """Return the release of a tag with these notes, which nobody sees yet.

        Args:
            found: the draft that is there, to be renewed.
            tag: git's name of it.
            version: what it releases.
            title: what it is called.
            notes: in Markdown.

        Raises:
            FailedError: the code host refuses it.
        """
        body = cut(notes, NOTES)
        with told(f"asked to draft the release {tag}"):
            if found:
                pre = version.is_prerelease
                return found.update_release(title, body, draft=True, prerelease=pre, tag_name=tag)
            return self.repository.create_git_release(
                tag, title, body, draft=True, prerelease=version.is_prerelease
            )

    def publish(
        self, draft: GitRelease, commit: str, files: Sequence[Path], *, newest: bool
    ) -> str:
        """Attach files to a draft and show it to everybody; return its address.

        Args:
            draft: what `draft` returned.
            commit: the one that its tag is of. A tag that is not there would be made up.
            files: each is attached under its name, once.
            newest: it is the release that people get who ask for none.

        Raises:
            FailedError: the code host refuses it. It is a draft still, to be published again.
        """
        with told(f"asked for the tag {draft.tag_name}"):
            named = f"tags/{draft.tag_name}"
            found = self.repository.get_git_matching_refs(named)
            there = [it.object for it in found if it.ref == f"refs/{named}"]
            of = {it.sha if it.type == "commit" else self.tagged(it.sha) for it in there}
        if of != {commit}:
            where = f"{self.repository.full_name} on the code host"
            msg = f"{where} has not this tag {draft.tag_name}: is it your origin? Then run it again"
            raise FailedError(msg)
        with told(f"given the files of {draft.tag_name}"):
            attached = {asset.name: asset for asset in draft.get_assets()}
            for file in files:
                if file.name in attached:  # perhaps the half that an earlier run left
                    attached[file.name].delete_asset()
                with file.open("rb") as content:
                    draft.upload_asset_from_memory(content, file.stat().st_size, file.name)
        with told(f"asked to publish the release {draft.tag_name}"):
            latest = "true" if newest else "false"
            shown = draft.update_release(
                draft.name or draft.tag_name,
                draft.body or "",
                draft=False,
                prerelease=draft.prerelease,
                tag_name=draft.tag_name,
                make_latest=latest,
            )
        return shown.html_url

    def tagged(self, tag: str) -> str:
        """Return the hash of the commit of an annotated tag, by that tag's own hash."""
        return self.repository.get_git_tag(tag).object.sha

    def withdraw(self, head: str, base: str, title: str = "") -> None:
        """Close the pull request between two branches, if one is open.

        Args:
            head: the branch that would be merged.
            base: into which.
            title: what the pull request has to be called; empty for anything.

        Raises:
            FailedError: the code host refuses it.
        """
        with told("asked to close a pull request", PROPOSALS):
            for found in self.proposals(head, base):
                if title in {"", found.title}:
                    found.edit(state="closed")

    def proposals(self, head: str, base: str) -> Iterable[PullRequest]:
        """Return the open pull request between two branches, or none."""
        return self.repository.get_pulls(state="open", head=f"{self.owner}:{head}", base=base)

    def propose(self, head: str, base: str, title: str, body: str, *, draft: bool = False) -> str:
        """Return the address of a pull request with this title and body, opened or renewed.

        One that is opened is a draft, if it shall be; one that is there stays what it is.

        Raises:
            FailedError: the code host refuses it.
        """
        body = cut(body, PROPOSAL)
        with told("asked for a pull request", PROPOSALS):
            for found in self.proposals(head, base):
                if (found.title, found.body) != (title, body):
                    found.edit(title=title, body=body)
                return found.html_url
            made = self.repository.create_pull(base, head, title=title, body=body, draft=draft)
            return made.html_url


def cut(text: str, longest: int) -> str:
    """Return a text, without its end if that is too long."""
    return text if len(text) <= longest else f"{text[: longest - 2]}\n…"


@contextmanager
def told(what: str, needs: str = CONTENTS) -> Iterator[None]:
    """Turn the code host's refusal, or its silence, into one sentence."""
    try:
        yield
    except GithubException as error:
        said = error.data.get("message", "") if isinstance(error.data, dict) else error.data
        why = f"{error.status} {said}".strip().rstrip(".")
        remedy = needs if error.status in {401, 403, 404} else "Run it again to complete it"
        msg = f"the code host, {what}, says: {why}. {remedy}"
        raise FailedError(msg) from None
    except RequestException as error:
        msg = f"the code host, {what}, does not answer: {cause(error)}. Run it again to complete it"
        raise FailedError(msg) from None


def cause(error: BaseException) -> str:
    """Return what is at the bottom of an error."""
    below = [getattr(error, "reason", None), *reversed(error.args)]
    inner = next((each for each in below if isinstance(each, BaseException)), None)
    return cause(inner) if inner else str(error)
