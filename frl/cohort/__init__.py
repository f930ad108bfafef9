"""Cohorts: several clients that one worker trains at once."""

from frl.cohort.barrier import Barrier, membership
from frl.cohort.sizing import CudaMemory
from frl.cohort.trainer import CohortTrainer

__all__ = ["Barrier", "CohortTrainer", "CudaMemory", "membership"]
