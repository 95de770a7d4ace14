"""The command ``query``."""
