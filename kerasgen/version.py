"""The version of the package; see CHANGELOG.md for what it promises."""

__version__ = "0.1.0"
