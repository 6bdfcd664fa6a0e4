#!/usr/bin/env python3
"""Times a training step of sparsebert-gpu beside a dense one of PyTorch.

For each case: a whole pre-training step of BERT in PyTorch, dense, and `sparsebert-gpu
bench --step`. All take turns, round by round, on one machine. They do the same work but
for sparsity: same shapes, dropout, tied decoder on the masked positions alone,
next-sentence loss, clipping by the global norm, AdamW, no gradient accumulation.

On a GPU PyTorch runs in bfloat16 autocast over float32 masters, with torch.compile and
the whole step in one CUDA graph. With --device cpu it runs in float32 and in bfloat16
autocast, each compiled (which needs a C++ compiler) and not; ours is float32.

Needs PyTorch; --dry-run needs nothing. Prints a table, writes JSON with --out, and with
--rows appends a line of JSON for each competitor. docs/benchmarks.md says how to read it.
"""

import datetime
import itertools
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys

from commandline import Parser, fail, listed, whole
from dense_bert import MODELS, POSITIONS, Step, Trainer, dropout, masked

BLOCKS = (1, 4, 8, 16, 32, 64)
PRECISIONS = ("fp32", "bf16")
# What is measured where a list is not given, and how often.
DEFAULTS = {
    "cuda": dict(batch_size=[256], block=[16, 32, 64], precision=["bf16"], samples=10),
    "cpu": dict(batch_size=[32], block=[16], precision=list(PRECISIONS), samples=1),
}


def arguments():
    p = Parser(description=__doc__.split("\n\n")[0], allow_abbrev=False)
    p.add_argument("--device", choices=tuple(DEFAULTS), default="cuda")
    p.add_argument("--model", type=listed(str, MODELS.__contains__, f"one of {', '.join(MODELS)}"), default=["base"])
    p.add_argument("--batch-size", type=listed(int, lambda n: n > 0, "1 or more"), help="sequences (256; cpu 32)")
    p.add_argument("--seq-len", type=listed(int, lambda n: 8 <= n <= POSITIONS, f"8 to {POSITIONS}"), default=[128])
    p.add_argument("--sparsity", type=listed(float, lambda s: 0 < s < 1, "above 0 and below 1"), default=[0.9])
    p.add_argument("--block", type=listed(int, BLOCKS.__contains__, f"one of {BLOCKS}"), help="block sizes (16,32,64; cpu 16)")
    p.add_argument("--vocab-size", type=whole, default=30522)
    p.add_argument("--precision", type=listed(str, PRECISIONS.__contains__, "fp32 or bf16"), help="PyTorch's (bf16; cpu fp32,bf16)")
    p.add_argument("--no-compile", action="store_true", help="leave PyTorch's model uncompiled")
    p.add_argument("--compile-only", action="store_true", help="on a CPU leave the uncompiled model out")
    p.add_argument("--threads", type=whole, default=os.cpu_count(), help="CPU threads of each (one a core)")
    p.add_argument("--rounds", type=whole, default=5, help="turns of all")
    p.add_argument("--samples", type=whole, help="steps of each in a round (10; cpu 1)")
    p.add_argument("--binary", default="sparsebert-gpu", help="the program, with its helper binary beside it; '' leaves it out")
    p.add_argument("--out", help="JSON file to write")
    p.add_argument("--rows", help="JSON Lines file to append to, a line for each competitor and case")
    p.add_argument("--dry-run", action="store_true", help="list the cases and commands, and end")
    args = p.parse_args()
    for name, value in DEFAULTS[args.device].items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    if args.no_compile and args.compile_only:
        fail(2, "found --no-compile and --compile-only, expected one of them; see --help")
    return args


def variants(args):
    """Precision and compilation of each of PyTorch's steps."""
    compiled = [not args.no_compile] if args.device == "cuda" or args.no_compile or args.compile_only else [False, True]
    return list(itertools.product(args.precision, compiled))


def command(args, case):
    """The command line of sparsebert-gpu for one round of a case."""
    device = ["--device", "cuda", "--precision", "bf16"] if args.device == "cuda" else ["--device", "cpu", "--threads", str(args.threads)]
    return [
        args.binary, "bench", "--step", *device, "--json", "--repeats", str(args.samples), "--model", case["model"],
        "--batch-size", str(case["sequences"]), "--seq-len", str(case["seq_len"]), "--vocab-size", str(args.vocab_size),
        "--sparsity", str(case["sparsity"]), "--block", str(case["block"]),
    ]  # fmt: skip


