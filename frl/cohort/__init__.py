"""One worker trains many clients at once."""

from frl.cohort.gathering import Gathering, membership
from frl.cohort.sizing import CudaMemory
from frl.cohort.trainer import CohortTrainer

__all__ = ["CohortTrainer", "CudaMemory", "Gathering", "membership"]
