//! Boots one seL4 instance per cluster.
