#!/usr/bin/env python3
"""Compares sparsebert-gpu with transformers: token ids, logits, losses, gradients.

ci/interop/run.sh builds the two Go programs and calls this. With --golden it also
writes what the Go tests compare with where there is no Python. The limits are those
of docs/interop.md. Exit code 1 when anything is outside of them.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile

import models
import safetensors
import tokenizers
import tokens
import torch
import transformers
from common import TESTDATA, Programs, Report

VERSIONS = {
    "python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
    "tokenizers": tokenizers.__version__, "safetensors": safetensors.__version__,
}  # fmt: skip


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f, ensure_ascii=True, indent=1)
        f.write("\n")


def write_golden(programs, scratch, corpus):
    models.golden(programs, scratch, VERSIONS, write_json)
    path = os.path.join(corpus, "bert_tokenizer_fast.json")
    os.makedirs(corpus, exist_ok=True)
    write_json(path, tokens.golden(programs, scratch, VERSIONS))
    print(f"interop: golden files written to {TESTDATA} and {path}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--program", required=True, help="sparsebert-gpu")
    p.add_argument("--helper", required=True, help="the program of ci/interop")
    p.add_argument("--lines", help="a text whose every line is tokenized, and on which the larger models are trained")
    p.add_argument("--golden", metavar="DIR", help="write the golden files, those of the tokenizer to DIR")
    a = p.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    programs, report = Programs(a.program, a.helper), Report()
    scratch = tempfile.mkdtemp(prefix="interop-")
    try:
        print("| what | measured | limit |\n|---|---|---|")
        tokens.compare_characters(programs, report, scratch)
        models.compare(programs, report, scratch, a.lines)
        if a.golden and not report.failed:
            write_golden(programs, scratch, a.golden)
    finally:
        shutil.rmtree(scratch)
    print("\n" + ", ".join(f"{name} {version}" for name, version in VERSIONS.items()))
    if report.failed:
        sys.exit(f"interop: {report.failed} of {len(report.rows)} comparisons FAILED")
    print(f"interop: all {len(report.rows)} comparisons passed")


main()
