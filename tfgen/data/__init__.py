"""Data sets: what they are (`dataset`), and those that come with tfgen."""
