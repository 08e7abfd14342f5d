"""Speed, memory and pipeline throughput; `python -m benchmarks.run_all` measures everything.

Close other programs first: all numbers are times or memory of this machine.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when TensorFlow is imported
