"""Measurements whose tables land in results/."""
