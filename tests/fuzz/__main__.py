"""Searches for inputs that a reader fails at: `python -m tests.fuzz [TARGET...] [--runs N]`.

Ends with 1 where one was found; it lies in `--output` then, beside its traceback. With `--grow` what
reached new lines is added to the corpus.
"""

import argparse
import hashlib
import os
import sys
import time
import traceback
from pathlib import Path

from tests.fuzz.engine import Engine
from tests.fuzz.seeds import CORPUS
from tests.fuzz.targets import TARGETS

KINDS = {"decoders": "records", "spools": "pyspool", "recover": "pyspool", "indexes": "json"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=1 << 60, help="inputs for each target")
    parser.add_argument("--seconds", type=float, help="for all targets together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--grow", action="store_true")
    parser.add_argument("--output", type=Path, default=Path("fuzz-found"))
    args = parser.parse_args()
    if args.seconds is None and args.runs == 1 << 60:
        args.seconds = 60.0
    # A recorder's environment is none of a reader's.
    os.environ.pop("PYTEST_RECORDER", None)
    names = args.targets or list(TARGETS)
    count = 0
    for name in names:
        target = TARGETS[name]
        engine = Engine(target.run, target.mutate, target.seeds(), args.seed)
        began = time.process_time()
        engine.run(args.runs, args.seconds / len(names) if args.seconds else None)
        took = time.process_time() - began
        print(
            f"{name:<13} {engine.runs:>9,} inputs, {len(engine.grown)} led on,"
            f" {len(engine.found)} failed, {took:.0f} s",
            flush=True,
        )
        kind = KINDS.get(name, "pyrec")
        for found in engine.found:
            count += 1
            args.output.mkdir(exist_ok=True)
            path = args.output / f"{name}-{_digest(found.data)}.{kind}"
            path.write_bytes(found.data)
            text = "".join(traceback.format_exception(found.error))
            path.with_suffix(".txt").write_text(text, errors="backslashreplace")
            print(f"  {path}: {text.strip().splitlines()[-1][:200]}", file=sys.stderr)
        if args.grow:
            CORPUS.mkdir(exist_ok=True)
            for data in engine.grown:
                (CORPUS / f"{_digest(data)}.{kind}").write_bytes(data)
    return 1 if count else 0


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
