"""Closing a day: its rollup, its quality checks, and what became of its messages."""
