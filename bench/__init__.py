"""Speed and memory, measured side by side with a peer in one run and given as ratios: ``python -m bench [NAME]...``.

One module a subject; each has a function ``rows`` that yields what it measures. Machines are noisy, so ours and the
peer take turns and the median of the ratios counts.
"""

import os

# As the tools have it, whose matrices are small: threads within one product would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
