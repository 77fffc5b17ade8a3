#!/usr/bin/env python3
"""An audit sink in Python.

Appends every record to the file that the first argument names, or
audit.jsonl, and acknowledges what has been read once it is on the disk. A
record may come again; whoever reads the file drops those whose id was seen.
"""
import json
import os
import sys

path = sys.argv[1] if len(sys.argv) > 1 else "audit.jsonl"
with open(path, "ab", buffering=0) as file:
    pending = b""
    while chunk := os.read(sys.stdin.fileno(), 1 << 16):
        lines = (pending + chunk).split(b"\n")
        pending = lines.pop()  # the beginning of a record
        if not lines:
            continue
        file.write(b"".join(line + b"\n" for line in lines))
        os.fsync(file.fileno())
        last = json.loads(lines[-1])
        print(json.dumps({"ack": int(last["sequence"])}), flush=True)
