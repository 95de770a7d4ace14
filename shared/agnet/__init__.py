"""agnet: generative neural architecture search as Unix pipelines.

The library that the command-line tools are made of. It never prints, never exits and never reads the command line.
"""

__version__ = "0.1.0"
