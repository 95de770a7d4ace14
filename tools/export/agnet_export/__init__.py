"""The command ``agnet export``."""
