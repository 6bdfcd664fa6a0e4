"""Logits, losses and gradients: our checkpoints in transformers, and its models here."""

import filecmp
import os
import shutil

import torch
from common import TESTDATA, fast_tokenizer, forward, load, make_batch
from safetensors.torch import load_file, save_file
from tokens import compare_lines
from transformers import BertConfig, BertForMaskedLM, BertForPreTraining, BertModel

METHODS = ("dense", "static", "dynamic")
TEXT = os.path.join(TESTDATA, "text.txt")
LOGITS, LOSSES, GRADIENTS = 1e-4, 1e-5, 1e-5

TINY = ["--layers", 2, "--hidden", 16, "--heads", 2, "--ffn", 32, "--block-size", 4, "--sparsity", 0.6, "--seq-len", 24,
        "--batch-size", 8, "--max-steps", 200, "--updates", 6, "--learning-rate", 0.02, "--vocab-size", 200]  # fmt: skip
LARGER = ["--model", "tiny", "--block-size", 16, "--sparsity", 0.9, "--seq-len", 64, "--batch-size", 16, "--max-steps", 60, "--updates", 6,
          "--vocab-size", 8192, "--final-eval-batches", 4]  # fmt: skip


def train(programs, folder, text, method, flags):
    programs.call("train", "--quiet", "--threads", 1, "--corpus", text, "--valid", text, "--method", method, "--output-dir", folder, *flags)


