"""The relational schema: tables, rows, migrations, and the engine that reaches them."""
