"""Recipes, the runner that trains them, and benchmarks."""
