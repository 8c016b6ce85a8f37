"""What the job that makes an update and the one that proposes it agree on."""

BRANCH = "template-update"
REF = f"refs/template/{BRANCH}"  # of its commit, in the bundle
TITLE = "build: take in version "  # and the version of the template, of the commit
BUNDLE, ABOUT = "update.bundle", "proposal.json"
