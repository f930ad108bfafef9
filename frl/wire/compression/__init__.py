"""Few bytes for many integers: bit packing, orders of blocks and entropy coding with contexts."""
