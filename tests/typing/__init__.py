"""Checked by mypy and never run: what the public names promise to type checkers."""
