"""Training a network on images: :mod:`recipe` says how, :mod:`loop` does it."""
