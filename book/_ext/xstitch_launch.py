"""Edit and Colab buttons, where the repository has a name.

GitHub's runners set GITHUB_REPOSITORY ("owner/name"). Edit leads to the page's source,
Colab to the chapter's copy, which tools/colab_copies.py writes on a branch of its own.
Without the variable there are no such buttons.
"""

import os
import re

from sphinx.errors import ConfigError

SOURCES = "main"  # the branches of .github/workflows/publish.yml
COPIES = "colab"


def add_buttons(app, config):
    """Set the theme's options; raises ConfigError for a name that is not owner/name."""
    name = os.environ.get("GITHUB_REPOSITORY")
    if not name:
        return
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ConfigError(
            f"GITHUB_REPOSITORY must be owner/name; got {name!r}: set it so, "
            "or unset it to build without buttons"
        )
    repository = f"https://github.com/{name}"
    config.html_theme_options = {
        **config.html_theme_options,
        "repository_url": repository,
        "repository_branch": COPIES,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
        "use_repository_button": True,
        "use_edit_page_button": True,
    }
    # the theme has one branch, for Colab's address too; Edit's has a template
    config.html_context = {
        **config.html_context,
        "edit_page_provider_name": "GitHub",
        "edit_page_url_template": f"{repository}/edit/{SOURCES}/{{{{ file_name }}}}",
    }


def setup(app):
    app.connect("config-inited", add_buttons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
