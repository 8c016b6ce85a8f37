"""Release what the commits ask for: version, changelog, tag, and a release on the code host."""
