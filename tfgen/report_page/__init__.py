"""One self-contained HTML page about runs: read, arranged and rendered. No TensorFlow here."""
