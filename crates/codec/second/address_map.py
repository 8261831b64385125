"""Section 2.13: where addresses of the old file went."""

import heapq
from bisect import bisect_right

from fields import BEFORE_LINES, is_line
from primitives import MASK64


class AddressMap:
    def __init__(self, matches, old, new):
        self.starts = []
        self.ends = []
        self.moved = []
        self.make_pieces(stretches(matches, old, new))

    def make_pieces(self, all_stretches):
        """Disjoint, ascending pieces: of stretches that overlap the longest counts."""
        stretches_by_start = sorted(s for s in all_stretches if s[0] < s[1])
        borders = sorted({b for start, end, _ in stretches_by_start for b in (start, end)})
        heap = []
        i = 0
        for start, end in zip(borders, borders[1:]):
            while i < len(stretches_by_start) and stretches_by_start[i][0] == start:
                first, last, moved = stretches_by_start[i]
                heapq.heappush(heap, (first - last, -first, -moved, last))
                i += 1
            while heap and heap[0][3] <= start:
                heapq.heappop(heap)
            if heap:
                self.add(start, end, -heap[0][2])

    def add(self, start, end, moved):
        if self.ends and self.ends[-1] == start and self.moved[-1] == moved:
            self.ends[-1] = end
        else:
            self.starts.append(start)
            self.ends.append(end)
            self.moved.append(moved)

    def find(self, a):
        """(where it went, whether it is held)"""
        i = bisect_right(self.starts, a) - 1
        if i >= 0 and a < self.ends[i]:
            return a + self.moved[i] & MASK64, True
        below = i >= 0
        above = i + 1 < len(self.starts)
        if below and above:
            nearer = i if a - (self.ends[i] - 1) <= self.starts[i + 1] - a else i + 1
        elif below or above:
            nearer = i if below else i + 1
        else:
            return a, False
        return a + self.moved[nearer] & MASK64, False

    def went(self, target):
        """6.8: as find, but of lines their number."""
        if target == BEFORE_LINES:
            return MASK64, True
        if is_line(target):
            return target & 0xFFFFFF, False
        return self.find(target)


def stretches(matches, old, new):
    """(start, end, moved), moved modulo 2^64"""
    found = []
    old_borders = borders_of(old)
    new_borders = borders_of(new)
    for match in matches:
        at, to, left = match.old, match.new, match.length
        while left > 0:
            step = min(left, next_border(old_borders, at), next_border(new_borders, to))
            s = old.address(at)
            t = new.address(to)
            if s is not None and t is not None:
                found.append((s, s + step, t - s & MASK64))
            at += step
            to += step
            left -= step
    for (a, length), (b, _) in zip(old.zeroed, new.zeroed):
        found.append((a, a + length, b - a & MASK64))
    return found


def borders_of(layout):
    return sorted({b for s in layout.segments for b in (s.offset, s.offset + s.length)})


def next_border(borders, at):
    i = bisect_right(borders, at)
    return borders[i] - at if i < len(borders) else MASK64