class Ours:
    """sparsebert-gpu, a process of its own each time."""

    name = "sparsebert-gpu"

    def __init__(self, args, case):
        self.command, self.note = command(args, case), ""

    def sample(self, _):
        done = subprocess.run(self.command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(self.name + ": " + (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        result = json.loads(done.stdout)[0]
        self.note = f"{result['precision']}, {result['hardware']}"
        return [result["seconds_median"]]


def measure(dense, args, case):
    """Lets all take turns on a case."""
    rivals = list(dense)
    if args.binary:
        rivals.append(Ours(args, case))
    seconds = {r.name: [] for r in rivals}
    for turn in range(args.rounds):
        for r in rivals if turn % 2 == 0 else reversed(rivals):
            seconds[r.name] += r.sample(args.samples)
    results = [
        dict(
            name=r.name, note=r.note, seconds_median=statistics.median(s), seconds_min=min(s), seconds_max=max(s), samples=len(s),
            tokens_per_second=case["tokens"] / statistics.median(s),
            tokens_per_second_min=case["tokens"] / max(s), tokens_per_second_max=case["tokens"] / min(s), seconds=s,
        )
        for r in rivals for s in [seconds[r.name]]
    ]  # fmt: skip
    if args.binary:
        for r in results[:-1]:
            r["speedup_of_ours"] = r["seconds_median"] / results[-1]["seconds_median"]
    case = dict(case, results=results)
    if args.binary:
        case["speedup_over_torch"] = min(r["speedup_of_ours"] for r in results[:-1])
    return case


def grid(args):
    for model, sequences, seq, sparsity, block in itertools.product(args.model, args.batch_size, args.seq_len, args.sparsity, args.block):
        if MODELS[model][1] % block or MODELS[model][3] % block:
            fail(2, f"block: found {block}, expected a divisor of the model's sizes {MODELS[model][1]} and {MODELS[model][3]}")
        yield dict(
            model=model, sequences=sequences, seq_len=seq, tokens=sequences * seq, masked=sequences * masked(seq), dropout=dropout(model),
            vocab_size=args.vocab_size, sparsity=sparsity, block=block,
        )  # fmt: skip


def processor():
    """The processor's name as Linux has it."""
    try:
        with open("/proc/cpuinfo") as f:
            facts = dict(line.rstrip().split("\t: ", 1) for line in f if "\t: " in line)
        return "{model name}, family {cpu family}, model {model}".format(**{k.strip(): v for k, v in facts.items()})
    except (OSError, KeyError):
        return platform.processor()


def machine(torch, args):
    """What the figures depend on."""
    report = dict(
        torch=torch.__version__, cuda=torch.version.cuda,
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), command=shlex.join(sys.argv),
    )  # fmt: skip
    if args.device == "cpu":
        report.update(cpu=processor(), cores=os.cpu_count(), threads=args.threads, torch_cpu=torch.backends.cpu.get_cpu_capability())
    elif torch.cuda.is_available():
        driver = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"], capture_output=True, text=True)
        report.update(gpu=torch.cuda.get_device_name(0), driver=driver.stdout.strip())
    return report


def describe(case):
    return f"{case['model']} s={case['sparsity']} B={case['block']} {case['sequences']}x{case['seq_len']} tokens, {case['masked']} masked, dropout {case['dropout']}"


def prepare(torch, args):
    """Sets PyTorch up, and sees that the program can be run."""
    if args.device == "cuda":
        if not torch.cuda.is_available():
            fail(1, f"found no GPU that PyTorch {torch.__version__} can use, expected an NVIDIA GPU with its driver; --dry-run needs none")
        torch.backends.cuda.matmul.allow_tf32 = True
    else:
        torch.set_num_threads(args.threads)
    if args.binary:
        try:
            subprocess.run([args.binary, "bench", "--help"], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as e:
            fail(2, f"binary: {e}; give --binary PATH, or --binary '' to leave it out")


def show(done):
    print(describe(done))
    for r in done["results"]:
        ratio = f"{r['speedup_of_ours']:6.2f} x ours" if "speedup_of_ours" in r else " " * 13
        print(f"  {r['name']:28} {1e3 * r['seconds_median']:10.3f} ms  ({1e3 * r['seconds_min']:.3f} .. {1e3 * r['seconds_max']:.3f})  {ratio}  {r['tokens_per_second']:10.0f} tokens/s  {r['note']}")
    if "speedup_over_torch" in done:
        print(f"  speed-up over the fastest dense PyTorch {done['speedup_over_torch']:.2f} x", flush=True)


def main():
    args = arguments()
    cases = list(grid(args))
    if args.dry_run:
        names = "PyTorch dense" if args.device == "cuda" else "PyTorch dense " + ", ".join(p + (" compiled" if c else "") for p, c in variants(args))
        for case in cases:
            print(f"{describe(case)}: {names}" + (", " + shlex.join(command(args, case)) if args.binary else ""))
        print(f"{len(cases)} cases, {args.rounds} rounds of {args.samples} steps")
        return
    try:
        import torch
    except ImportError:
        fail(1, "found no PyTorch, expected it (pip install torch); --dry-run needs none")
    prepare(torch, args)
    report = dict(machine(torch, args), rounds=args.rounds, samples=args.samples, cases=[])
    dense, shape = None, None
    for case in cases:
        try:
            if shape != (shape := (case["model"], case["sequences"], case["seq_len"])):  # compiling takes minutes
                dense = None
                if args.device == "cuda":
                    torch.cuda.empty_cache()  # of the one before: the other process needs room too
                trainer = Trainer(torch, args.device, case["model"], case["sequences"], case["seq_len"], args.vocab_size)
                dense = [Step(trainer, precision, compiled) for precision, compiled in variants(args)]
                print(f"{case['model']}: PyTorch has warmed up, the turns begin", file=sys.stderr, flush=True)
            done = measure(dense, args, case)
        except RuntimeError as e:  # out of memory, for one
            fail(1, f"{describe(case)}: {e}")
        show(done)
        if args.rows:
            with open(args.rows, "a") as f:
                for r in done["results"]:
                    facts = {k: v for k, v in report.items() if k != "cases"} | {k: v for k, v in done.items() if k not in ("results", "speedup_over_torch")}
                    print(json.dumps(facts | r), file=f)
        report["cases"].append(done)
        if args.out:  # after every case: a run that is cut keeps what it has
            with open(args.out + ".part", "w") as f:
                json.dump(report, f, indent=2)
            os.replace(args.out + ".part", args.out)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail(130, "stopped by SIGINT")
