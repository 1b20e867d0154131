"""Accessibility faults of the tools, mended in the finished page."""


def mend(app, pagename, templatename, context, doctree):
    # docutils calls the bibliography a list, but gives its entries another role
    body = context.get("body", "")
    context["body"] = body.replace(
        'role="list" class="citation-list"', 'class="citation-list"'
    )


def setup(app):
    app.connect("html-page-context", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
