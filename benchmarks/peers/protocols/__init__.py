"""Small clients, one protocol each, bytes in and bytes out: no more of it than the workloads need."""
