#!/usr/bin/env python3
"""Times the products of sparsebert-gpu beside PyTorch's on one NVIDIA GPU.

For each case: the dense product by cuBLAS (torch.matmul, bfloat16), PyTorch's
block-sparse (BSR) Triton kernels, tuned for the very case, and `sparsebert-gpu
bench`. All take turns, round by round, on the same machine. Each of PyTorch's is
first compared with a masked dense product, so that what is timed is right.
Operands are random and rotate beyond the L2 cache, as in sparsebert-gpu bench.

Needs PyTorch with CUDA; --dry-run needs nothing. Prints a table, and writes JSON
with --out. docs/benchmarks.md says how to read it.
"""

import datetime
import itertools
import json
import math
import os
import shlex
import statistics
import subprocess
import sys

from commandline import Parser, fail, listed, whole

OPS = ("dsd", "dds", "sdd")
BLOCKS = (1, 4, 8, 16, 32, 64)


def shape(word):
    in_, out = word.split("x")
    return int(in_), int(out)


def arguments():
    p = Parser(description=__doc__.split("\n\n")[0], allow_abbrev=False)
    p.add_argument("--op", type=listed(str, OPS.__contains__, "dsd, dds or sdd"), default=list(OPS))
    p.add_argument("--block", type=listed(int, BLOCKS.__contains__, f"one of {BLOCKS}"), default=[16, 32, 64])
    p.add_argument("--sparsity", type=listed(float, lambda s: 0 <= s < 1, "0 or more and below 1"), default=[0.9])
    p.add_argument("--tokens", type=listed(int, lambda t: t > 0, "1 or more"), default=[65536])
    p.add_argument("--shape", type=listed(shape, lambda s: min(s) > 0, "INxOUT, as 768x3072"), default=[(768, 3072), (3072, 768)])
    p.add_argument("--rounds", type=whole, default=5, help="turns of all competitors")
    p.add_argument("--samples", type=whole, default=5, help="samples of each in a round")
    p.add_argument("--binary", default="sparsebert-gpu", help="the program, with its helper binary beside it; '' leaves it out")
    p.add_argument("--no-tune", action="store_true", help="leave PyTorch's Triton kernels untuned (tuning takes about a minute a case)")
    p.add_argument("--out", help="JSON file to write")
    p.add_argument("--dry-run", action="store_true", help="list the cases and commands, and end")
    return p.parse_args()


def grid(args):
    for (in_, out), tokens, sparsity, block, op in itertools.product(args.shape, args.tokens, args.sparsity, args.block, args.op):
        if in_ % block or out % block:
            fail(2, f"shape: found {in_}x{out}, expected multiples of the block {block}")
        if nnzb(case := dict(op=op, block=block, sparsity=sparsity, tokens=tokens, out=out, **{"in": in_})) < 1:
            fail(2, f"sparsity: found {sparsity}, which leaves no block of {in_}x{out}")
        yield case


