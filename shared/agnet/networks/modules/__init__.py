"""PyTorch networks, a module for each space; :func:`agnet.networks.build` makes them."""
