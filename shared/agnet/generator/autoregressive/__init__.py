"""A generator that follows a distribution of architectures: each choice knows all that were made before it.

:mod:`~agnet.generator.autoregressive.decisions` says what is chosen, :mod:`~agnet.generator.autoregressive.config` what
the network is made of, :mod:`~agnet.generator.autoregressive.network` draws architectures with NumPy alone,
:mod:`~agnet.generator.autoregressive.likelihood` is the same network in PyTorch, which
:mod:`~agnet.generator.autoregressive.training` learns with, from many architectures or from few evaluated ones;
:mod:`~agnet.generator.autoregressive.condition` is what it can be asked for.
"""
