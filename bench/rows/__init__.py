"""The rows of bench/run, one file for each way of measuring."""
