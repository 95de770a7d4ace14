"""The command ``encode``."""