def nnzb(case):
    """Active blocks; halves round up, as in sparsebert-gpu."""
    return math.floor((1 - case["sparsity"]) * (case["in"] // case["block"]) * (case["out"] // case["block"]) + 0.5)


def command(args, case):
    """The command line of sparsebert-gpu for one round of a case."""
    return [
        args.binary, "bench", "--device", "cuda", "--precision", "bf16", "--dense=false", "--json", "--repeats", str(args.samples), "--op", case["op"],
        "--block", str(case["block"]), "--sparsity", str(case["sparsity"]), "--tokens", str(case["tokens"]), "--shape", f"{case['in']}x{case['out']}",
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
        self.note = result["kernel"]
        return [result["seconds_median"]]


class Torch:
    """A product of PyTorch: calls[i](), in rotation."""

    def __init__(self, torch, name, calls, note=""):
        self.torch, self.name, self.calls, self.note = torch, name, calls, note
        self.turn, self.count = 0, 0
        for call in calls:
            call()
        self.count = max(1, math.ceil(5e-3 / self.time(len(calls))))

    def time(self, n):
        """Seconds of one of n calls, by the GPU's clock."""
        start, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.torch.cuda.synchronize()
        start.record()
        for _ in range(n):
            self.calls[self.turn % len(self.calls)]()
            self.turn += 1
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1e3 / n

    def sample(self, samples):
        return [self.time(self.count) for _ in range(samples)]


def bsr(torch, mask, values, transposed):
    """The BSR tensor of W, or of W transposed, from its mask of blocks and its values at them."""
    block = values.shape[-1]
    if transposed:
        order = torch.full(mask.shape, -1, device=mask.device)
        order[mask] = torch.arange(len(values), device=mask.device)
        mask, order = mask.T, order.T
        values = values[order[mask]].transpose(1, 2).contiguous()
    crow = torch.zeros(mask.shape[0] + 1, dtype=torch.int64, device=mask.device)
    crow[1:] = mask.sum(1).cumsum(0)
    size = (mask.shape[0] * block, mask.shape[1] * block)
    return torch.sparse_bsr_tensor(crow, mask.nonzero()[:, 1], values, size=size)


def competitors(torch, args, case):
    """Yields PyTorch's products of a case, or (name, why not)."""
    op, block, tokens, in_, out = (case[k] for k in ("op", "block", "tokens", "in", "out"))
    like = dict(device="cuda", dtype=torch.bfloat16)
    l2 = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 64 << 20)
    sets = 1 + math.ceil(2 * max(l2, 64 << 20) / (2 * tokens * (in_ + out)))
    rand = lambda *size: torch.rand(size, **like) * 2 - 1
    x, y = [rand(tokens, in_) for _ in range(sets)], [rand(tokens, out) for _ in range(sets)]

    w = [rand(out, in_) for _ in range(sets)]
    # The bias gradient goes with a weight gradient, as sparsebert-gpu makes and times it.
    bias = torch.zeros(out, device="cuda")
    column_sums = lambda i: torch.sum(y[i], 0, dtype=torch.float32, out=bias)
    dense = {
        "dsd": lambda i: lambda: torch.matmul(x[i], w[i].T, out=y[i]),
        "dds": lambda i: lambda: torch.matmul(y[i], w[i], out=x[i]),
        "sdd": lambda i: lambda: (torch.matmul(y[i].T, x[i], out=w[i]), column_sums(i)),
    }[op]
    yield Torch(torch, "cuBLAS dense", [dense(i) for i in range(sets)])

    mask = torch.zeros(out // block * (in_ // block), dtype=torch.bool, device="cuda")
    mask[torch.randperm(len(mask), device="cuda")[: nnzb(case)]] = True
    mask = mask.view(out // block, in_ // block)
    values = [rand(nnzb(case), block, block) for _ in range(sets)]
    try:
        if op == "sdd":
            from torch.sparse._triton_ops import sampled_addmm

            grads = [bsr(torch, mask, v, False) for v in values]
            run = lambda i: lambda: (sampled_addmm(grads[i], y[i].T, x[i], beta=0.0, out=grads[i], skip_checks=True), column_sums(i))
            run(0)()
            want = (y[0].T.float() @ x[0].float()).view(out // block, block, in_ // block, block).transpose(1, 2)[mask]
            agree(torch, grads[0].values(), want)
            yield Torch(torch, "torch BSR", [run(i) for i in range(sets)], "sampled_addmm, which has nothing to tune")
            return
        from torch.sparse._triton_ops import bsr_dense_addmm
        from torch.sparse._triton_ops_meta import tune_bsr_dense_addmm

        weights = [bsr(torch, mask, v, op == "dds") for v in values]
        source, result = (x, y) if op == "dsd" else (y, x)
        masked = torch.zeros(*mask.shape, block, block, device="cuda")
        masked[mask] = values[0].float()
        masked = masked.transpose(1, 2).reshape(out, in_)
        want = source[0].float() @ (masked.T if op == "dsd" else masked)
        # PyTorch's kernel multiplies from the left: activations as they lie
        # ([tokens, features], transposed views), and stored the other way round.
        for layout in ("tokens x features", "features x tokens"):
            view = (lambda a: a.T) if layout == "tokens x features" else (lambda a: a.T.contiguous())
            a, b = [view(s) for s in source], [view(r) for r in result]
            meta = None if args.no_tune else tune_bsr_dense_addmm(b[0], weights[0], a[0], beta=0, alpha=1) or None
            run = lambda i, a=a, b=b, meta=meta: lambda: bsr_dense_addmm(b[i], weights[i], a[i], beta=0, alpha=1, out=b[i], meta=meta, skip_checks=True)
            run(0)()
            agree(torch, b[0].T, want)
            yield Torch(torch, f"torch BSR, {layout}", [run(i) for i in range(sets)], "untuned" if args.no_tune else f"tuned: {meta}")
    except Exception as e:  # what Triton says of a block that it cannot do, or a version without it
        yield "torch BSR", f"{type(e).__name__}: {e}"


def agree(torch, got, want):
    """Fails where a product is not that of the masked dense matrices, to bfloat16."""
    error = (got.float() - want).norm() / want.norm()
    if not float(error) <= 2e-2:
        raise RuntimeError(f"the result differs from the dense one by {float(error):.1e} of its norm: not timed")


def measure(torch, args, case):
    """Lets all competitors of a case take turns."""
    rivals, failed = [], []
    for rival in competitors(torch, args, case):
        if isinstance(rival, tuple):
            failed.append({"name": rival[0], "error": " ".join(rival[1].split())[:300]})
        else:
            rivals.append(rival)
    if args.binary:
        rivals.append(Ours(args, case))
    seconds = {r.name: [] for r in rivals}
    for turn in range(args.rounds):
        for r in rivals if turn % 2 == 0 else reversed(rivals):
            seconds[r.name] += r.sample(args.samples)
    blocks = nnzb(case)
    flops = {True: 2 * case["tokens"] * blocks * case["block"] ** 2, False: 2 * case["tokens"] * case["in"] * case["out"]}
    results = [
        dict(
            name=r.name, note=r.note, seconds_median=statistics.median(s), seconds_min=min(s), seconds_max=max(s), samples=len(s),
            useful_gflops=flops[True] / statistics.median(s) / 1e9,
            executed_gflops=flops[r.name != "cuBLAS dense"] / statistics.median(s) / 1e9,
        )
        for r in rivals for s in [seconds[r.name]]
    ]  # fmt: skip
    median = {r["name"]: r["seconds_median"] for r in results}
    case = dict(case, nnzb=blocks, results=results + failed)
    if Ours.name in median:
        case["speedup_over_cublas"] = median["cuBLAS dense"] / median[Ours.name]
        others = [v for k, v in median.items() if k.startswith("torch BSR")]
        case["speedup_over_torch_bsr"] = min(others) / median[Ours.name] if others else None
    return case


def machine(torch):
    """What the figures depend on."""
    driver = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"], capture_output=True, text=True)
    try:
        import triton

        version = triton.__version__
    except ImportError:
        version = None
    return dict(
        gpu=torch.cuda.get_device_name(0), driver=driver.stdout.strip(), torch=torch.__version__, cuda=torch.version.cuda, triton=version,
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), command=shlex.join(sys.argv),
    )  # fmt: skip


def main():
    args = arguments()
    cases = list(grid(args))
    if args.dry_run:
        for case in cases:
            rivals = "cuBLAS dense, torch BSR" + (", " + shlex.join(command(args, case)) if args.binary else "")
            print(f"{case['op']} B={case['block']} s={case['sparsity']} T={case['tokens']} {case['in']}x{case['out']}: {nnzb(case)} blocks: {rivals}")
        print(f"{len(cases)} cases, {args.rounds} rounds of {args.samples} samples")
        return
    try:
        import torch
    except ImportError:
        fail(1, "found no PyTorch, expected one with CUDA (pip install torch); --dry-run needs none")
    if not torch.cuda.is_available():
        fail(1, f"found no GPU that PyTorch {torch.__version__} can use, expected an NVIDIA GPU with its driver; --dry-run needs none")
    if args.binary:
        try:
            subprocess.run([args.binary, "bench", "--help"], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError) as e:
            fail(2, f"binary: {e}; give --binary PATH, or --binary '' to leave it out")
    report = dict(machine(torch), rounds=args.rounds, samples=args.samples, cases=[])
    for case in cases:
        torch.cuda.empty_cache()  # of the case before: the other process needs room too
        try:
            done = measure(torch, args, case)
        except RuntimeError as e:  # out of memory, for one
            fail(1, f"{case['op']} B={case['block']} T={case['tokens']}: {e}")
        report["cases"].append(done)
        print(f"{case['op']} B={case['block']} s={case['sparsity']} T={case['tokens']} {case['in']}x{case['out']}")
        for r in done["results"]:
            if "error" in r:
                print(f"  {r['name']:34} {r['error']}")
            else:
                print(f"  {r['name']:34} {1e6 * r['seconds_median']:9.1f} us  ({1e6 * r['seconds_min']:.1f} .. {1e6 * r['seconds_max']:.1f})  {r['useful_gflops']:9.1f} useful GFLOP/s  {r['note']}")
        if "speedup_over_cublas" in done:
            print(f"  speed-up over cuBLAS {done['speedup_over_cublas']:.2f} x", end="")
            print(f", over torch BSR {done['speedup_over_torch_bsr']:.2f} x" if done["speedup_over_torch_bsr"] else "", flush=True)
        if args.out:  # after every case: a run that is cut keeps what it has
            with open(args.out + ".part", "w") as f:
                json.dump(report, f, indent=2)
            os.replace(args.out + ".part", args.out)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail(130, "stopped by SIGINT")
