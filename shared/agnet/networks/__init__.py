"""Networks that architectures stand for."""
