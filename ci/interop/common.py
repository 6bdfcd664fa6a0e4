"""What the parts of the comparison have in common."""

import json
import os
import subprocess
import sys

import torch
from safetensors.torch import load_file
from transformers import BertForPreTraining, BertTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.join(HERE, "testdata")


class Report:
    """Collects the rows of a table and whether each is within its limit."""

    def __init__(self):
        self.rows, self.failed = [], 0

    def add(self, what, measured, limit, ok):
        self.failed += not ok
        self.rows.append(f"| {what} | {measured} | {limit} |{'' if ok else ' **FAILED**'}")
        print(self.rows[-1], flush=True)

    def largest(self, what, value, limit):
        """A difference that must be at most limit; NaN is not."""
        self.add(what, f"{value:.2e}", f"{limit:g}", bool(value <= limit))

    def equal(self, what, same, of):
        self.add(what, f"{same} of {of}", "all", same == of > 0)


class Programs:
    """The two Go programs."""

    def __init__(self, main, helper):
        self.main, self.helper = main, helper

    def call(self, *args):
        done = subprocess.run([self.main, *map(str, args)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"interop: sparsebert-gpu {' '.join(map(str, args))}: {done.stderr.strip()}")

    def ask(self, value, *args):
        done = subprocess.run([self.helper, *map(str, args)], input=json.dumps(value), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"interop: helper {' '.join(map(str, args))}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout else None

    def compute(self, batch, command, checkpoint, out):
        self.ask(batch, command, checkpoint, out)
        return load_file(out)


def load(folder):
    """The model as transformers loads it, which must find every tensor and no other."""
    model, info = BertForPreTraining.from_pretrained(folder, output_loading_info=True)
    left = {kind: sorted(names) for kind, names in info.items() if names}
    if left:
        sys.exit(f"interop: {folder}: found {left}, expected every tensor and no other")
    return model.float().eval()


def make_batch(tokenizer, pairs, seq_len):
    """Pairs of texts as a batch: every word is predicted, every sixth is masked."""
    batch = {"seq_len": seq_len, "ids": [], "segments": [], "lengths": [], "positions": [], "labels": [], "nsp": []}
    for row, (a, b) in enumerate(pairs):
        ids = tokenizer(a, b, truncation=True, max_length=seq_len)
        tokens, segments = ids["input_ids"], ids["token_type_ids"]
        special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
        positions = [i for i, token in enumerate(tokens) if token not in special]
        batch["labels"].append([tokens[i] for i in positions])
        for i in positions[row % 6 :: 6]:
            tokens[i] = tokenizer.mask_token_id
        pad = seq_len - len(tokens)
        batch["lengths"].append(len(tokens))
        batch["ids"].append(tokens + [tokenizer.pad_token_id] * pad)
        batch["segments"].append(segments + [0] * pad)
        batch["positions"].append(positions)
        batch["nsp"].append(row % 2)
    return batch


def forward(model, batch):
    """What transformers computes: logits of the positions, losses, the loss itself."""
    ids = torch.tensor(batch["ids"])
    mask = torch.arange(batch["seq_len"])[None] < torch.tensor(batch["lengths"])[:, None]
    labels = torch.full_like(ids, -100)
    for row, (positions, tokens) in enumerate(zip(batch["positions"], batch["labels"])):
        labels[row, positions] = torch.tensor(tokens)
    out = model(input_ids=ids, attention_mask=mask.long(), token_type_ids=torch.tensor(batch["segments"]),
                labels=labels, next_sentence_label=torch.tensor(batch["nsp"]))  # fmt: skip
    mlm = torch.cat([out.prediction_logits[row, p] for row, p in enumerate(batch["positions"])])
    nsp = out.seq_relationship_logits
    losses = torch.stack([
        torch.nn.functional.cross_entropy(mlm, labels[labels >= 0]),
        torch.nn.functional.cross_entropy(nsp, torch.tensor(batch["nsp"])),
    ])  # fmt: skip
    return mlm, nsp, losses, out.loss


def fast_tokenizer(folder):
    return BertTokenizerFast.from_pretrained(folder)


def plain_ids(tokenizer, texts):
    """Ids without [CLS] and [SEP], in batches, without the warning about long texts."""
    out = []
    for at in range(0, len(texts), 4096):
        out += [e.ids for e in tokenizer.backend_tokenizer.encode_batch(texts[at : at + 4096], add_special_tokens=False)]
    return out
