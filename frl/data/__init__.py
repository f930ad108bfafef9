"""Data sets as shared read-only arrays, and who holds which examples."""

from frl.data.arrays import dataset_of
from frl.data.dataset import Columns, DataSet, Split
from frl.data.own import OwnDataError, WholePartition, load_own
from frl.data.partitions import Partition, StoredPartition, VirtualPartition, partition
from frl.data.sources import load, sources
from frl.data.terms import Terms, terms_from, terms_of, terms_record

__all__ = [
    "Columns",
    "DataSet",
    "OwnDataError",
    "Partition",
    "Split",
    "StoredPartition",
    "Terms",
    "VirtualPartition",
    "WholePartition",
    "dataset_of",
    "load",
    "load_own",
    "partition",
    "sources",
    "terms_from",
    "terms_of",
    "terms_record",
]
