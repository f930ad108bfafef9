"""Data sets as shared read-only arrays, and who holds which examples."""

from frl.data.arrays import dataset_of
from frl.data.data_spec import (
    DataSpec,
    OwnDataError,
    data_spec_from,
    data_spec_of,
    data_spec_record,
)
from frl.data.dataset import Columns, DataSet, Split
from frl.data.fingerprint import fingerprint_of
from frl.data.own import WholePartition, load_own
from frl.data.partitions import Partition, StoredPartition, VirtualPartition, partition
from frl.data.reading.options import Reading
from frl.data.schema import Column, Schema
from frl.data.sources import is_known, load, sources

__all__ = [
    "Column",
    "Columns",
    "DataSet",
    "DataSpec",
    "OwnDataError",
    "Partition",
    "Reading",
    "Schema",
    "Split",
    "StoredPartition",
    "VirtualPartition",
    "WholePartition",
    "data_spec_from",
    "data_spec_of",
    "data_spec_record",
    "dataset_of",
    "fingerprint_of",
    "is_known",
    "load",
    "load_own",
    "partition",
    "sources",
]
