//! What the benchmarks share: shapes, devices, throughput.
