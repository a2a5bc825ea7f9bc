"""Recipes of what people use autoencoders for; a benchmark judges each.

Their weights do not ship: those of `training.recipes` do, as presets of their names.
"""
