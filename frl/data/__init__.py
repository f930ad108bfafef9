"""Data sets as shared read-only arrays, and who holds which examples."""

from frl.data.dataset import Columns, DataSet, Split
from frl.data.partitions import Partition, StoredPartition, VirtualPartition, partition
from frl.data.sources import load, sources

__all__ = [
    "Columns",
    "DataSet",
    "Partition",
    "Split",
    "StoredPartition",
    "VirtualPartition",
    "load",
    "partition",
    "sources",
]
