"""Where the values of an axis stand along a figure."""

from dataclasses import dataclass

from design import WORDS_OF_NO_LIMIT

FAR = 10  # times as large: numbers stand on a log scale
NEAR = 0.06  # of the whole length: labels of values closer than that would lie on one another
APART = 0.2  # of the whole length, between the numbers and what is none


@dataclass(frozen=True)
class Places:
    positions: list  # of each value of the axis
    joined: list  # positions of the values whose marks a line joins, in ascending order
    ticks: list  # [(position, label)], None: any
    log: bool

    def aside(self, i, share):
        """The place of a value that no line joins, moved by a share of the whole length, so that
        one mark does not hide another."""
        low, high = min(self.positions), max(self.positions)
        return self.positions[i] * (high / low)**share if self.log else \
            self.positions[i] + share * (high - low)


def places(axis):
    """Numbers stand where they belong, log where they reach far; words (optimal, unlimited), and 0
    on a log scale, stand apart of them and are not joined: those without limit on the right, others
    on the left. Values that are no numbers, or one number twice, stand in the study's order, none
    joined."""
    indices = range(len(axis.labels))
    held = [n for n in axis.numbers if n is not None]
    if len(set(held)) < max(2, len(held)):
        return Places(list(indices), [], list(enumerate(axis.labels)), False)
    positive = [n for n in held if n > 0]
    log = len(positive) > 1 and min(held) >= 0 and max(positive) / min(positive) > FAR
    joined = sorted((i for i in indices if axis.numbers[i] is not None
                     and not (log and axis.numbers[i] == 0)), key=lambda i: axis.numbers[i])
    words = [i for i in indices if i not in joined]
    at = _beside([axis.numbers[i] for i in joined], log)
    right = [i for i in words if axis.labels[i] in WORDS_OF_NO_LIMIT]
    left = [i for i in words if i not in right]
    positions = [axis.numbers[i] for i in indices]
    for side, row in ((-1, left[::-1]), (1, right)):
        for step, i in enumerate(row, 1):
            positions[i] = at(side * step)
    return Places(positions, joined, _ticks(axis, positions, joined, words, log), log)


def _beside(numbers, log):
    """Function that gives the n-th position beside the numbers, n < 0 on the left."""
    low, high = numbers[0], numbers[-1]
    if log:
        factor = (high / low) ** APART
        return lambda n: (high if n > 0 else low) * factor**n
    return lambda n: (high if n > 0 else low) + n * APART * (high - low)


def _ticks(axis, positions, joined, words, log):
    shown = {i: f"{axis.numbers[i]:,.0f}" if axis.name == "fleet.chips" else axis.labels[i]
             for i in joined}
    numbers = [axis.numbers[i] for i in joined]
    length = numbers[-1] - numbers[0]
    if not log and any(b - a < NEAR * length for a, b in zip(numbers, numbers[1:])):
        if not words:
            return None
        shown = _spread(joined, positions, shown, length)
    return sorted((positions[i], shown.get(i, axis.labels[i])) for i in [*shown, *words])


def _spread(joined, positions, shown, length):
    """Labels far enough from the one before."""
    kept = {}
    for i in joined:
        if not kept or positions[i] - positions[list(kept)[-1]] >= NEAR * length:
            kept[i] = shown[i]
    return kept
