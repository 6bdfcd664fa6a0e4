"""Token ids: the exported tokenizer in transformers beside ours."""

import hashlib
import json
import os
import random

from common import TESTDATA, fast_tokenizer, plain_ids

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
EVERY = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def hard_texts():
    with open(os.path.join(TESTDATA, "hard.json"), encoding="utf-8") as f:
        return json.load(f)


def words(tokenizer, text):
    """The words that WordPiece gets, of text without special tokens."""
    backend = tokenizer.backend_tokenizer
    return [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))]


def write_tokenizer(programs, tokens, folder):
    """The tokenizer that export writes for a vocabulary."""
    os.makedirs(folder, exist_ok=True)
    vocab = os.path.join(folder, "given.txt")
    with open(vocab, "w", encoding="utf-8", newline="") as f:
        f.writelines(token + "\n" for token in tokens)
    programs.ask(None, "tokenizer", vocab, folder)
    return vocab, fast_tokenizer(folder)


def count_equal(programs, vocab, tokenizer, texts, show=True):
    ours, theirs = programs.ask(texts, "tokens", vocab), plain_ids(tokenizer, texts)
    for text, a, b in zip(texts, ours, theirs):
        if a != b and show:
            print(f"  {text!r:.100}: ours {a[:20]}, theirs {b[:20]}")
    return sum(a == b for a, b in zip(ours, theirs))


def compare_characters(programs, report, scratch):
    """Every character inside a word, the hard strings and random ones, with a
    vocabulary of single characters, so that no [UNK] hides a difference."""
    _, plain = write_tokenizer(programs, [*SPECIAL, "a"], os.path.join(scratch, "plain"))
    texts = ["a" + chr(code) + "B" for code in EVERY]
    characters = {c for text in [*texts, *hard_texts()] for word in words(plain, text) for c in word}
    # A token of white space cannot stand in vocab.txt, and none comes out of a text.
    characters = sorted(c for c in characters if not c.isspace())
    tokens = [*SPECIAL, *characters, *("##" + c for c in characters)]
    vocab, tokenizer = write_tokenizer(programs, tokens, os.path.join(scratch, "characters"))
    report.equal("token ids: every character of Unicode inside a word", count_equal(programs, vocab, tokenizer, texts), len(texts))
    hard = hard_texts()
    report.equal("token ids: hard strings", count_equal(programs, vocab, tokenizer, hard), len(hard))
    other, _ = write_tokenizer(programs, tokens[:-1] + ["other"], os.path.join(scratch, "planted"))
    missed = count_equal(programs, other, tokenizer, texts, show=False)
    report.add("token ids: every character, with one token replaced", f"{missed} of {len(texts)}", "fewer", missed < len(texts))
    draw = random.Random(7)
    blocks = [range(0x20, 0x7F), range(0xA0, 0x250), range(0x300, 0x600), range(0x900, 0xE00), range(0x1E00, 0x2100), range(0x3000, 0xA000)]
    mixed = ["".join(draw.choice([" ", chr(draw.choice(draw.choice(blocks))), draw.choice(SPECIAL), chr(draw.choice(EVERY))])
                     for _ in range(draw.randrange(1, 40))) for _ in range(20000)]  # fmt: skip
    report.equal("token ids: random strings", count_equal(programs, vocab, tokenizer, mixed), len(mixed))


def compare_lines(programs, report, folder, path, name):
    """Every line of a file, with the tokenizer of an export."""
    with open(path, encoding="utf-8", newline="") as f:
        lines = f.read().split("\n")
    same = count_equal(programs, os.path.join(folder, "vocab.txt"), fast_tokenizer(folder), lines)
    report.equal(f"token ids: lines of {name}", same, len(lines))


def golden(programs, scratch, versions):
    """What the Go tests compare with: words need no vocabulary."""
    _, plain = write_tokenizer(programs, [*SPECIAL, "a"], os.path.join(scratch, "golden"))
    every = hashlib.sha256()
    for code in EVERY:
        every.update((" ".join(words(plain, "a" + chr(code) + "B")) + "\n").encode())
    hard = [t for t in hard_texts() if not any(s in t for s in SPECIAL)]
    return {"versions": versions, "every_character_sha256": every.hexdigest(),
            "hard": [{"text": text, "words": words(plain, text)} for text in hard]}  # fmt: skip
