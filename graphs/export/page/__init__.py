"""The page: a circuit to explore in the browser. Python builds the data (`data`), the files in `web` show it."""
