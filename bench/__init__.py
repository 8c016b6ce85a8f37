"""How fast what is generated is, beside the bare tools, in one run: `uv run nox -s bench`."""