def sentences(path, n):
    """Pairs of neighboring lines with text in them."""
    with open(path, encoding="utf-8") as f:
        lines = [line.strip() for line in f if len(line.split()) > 4]
    step = max(2, len(lines) // n // 2 * 2)
    return [(lines[i], lines[i + 1]) for i in range(0, len(lines) - 1, step)][:n]


def difference(a, b):
    return (a.double() - b.double()).abs().max().item()


def compare_forward(programs, report, name, checkpoint, model, batch, scratch):
    """One model in both programs."""
    ours = programs.compute(batch, "forward", checkpoint, os.path.join(scratch, "forward.safetensors"))
    with torch.no_grad():
        mlm, nsp, losses, loss = forward(model, batch)
    report.largest(f"{name}: {mlm.numel()} MLM logits", difference(ours["mlm_logits"], mlm), LOGITS)
    report.largest(f"{name}: {nsp.numel()} NSP logits", difference(ours["nsp_logits"], nsp), LOGITS)
    report.largest(f"{name}: MLM loss {losses[0]:.4f}", difference(ours["losses"][0], losses[0]), LOSSES)
    report.largest(f"{name}: NSP loss {losses[1]:.4f}", difference(ours["losses"][1], losses[1]), LOSSES)
    report.largest(f"{name}: their sum as BertForPreTraining gives it", difference(ours["losses"].sum(), loss), LOSSES)


def compare_planted(programs, report, name, checkpoint, model, batch, scratch):
    """The comparison must notice one weight that is off by a hundredth."""
    ours = programs.compute(batch, "forward", checkpoint, os.path.join(scratch, "forward.safetensors"))
    with torch.no_grad():
        model.bert.encoder.layer[0].attention.output.dense.weight[3, 5] += 0.01
        mlm, _, _, _ = forward(model, batch)
    off = difference(ours["mlm_logits"], mlm)
    report.add(f"{name}: MLM logits with one weight off by 0.01", f"{off:.2e}", f"above {LOGITS:g}", off > LOGITS)


def compare_round_trip(programs, report, name, run, export, scratch):
    """Export, import, export; and the compact format between."""
    for kind, flags in (("", []), (" by way of --format sparse", ["--format", "sparse"])):
        if flags and name.startswith("dense"):
            continue
        base = os.path.join(scratch, "round" + kind.replace(" ", "-"))
        programs.call("export", "--checkpoint", run, "--output-dir", base + "-1", *flags)
        programs.call("import", "--from", base + "-1", "--output-dir", base + "-2")
        programs.call("export", "--checkpoint", base + "-2", "--output-dir", base + "-3")
        same = filecmp.cmp(os.path.join(export, "model.safetensors"), os.path.join(base + "-3", "model.safetensors"), shallow=False)
        report.equal(f"{name}: export, import, export{kind}: model.safetensors", int(same), 1)
        for part in "123":
            shutil.rmtree(f"{base}-{part}")


def compare_gradients(programs, report, name, checkpoint, folder, batch, scratch):
    """Every tensor's gradient by float64 in both programs; the norm of the difference
    over the norm. A gradient that is zero but for rounding has no scale of its own
    and is measured on the scale of the whole (key biases always are)."""
    ours = programs.compute(batch, "gradients", checkpoint, os.path.join(scratch, "gradients.safetensors"))
    model = load(folder).double()
    *_, loss = forward(model, batch)
    loss.backward()
    theirs = {n: p.grad for n, p in model.named_parameters()}
    whole = torch.sqrt(sum(g.square().sum() for g in theirs.values()))
    weights = load_file(os.path.join(folder, "model.safetensors"))
    worst, compared = 0.0, 0
    for tensor, got in ours.items():
        want = theirs[tensor]
        if "encoder" in tensor and want.dim() == 2:
            # We have no gradient where no block is active; torch has one for the zeros there.
            want = want * active_blocks(weights[tensor], 4 if (weights[tensor] == 0).any() else 1)
        norm = want.norm()
        error = ((got - want).norm() / (norm if norm > 1e-13 * whole else whole)).item()
        compared += 1
        worst = error if not error <= worst else worst
    report.equal(f"{name}: tensors with a gradient in both", compared, len(theirs))
    report.largest(f"{name}: gradients in float64, worst relative error of a tensor", worst, GRADIENTS)
    return ours


def active_blocks(weight, block):
    """1 in every block that has a number other than 0."""
    rows, cols = weight.shape
    blocks = weight.reshape(rows // block, block, cols // block, block).abs().amax(dim=(1, 3)) > 0
    return blocks.repeat_interleave(block, 0).repeat_interleave(block, 1).double()


def compare(programs, report, scratch, lines):
    """Everything about models: small ones, those trained on lines, and transformers' own."""
    for method in METHODS:
        run, folder = os.path.join(scratch, "run-" + method), os.path.join(scratch, method)
        train(programs, run, TEXT, method, TINY)
        programs.call("export", "--checkpoint", run, "--output-dir", folder)
        batch = make_batch(fast_tokenizer(folder), sentences(TEXT, 4), 24)
        compare_forward(programs, report, method, run, load(folder), batch, scratch)
        compare_planted(programs, report, method, run, load(folder), batch, scratch)
        compare_round_trip(programs, report, method, run, folder, scratch)
        if method != "static":
            compare_gradients(programs, report, method, run, folder, batch, scratch)
    compare_theirs(programs, report, os.path.join(scratch, "dense"), scratch)
    if not lines:
        return
    for method in METHODS:
        name, run, folder = f"{method}, BERT-Tiny", os.path.join(scratch, "run-larger-" + method), os.path.join(scratch, "larger-" + method)
        train(programs, run, lines, method, LARGER)
        programs.call("export", "--checkpoint", run, "--output-dir", folder)
        batch = make_batch(fast_tokenizer(folder), sentences(lines, 16), 64)
        compare_forward(programs, report, name, run, load(folder), batch, scratch)
        compare_round_trip(programs, report, name, run, folder, scratch)
    compare_lines(programs, report, os.path.join(scratch, "larger-dense"), lines, os.path.basename(lines))


def compare_theirs(programs, report, ours, scratch):
    """Models that transformers made and saved, imported here."""
    tokenizer = fast_tokenizer(ours)
    torch.manual_seed(5)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=48, num_hidden_layers=3, num_attention_heads=3, intermediate_size=80,
                        max_position_embeddings=40, initializer_range=0.2)  # fmt: skip
    original = BertForPreTraining(config).eval()
    with torch.no_grad():
        for p in original.parameters():
            p.add_(0.05 * torch.randn_like(p))  # biases of 0 would hide mistakes
    batch = make_batch(tokenizer, sentences(TEXT, 4), 24)

    def check(name, model, save, flags=(), has=None):
        folder, run = os.path.join(scratch, "theirs"), os.path.join(scratch, "imported")
        save(folder)
        tokenizer.save_pretrained(folder)  # which writes no vocab.txt, but tokenizer.json
        programs.call("import", "--from", folder, "--output-dir", run, *flags)
        if model is not None:
            compare_forward(programs, report, name, run, model, batch, scratch)
        exported = os.path.join(scratch, "exported")
        programs.call("export", "--checkpoint", run, "--output-dir", exported)
        want, got = (original if model is None else model).state_dict(), load(exported).state_dict()
        kept = [n for n in want if has is None or n in has]
        report.equal(f"{name}: tensors that import and export keep", sum(torch.equal(want[n], got[n]) for n in kept), len(kept))
        for part in (folder, run, exported):
            shutil.rmtree(part)

    check("saved by transformers", original, original.save_pretrained)
    check("saved by transformers in shards", original, lambda d: original.save_pretrained(d, max_shard_size="100KB"))
    for dtype in (torch.float16, torch.bfloat16):
        rounded = BertForPreTraining(config)
        rounded.load_state_dict(original.state_dict())
        rounded = rounded.to(dtype)
        check(f"saved in {str(dtype).removeprefix('torch.')}", widened(config, rounded), rounded.save_pretrained)
    check("saved with gamma and beta", original, lambda d: save_old(original, d))
    for head, prefix in ((BertModel, "bert."), (BertForMaskedLM, "")):
        part = head(config)
        has = {prefix + n for n in part.state_dict()} & set(original.state_dict())
        part.load_state_dict({n.removeprefix(prefix): original.state_dict()[n] for n in has})
        check(f"saved as {head.__name__}", None, part.save_pretrained, ["--init-heads"], has)


def widened(config, model):
    """A float32 copy of a model of another type."""
    out = BertForPreTraining(config)
    out.load_state_dict({n: v.float() for n, v in model.state_dict().items()})
    return out.eval()


def save_old(model, folder):
    """As the first versions named LayerNorm's parameters, with the decoder's copies."""
    model.save_pretrained(folder)
    state = {n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v.clone() for n, v in model.state_dict().items()}
    state["bert.embeddings.position_ids"] = torch.arange(model.config.max_position_embeddings)[None]
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def golden(programs, scratch, versions, write_json):
    """Small exports with what transformers computes of them."""
    for method in METHODS:
        folder, to = os.path.join(scratch, method), os.path.join(TESTDATA, method)
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(folder, to)
        batch = make_batch(fast_tokenizer(folder), sentences(TEXT, 3), 24)
        for row in range(3):  # a few positions are enough
            batch["positions"][row], batch["labels"][row] = batch["positions"][row][row::4], batch["labels"][row][row::4]
        with torch.no_grad():
            mlm, nsp, losses, _ = forward(load(folder), batch)
        write_json(os.path.join(to, "batch.json"), {"versions": versions, **batch})
        want = {"mlm_logits": mlm, "nsp_logits": nsp, "losses": losses}
        if method == "dynamic":
            model = load(folder).double()
            *_, loss = forward(model, batch)
            loss.backward()
            want |= {"gradient " + n: p.grad.float() for n, p in model.named_parameters()}
        save_file({n: t.contiguous() for n, t in want.items()}, os.path.join(to, "transformers.safetensors"))
