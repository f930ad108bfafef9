"""Data sets as shared read-only arrays, and who holds which examples."""

from frl.data.arrays import dataset_of
from frl.data.data_spec import DataSpec, data_spec_from, data_spec_of, data_spec_record
from frl.data.dataset import Columns, DataSet, Split
from frl.data.own import OwnDataError, WholePartition, load_own
from frl.data.partitions import Partition, StoredPartition, VirtualPartition, partition
from frl.data.sources import is_known, load, sources

__all__ = [
    "Columns",
    "DataSet",
    "DataSpec",
    "OwnDataError",
    "Partition",
    "Split",
    "StoredPartition",
    "VirtualPartition",
    "WholePartition",
    "data_spec_from",
    "data_spec_of",
    "data_spec_record",
    "dataset_of",
    "is_known",
    "load",
    "load_own",
    "partition",
    "sources",
]
