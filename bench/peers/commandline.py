"""What the peers' command lines have in common."""

import argparse
import os
import sys


def fail(code, text):
    """Ends the program with one line."""
    print(os.path.basename(sys.argv[0]) + ": " + " ".join(str(text).split()), file=sys.stderr)
    sys.exit(code)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        fail(2, message + "; see --help")


def listed(convert, check, expected):
    """An argparse type: a list of values at commas."""

    def parse(text):
        values = []
        for word in text.split(","):
            try:
                value = convert(word)
            except ValueError:
                value = None
            if value is None or not check(value):
                raise argparse.ArgumentTypeError(f"found {word!r}, expected {expected}")
            values.append(value)
        return values

    return parse


def whole(word):
    """An argparse type: a whole number, 1 or more."""
    if not word.isdigit() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"found {word!r}, expected 1 or more")
    return int(word)
