"""The engine of templates: jinja in a sandbox and a process of its own, its filters, and what is wrong in templates."""
