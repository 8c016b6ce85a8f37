"""Deployments of what was published, started by hand: what is missing is told in a sentence."""

import pytest
from ops import dispatch
from pipeline.shell import FailedError


def test_what_is_no_ref_is_told() -> None:
    with pytest.raises(FailedError, match="main is not git's full name of a ref"):
        dispatch.due([], ["main"], "1a2b3c4")


def test_at_a_desk_the_workflows_variables_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    with pytest.raises(FailedError, match="GITHUB_REPOSITORY is not set"):
        dispatch.start(dispatch.Due("staging", "1.2.3", "main"))
