#!/usr/bin/env python3
"""Times a training step of sparsebert-gpu beside a dense one of PyTorch.

For each case: a whole pre-training step of BERT in PyTorch, dense (bfloat16
autocast over float32 masters, scaled_dot_product_attention, fused AdamW,
torch.compile, the whole step in one CUDA graph), and `sparsebert-gpu bench
--step`. Both take turns, round by round, on one GPU. The two do the same work but
for sparsity: same shapes, dropout, tied decoder on the masked positions alone,
next-sentence loss, clipping by the global norm, no gradient accumulation.

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
import time

from commandline import Parser, fail, listed, whole

# Layers, hidden size, heads and feed-forward size of sparsebert-gpu's models.
MODELS = {
    "tiny": (2, 128, 2, 512), "mini": (4, 256, 4, 1024), "small": (4, 512, 8, 2048),
    "medium": (8, 512, 8, 2048), "base": (12, 768, 12, 3072), "large": (24, 1024, 16, 4096),
}  # fmt: skip
BLOCKS = (1, 4, 8, 16, 32, 64)
POSITIONS = 512


def arguments():
    p = Parser(description=__doc__.split("\n\n")[0], allow_abbrev=False)
    p.add_argument("--model", type=listed(str, MODELS.__contains__, f"one of {', '.join(MODELS)}"), default=["base"])
    p.add_argument("--batch-size", type=listed(int, lambda n: n > 0, "1 or more"), default=[256])
    p.add_argument("--seq-len", type=listed(int, lambda n: 8 <= n <= POSITIONS, f"8 to {POSITIONS}"), default=[128])
    p.add_argument("--sparsity", type=listed(float, lambda s: 0 < s < 1, "above 0 and below 1"), default=[0.9])
    p.add_argument("--block", type=listed(int, BLOCKS.__contains__, f"one of {BLOCKS}"), default=[16, 32, 64])
    p.add_argument("--vocab-size", type=whole, default=30522)
    p.add_argument("--rounds", type=whole, default=5, help="turns of both")
    p.add_argument("--samples", type=whole, default=10, help="steps of each in a round")
    p.add_argument("--binary", default="sparsebert-gpu", help="the program, with its twin beside it; '' leaves it out")
    p.add_argument("--no-compile", action="store_true", help="leave PyTorch's model uncompiled")
    p.add_argument("--out", help="JSON file to write")
    p.add_argument("--dry-run", action="store_true", help="list the cases and commands, and end")
    p.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: PyTorch only, uncompiled, to try this script")
    return p.parse_args()


def masked(seq):
    """Masked positions of a sequence, as sparsebert-gpu counts them: 15 %, without [CLS] and two [SEP]; halves round up."""
    return max(1, math.floor(0.15 * (seq - 3) + 0.5))


def dropout(model):
    """0.1 for encoders larger than Small's, else none, as in sparsebert-gpu."""
    layers, hidden, _, ffn = MODELS[model]
    return 0.1 if layers * (4 * hidden**2 + 2 * hidden * ffn) > 12582912 else 0.0


