"""Checks random programs: `python -m tests.fuzz_values [--seed N] [--programs N]`.

Ends with 1 where a recording is not what was seen. With `--show` it prints the program of the seed.
"""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz_values.compare import Difference, check
from tests.fuzz_values.program import Maker, bounds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_values", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--programs", type=int, default=10_000)
    parser.add_argument("--most", type=int, default=20, help="differences after which it ends")
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    if args.show:
        print(Maker(args.seed).program(), bounds(args.seed), sep="\n")
        return 0
    found, events, began = 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.seed, args.seed + args.programs):
            try:
                events += check(seed, Path(folder))
            except Difference as error:
                found += 1
                print(f"seed {seed}: {error}", flush=True)
            except Exception:
                found += 1
                print(f"seed {seed}: {traceback.format_exc()}", flush=True)
            if found >= args.most:
                break
            if (seed + 1 - args.seed) % 1000 == 0:
                print(f"{seed + 1 - args.seed:,} programs", flush=True)
    took = time.monotonic() - began
    print(f"{seed + 1 - args.seed:,} programs, {events:,} events, {found} differ, {took:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
