"""Generators of architectures: AG-Net's decoder, its training, and what it generates.

:mod:`~agnet.generator.checkpoint` is a generator on disk, :mod:`~agnet.generator.sampling` what comes out of it,
:mod:`~agnet.generator.training` how it learns; :mod:`~agnet.generator.network` computes scores and gradients,
:mod:`~agnet.generator.published` reads AG-Net's own checkpoints.
"""