def command(args, case):
    """The command line of sparsebert-gpu for one round of a case."""
    return [
        args.binary, "bench", "--step", "--device", "cuda", "--precision", "bf16", "--json", "--repeats", str(args.samples), "--model", case["model"],
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
        self.note = result["hardware"]
        return [result["seconds_median"]]


def build(torch, model, seq, vocab):
    """BERT for pre-training, dense: returns the loss of (ids, segments, rows, labels, next)."""
    nn, F = torch.nn, torch.nn.functional
    layers, hidden, heads, ffn = MODELS[model]
    rate = dropout(model)

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.out = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
            self.up, self.down = nn.Linear(hidden, ffn), nn.Linear(ffn, hidden)
            self.norm1, self.norm2 = nn.LayerNorm(hidden, eps=1e-12), nn.LayerNorm(hidden, eps=1e-12)

        def forward(self, x):
            n, s, _ = x.shape
            q, k, v = self.qkv(x).view(n, s, 3, heads, hidden // heads).permute(2, 0, 3, 1, 4)
            ctx = F.scaled_dot_product_attention(q, k, v, dropout_p=rate)
            x = self.norm1(x + F.dropout(self.out(ctx.transpose(1, 2).reshape(n, s, hidden)), rate))
            return self.norm2(x + F.dropout(self.down(F.gelu(self.up(x))), rate))

    class Bert(nn.Module):
        def __init__(self):
            super().__init__()
            self.word, self.pos, self.typ = nn.Embedding(vocab, hidden), nn.Embedding(POSITIONS, hidden), nn.Embedding(2, hidden)
            self.norm = nn.LayerNorm(hidden, eps=1e-12)
            self.layers = nn.ModuleList(Layer() for _ in range(layers))
            self.pooler, self.nsp = nn.Linear(hidden, hidden), nn.Linear(hidden, 2)
            self.transform, self.transform_norm = nn.Linear(hidden, hidden), nn.LayerNorm(hidden, eps=1e-12)
            self.bias = nn.Parameter(torch.zeros(vocab))
            for p in self.parameters():
                if p.dim() > 1:
                    nn.init.trunc_normal_(p, std=0.02, a=-0.04, b=0.04)

        def forward(self, ids, segments, rows, labels, following):
            x = F.dropout(self.norm(self.word(ids) + self.pos.weight[:seq] + self.typ(segments)), rate)
            for layer in self.layers:
                x = layer(x)
            # The head runs on the masked positions alone; the decoder is the embedding.
            h = self.transform_norm(F.gelu(self.transform(x.view(-1, hidden)[rows])))
            mlm = F.cross_entropy(F.linear(h, self.word.weight, self.bias).float(), labels)
            return mlm + F.cross_entropy(self.nsp(torch.tanh(self.pooler(x[:, 0]))).float(), following)

    return Bert()


class Torch:
    """A dense training step of PyTorch."""

    def __init__(self, torch, args, case):
        self.torch, self.cuda = torch, args.device == "cuda"
        n, s, vocab = case["sequences"], case["seq_len"], args.vocab_size
        torch.manual_seed(1)
        model = build(torch, case["model"], s, vocab).to(args.device)
        decayed = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() <= 1]
        groups = [dict(params=decayed, weight_decay=0.01), dict(params=others, weight_decay=0.0)]
        optimizer = torch.optim.AdamW(groups, lr=1e-5, betas=(0.9, 0.999), eps=1e-6, fused=self.cuda, capturable=self.cuda)
        count = masked(s)
        rows = (torch.arange(n)[:, None] * s + torch.arange(count) * s // count).reshape(-1)
        draw = lambda *size: torch.randint(vocab, size)
        data = [x.to(args.device) for x in (draw(n, s), (torch.arange(s) * 2 // s).expand(n, s).contiguous(), rows, draw(n * count), torch.arange(n) % 2)]
        loss_of = model if args.no_compile or not self.cuda else torch.compile(model, mode="max-autotune-no-cudagraphs", dynamic=False)

        def step():
            optimizer.zero_grad(set_to_none=False)
            with torch.autocast(args.device, dtype=torch.bfloat16):
                loss = loss_of(*data)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
            optimizer.step()
            return loss

        self.step, self.loss, self.name = step, None, "PyTorch dense"
        self.note = "bf16 autocast, SDPA, fused AdamW" + ("" if args.no_compile or not self.cuda else ", compiled")
        if not self.cuda:
            self.loss = step()
            return
        # Warm-up on a side stream, as capturing wants it; then the whole step is one graph.
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(5):
                self.loss = step()
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.loss = step()
            self.step = graph.replay
            self.note += ", one CUDA graph"
        except RuntimeError as e:
            self.note += ", no CUDA graph: " + " ".join(str(e).split())[:200]
            self.torch.cuda.synchronize()

    def sample(self, samples):
        """Seconds of each of so many steps, the loss read after each, as ours does."""
        seconds = []
        for i in range(samples + 1):
            if self.cuda:
                self.torch.cuda.synchronize()
            start = time.perf_counter()
            loss = self.step()
            value = float((self.loss if loss is None else loss).detach())
            if self.cuda:
                self.torch.cuda.synchronize()
            if i:  # the first finds cold caches after the other's turn
                seconds.append(time.perf_counter() - start)
            if not math.isfinite(value):
                raise RuntimeError(f"{self.name}: found a loss of {value}, expected a finite one")
        return seconds


def measure(dense, args, case):
    """Lets both take turns on a case."""
    rivals = [dense]
    if args.binary and args.device == "cuda":
        rivals.append(Ours(args, case))
    seconds = {r.name: [] for r in rivals}
    for turn in range(args.rounds):
        for r in rivals if turn % 2 == 0 else reversed(rivals):
            seconds[r.name] += r.sample(args.samples)
    results = [
        dict(
            name=r.name, note=r.note, seconds_median=statistics.median(s), seconds_min=min(s), seconds_max=max(s), samples=len(s),
            tokens_per_second=case["tokens"] / statistics.median(s),
            tokens_per_second_min=case["tokens"] / max(s), tokens_per_second_max=case["tokens"] / min(s),
        )
        for r in rivals for s in [seconds[r.name]]
    ]  # fmt: skip
    case = dict(case, results=results)
    if len(results) > 1:
        case["speedup_over_torch"] = results[0]["seconds_median"] / results[1]["seconds_median"]
    return case


def grid(args):
    for model, sequences, seq, sparsity, block in itertools.product(args.model, args.batch_size, args.seq_len, args.sparsity, args.block):
        if MODELS[model][1] % block or MODELS[model][3] % block:
            fail(2, f"block: found {block}, expected a divisor of the model's sizes {MODELS[model][1]} and {MODELS[model][3]}")
        yield dict(
            model=model, sequences=sequences, seq_len=seq, tokens=sequences * seq, masked=sequences * masked(seq), dropout=dropout(model),
            sparsity=sparsity, block=block,
        )  # fmt: skip


def machine(torch):
    """What the figures depend on."""
    report = dict(
        torch=torch.__version__, cuda=torch.version.cuda,
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), command=shlex.join(sys.argv),
    )  # fmt: skip
    if torch.cuda.is_available():
        driver = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"], capture_output=True, text=True)
        report.update(gpu=torch.cuda.get_device_name(0), driver=driver.stdout.strip())
    return report


def describe(case):
    return f"{case['model']} s={case['sparsity']} B={case['block']} {case['sequences']}x{case['seq_len']} tokens, {case['masked']} masked, dropout {case['dropout']}"


def main():
    args = arguments()
    cases = list(grid(args))
    if args.dry_run:
        for case in cases:
            print(f"{describe(case)}: PyTorch dense" + (", " + shlex.join(command(args, case)) if args.binary else ""))
        print(f"{len(cases)} cases, {args.rounds} rounds of {args.samples} steps")
        return
    try:
        import torch
    except ImportError:
        fail(1, "found no PyTorch, expected one with CUDA (pip install torch); --dry-run needs none")
    if args.device == "cuda":
        if not torch.cuda.is_available():
            fail(1, f"found no GPU that PyTorch {torch.__version__} can use, expected an NVIDIA GPU with its driver; --dry-run needs none")
        torch.backends.cuda.matmul.allow_tf32 = True
        if args.binary:
            try:
                subprocess.run([args.binary, "bench", "--help"], capture_output=True, check=True)
            except (OSError, subprocess.CalledProcessError) as e:
                fail(2, f"binary: {e}; give --binary PATH, or --binary '' to leave it out")
    report = dict(machine(torch), rounds=args.rounds, samples=args.samples, cases=[])
    dense, shape = None, None
    for case in cases:
        try:
            if shape != (shape := (case["model"], case["sequences"], case["seq_len"])):  # compiling takes minutes
                dense = None
                if args.device == "cuda":
                    torch.cuda.empty_cache()  # of the one before: the other process needs room too
                dense = Torch(torch, args, case)
            done = measure(dense, args, case)
        except RuntimeError as e:  # out of memory, for one
            fail(1, f"{describe(case)}: {e}")
        report["cases"].append(done)
        print(describe(case))
        for r in done["results"]:
            print(f"  {r['name']:16} {1e3 * r['seconds_median']:9.3f} ms  ({1e3 * r['seconds_min']:.3f} .. {1e3 * r['seconds_max']:.3f})  {r['tokens_per_second']:12.0f} tokens/s  {r['note']}")
        if "speedup_over_torch" in done:
            print(f"  speed-up over dense PyTorch {done['speedup_over_torch']:.2f} x", flush=True)
        if args.out:  # after every case: a run that is cut keeps what it has
            with open(args.out + ".part", "w") as f:
                json.dump(report, f, indent=2)
            os.replace(args.out + ".part", args.out)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        fail(130, "stopped by SIGINT")
