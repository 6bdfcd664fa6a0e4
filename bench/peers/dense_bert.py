"""A dense pre-training step of BERT in PyTorch, as good as PyTorch makes it.

Shapes, dropout, the decoder tied to the embedding and run on the masked positions
alone, next-sentence loss, clipping and weight decay are those of sparsebert-gpu.
Full sequences, so that no attention mask is needed.
"""

import math
import time

# Layers, hidden size, heads and feed-forward size of sparsebert-gpu's models.
MODELS = {
    "tiny": (2, 128, 2, 512), "mini": (4, 256, 4, 1024), "small": (4, 512, 8, 2048),
    "medium": (8, 512, 8, 2048), "base": (12, 768, 12, 3072), "large": (24, 1024, 16, 4096),
}  # fmt: skip
POSITIONS = 512


def masked(seq):
    """Masked positions of a sequence, as sparsebert-gpu counts them: 15 %, without [CLS] and two [SEP]; halves round up."""
    return max(1, math.floor(0.15 * (seq - 3) + 0.5))


def dropout(model):
    """0.1 for encoders larger than Small's, else none, as in sparsebert-gpu."""
    layers, hidden, _, ffn = MODELS[model]
    return 0.1 if layers * (4 * hidden**2 + 2 * hidden * ffn) > 12582912 else 0.0


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


class Trainer:
    """Model, optimizer and one batch; every Step below trains this same model."""

    def __init__(self, torch, device, model, sequences, seq, vocab):
        self.torch, self.device, self.cuda = torch, device, device == "cuda"
        torch.manual_seed(1)
        self.model = build(torch, model, seq, vocab).to(device)
        decayed = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() <= 1]
        groups = [dict(params=decayed, weight_decay=0.01), dict(params=others, weight_decay=0.0)]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-5, betas=(0.9, 0.999), eps=1e-6, fused=True, capturable=self.cuda)
        count = masked(seq)
        rows = (torch.arange(sequences)[:, None] * seq + torch.arange(count) * seq // count).reshape(-1)
        draw = lambda *size: torch.randint(vocab, size)
        segments = (torch.arange(seq) * 2 // seq).expand(sequences, seq).contiguous()
        data = (draw(sequences, seq), segments, rows, draw(sequences * count), torch.arange(sequences) % 2)
        self.data = [x.to(device) for x in data]


class Step:
    """A training step of PyTorch in one precision, compiled or not."""

    def __init__(self, trainer, precision, compiled):
        self.torch, self.cuda = trainer.torch, trainer.cuda
        self.name = f"PyTorch dense {precision}" + (", compiled" if compiled else "")
        self.note = ("bf16 autocast, " if precision == "bf16" else "") + "SDPA, fused AdamW"
        torch, model, optimizer = trainer.torch, trainer.model, trainer.optimizer
        loss_of = model
        if compiled:
            loss_of = torch.compile(model, mode="max-autotune-no-cudagraphs" if self.cuda else None, dynamic=False)

        def step():
            optimizer.zero_grad(set_to_none=False)
            with torch.autocast(trainer.device, dtype=torch.bfloat16, enabled=precision == "bf16"):
                loss = loss_of(*trainer.data)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=self.cuda or None)
            optimizer.step()
            return loss

        self.step, self.loss = step, None
        try:
            self.warm_up(step)
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as e:  # of torch.compile, which raises whatever its backends raise
            if not compiled:
                raise
            loss_of = model
            self.name = f"PyTorch dense {precision}, compiling failed"
            self.note += ", not compiled: " + " ".join(str(e).split())[:200]
            self.warm_up(step)

    def warm_up(self, step):
        if self.cuda:
            self.record(step)
        else:
            for _ in range(2):  # compiling, allocations
                step()

    def record(self, step):
        """Warms up on a side stream, as capturing wants it; then the whole step is one graph."""
        torch = self.torch
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
            torch.cuda.synchronize()

    def sample(self, samples):
        """Seconds of each of so many steps, the loss read after each, as ours does."""
        seconds = []
        for i in range(samples + self.cuda):
            if self.cuda:
                self.torch.cuda.synchronize()
            start = time.perf_counter()
            loss = self.step()
            value = float((self.loss if loss is None else loss).detach())
            if self.cuda:
                self.torch.cuda.synchronize()
            if i >= self.cuda:  # a GPU's first finds cold caches after the other's turn
                seconds.append(time.perf_counter() - start)
            if not math.isfinite(value):
                raise RuntimeError(f"{self.name}: found a loss of {value}, expected a finite one")
        return seconds
