"""One self-contained HTML page: records to sections, figures to inline SVG, a template, and what seals it."""
