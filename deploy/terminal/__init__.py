"""What commands print: tables and progress, read over the query API."""
