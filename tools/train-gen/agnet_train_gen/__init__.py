"""The command ``train-gen``."""
