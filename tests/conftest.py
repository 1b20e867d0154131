import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser():
    """A headless browser of the machine's; without one, tests that need it are skipped, and fail where CI is set."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        message = f"none of {', '.join(BROWSERS)} found: install one (apt-get install chromium) to check pages"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    with sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        # scroll bars are part of what is looked at
        chromium = play.chromium.launch(executable_path=found, args=flags, ignore_default_args=["--hide-scrollbars"])
        yield chromium
        chromium.close()


@pytest.fixture(autouse=True, scope="session")
def own_live_runs(tmp_path_factory):
    """Tests read no runs that a chapter or an earlier session left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XSTITCH_RUNS", str(tmp_path_factory.mktemp("live runs")))
        yield
