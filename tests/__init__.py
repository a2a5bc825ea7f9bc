"""Tests of kerasgen; `python -m tests` runs them on every backend."""
