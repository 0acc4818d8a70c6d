"""gpu_table.py OUTPUT FILE.yaml...: the rows of targets/GpuTable.h, one for each GPU among the target descriptions. The compiler
reads the same files and checks them (codegen/schedule/Target.cpp)."""

import re
import sys

import yaml


def row(path):
    """A row, or none for a CPU."""
    with open(path) as file:
        target = yaml.safe_load(file)
    if target["kind"] != "gpu":
        return None

    def whole(key):  # YAML 1.1 takes 1.41e9 as text
        return int(float(target[key]["value"]))

    bits, bandwidth = whole("memory_bus_bits"), whole("memory_bytes_per_second")
    fields = {
        "name": f'"{target["target"]}"',
        "architecture": f'"{target["architecture"]}"',
        "capability": re.fullmatch(r"sm_(\d+)[af]?", target["architecture"]).group(1),
        "multiprocessors": whole("multiprocessors"),
        "registersPerMultiprocessor": whole("registers_per_sm"),
        "sharedBytesPerMultiprocessor": whole("shared_bytes_per_sm"),
        "sharedBytesPerBlock": whole("shared_bytes_per_block"),
        "threadsPerMultiprocessor": whole("threads_per_sm"),
        "threadsPerBlock": whole("threads_per_block"),
        "blocksPerMultiprocessor": whole("blocks_per_sm"),
        "largestCluster": int(target["instructions"].get("clusters", {"rate": 1})["rate"]),
        "clockKhz": whole("clock_hz") // 1000,
        # Two transfers a clock, as the driver's attributes count.
        "memoryClockKhz": bandwidth * 8 // (2 * bits) // 1000,
        "memoryBusBits": bits,
        "l2Bytes": whole("l2_bytes"),
        "memoryBytes": f"{whole('memory_bytes')}ll",
    }
    return "{" + ", ".join(f".{name} = {value}" for name, value in fields.items()) + "},\n"


def main():
    output, *paths = sys.argv[1:]
    with open(output, "w") as file:
        file.writelines(filter(None, map(row, paths)))


if __name__ == "__main__":
    main()
