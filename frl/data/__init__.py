"""Data sets as shared read-only arrays, and who holds which examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frl.registry.lazy import lazy_names

if TYPE_CHECKING:
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
    from frl.data.loading import is_known, load, sources
    from frl.data.own import WholePartition, load_own
    from frl.data.partitions import Partition, StoredPartition, VirtualPartition, partition
    from frl.data.reading.options import Reading
    from frl.data.schema import Column, Schema
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "Column": "frl.data.schema",
            "Columns": "frl.data.dataset",
            "DataSet": "frl.data.dataset",
            "DataSpec": "frl.data.data_spec",
            "OwnDataError": "frl.data.data_spec",
            "Partition": "frl.data.partitions",
            "Reading": "frl.data.reading.options",
            "Schema": "frl.data.schema",
            "Split": "frl.data.dataset",
            "StoredPartition": "frl.data.partitions",
            "VirtualPartition": "frl.data.partitions",
            "WholePartition": "frl.data.own",
            "data_spec_from": "frl.data.data_spec",
            "data_spec_of": "frl.data.data_spec",
            "data_spec_record": "frl.data.data_spec",
            "dataset_of": "frl.data.arrays",
            "fingerprint_of": "frl.data.fingerprint",
            "is_known": "frl.data.loading",
            "load": "frl.data.loading",
            "load_own": "frl.data.own",
            "partition": "frl.data.partitions",
            "sources": "frl.data.loading",
        },
    )

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
