"""HTML pages that need nothing else: no script, no request. The page around the text, tables, and drawings as SVG."""
