"""What tests need and not every desk has."""

import os
import shutil

import pytest


def need[T](found: T | None, what: str) -> T:
    """Return what was found. If it is nothing: at a desk, skip; in the pipeline, fail."""
    if found:
        return found
    if "CI" in os.environ:
        pytest.fail(f"no {what}, and CI requires one")
    pytest.skip(f"no {what}")


def need_program(name: str) -> str:
    """Return the path of a program on PATH."""
    return need(shutil.which(name), f"{name} on PATH")
