"""Sections 1 (numbers of targets, lines of source files) and 6.8, 6.9, 6.11: targets and their guesses."""

from bisect import bisect_left, bisect_right, insort

import fields
from fields import (BEFORE_LINES, IMAGE32, IN_PAGE, LENGTH32, LINES, MOVING_BASE, PAGE, SIZE, SPANS, is_line,
                    word_at)
from primitives import MASK64, signed


def targets_of(tables, code_scan, layout):
    """All addresses of the old file that are targets."""
    found = set(code_scan.named)
    found.update(r.target for r in tables)
    found.update(r.base for r in tables if r.kind in MOVING_BASE)
    found.update(layout.bases)
    return found


class TargetNumbers:
    def __init__(self, targets, layout, size):
        low = layout.low
        span = min(max(layout.high - low, 0), 8 * size + (1 << 20))
        near_end = 4096 * (span // 4096 + 1)
        near = sorted((t for t in targets if (t - low) & MASK64 < near_end), key=lambda t: (t - low) & MASK64)
        far = sorted(t for t in targets if (t - low) & MASK64 >= near_end)
        self.near_count = len(near)
        self.targets = near + far
        self.numbers = {t: i for i, t in enumerate(self.targets)}


class Lines:
    """Shifts of lines of source files."""

    def __init__(self, numbers):
        self.numbers = numbers
        lines = [i for i, t in enumerate(numbers.targets) if is_line(t)]
        self.first, self.end = (lines[0], lines[-1] + 1) if lines else (0, 0)
        self.shifts = {}
        self.known = []

    def shift(self, t):
        m = self.numbers.numbers.get(t, -1)
        if m < self.first:
            return 0
        i = bisect_right(self.known, m)
        if i > 0 and self.is_of_file(self.known[i - 1], t):
            return self.shifts[self.known[i - 1]]
        i = bisect_left(self.known, m)
        if i < len(self.known) and self.is_of_file(self.known[i], t):
            return self.shifts[self.known[i]]
        return 0

    def is_of_file(self, number, t):
        return number >= self.numbers.near_count and self.numbers.targets[number] >> 24 == t >> 24

    def learn(self, t, line):
        m = self.numbers.numbers.get(t, -1)
        shift = signed(line - (t & 0xFFFFFF))
        if abs(shift) < 1 << 20 and t & 0xFFFFFF != 0xFFFFFF and self.first <= m < self.end:
            if m not in self.shifts:
                insort(self.known, m)
            self.shifts[m] = shift


class Target:
    def __init__(self, home, by, held):
        self.home = home
        self.first = by
        self.by = by
        self.held = held
        self.known = False
        self.earlier = None


class Targets:
    """6.8: where targets went."""

    def __init__(self, numbers, address_map, old, new):
        self.numbers = numbers.numbers
        self.map = address_map
        self.moved = new.low - old.low
        self.states = {}
        for a, b in zip(old.bases, new.bases):
            self.learn(a, b)

    def state(self, t):
        """None for what has no number."""
        state = self.states.get(t)
        if state is None and t in self.numbers:
            home = self.home(t)
            v, held = self.map.went(t)
            by = signed(v - home)
            state = self.states[t] = Target(home, by if is_small(by) else 0, held)
        return state

    def home(self, t):
        if t == BEFORE_LINES:
            return MASK64
        return t & 0xFFFFFF if is_line(t) else t + self.moved & MASK64

    def target(self, t):
        """(where it went, held, known)"""
        s = self.state(t)
        if s is None:
            return t, False, False
        return s.home + s.by & MASK64, s.held, s.known

    def learn(self, t, v):
        s = self.state(t)
        if s is None:
            return
        x = signed(v - s.home)
        if is_small(x):
            if x != s.by:
                if s.known:
                    s.earlier = s.by
                s.by = x
            s.known = True

    def before(self, t):
        s = self.state(t)
        if s is None:
            return t
        if not s.known:
            by = s.by
        else:
            by = s.first if s.earlier is None else s.earlier
        return s.home + by & MASK64


def is_small(by):
    return -(1 << 30) <= by < 1 << 30


MAP, WEAK, STRONG = range(3)


class Guess:
    """6.9: `address` is that of the field."""

    def __init__(self, reference, address, base, value, page, source, held, known):
        self.reference = reference
        self.address = address
        self.base = base
        self.value = value
        self.page = page
        self.source = source
        self.held = held
        self.known = known
        self.page_differs = page is not None and page != value & ~0xFFF


def fits(kind, x):
    if kind == LENGTH32:
        return x < 1 << 20
    n = SIZE[kind]
    return x < 1 << (7 * n) and (n == 1 or x >= 1 << (7 * n - 7))


class Guesser:
    """6.9 and 6.11; led(target) says where a branch is led (2.15): (address or None, whether by inside)."""

    def __init__(self, new, layout, targets, lines):
        self.new = new
        self.layout = layout
        self.targets = targets
        self.lines = lines

    def guess(self, r, place, match_start, led):
        """None where the place has no address."""
        address = self.layout.address(place)
        if address is None:
            return None
        kind, t = r.kind, r.target
        v, held, known = self.targets.target(t)
        base = self.base(r)
        page = self.page(r, place, match_start) if kind == IN_PAGE else None
        if kind in LINES and not known:
            v = v + self.lines.shift(t) & MASK64
        source = MAP
        if r.is_branch:
            where, is_inside = led(t)
            if where is not None and is_inside:
                v, source = where, STRONG
            elif where is not None and not known:
                v, source = where, WEAK
        elif kind in SPANS:
            span = t - r.base & MASK64
            if not fits(kind, v - base & MASK64):
                v, source = base + span & MASK64, STRONG
            elif v - base & MASK64 != span:
                source = WEAK
        return Guess(r, address, base, v, page, source, held, known)

    def base(self, r):
        if r.kind == IMAGE32:
            return self.layout.image_base
        if r.kind not in MOVING_BASE:
            return r.base
        base, _, known = self.targets.target(r.base)
        if r.kind in LINES and not known and r.base != BEFORE_LINES:
            base = r.base + self.lines.shift(r.base) & 0xFFFFFF
        return base

    def page(self, r, place, match_start):
        if place - match_start < 4 * r.words:
            return None
        at = place - 4 * r.words
        address = self.layout.address(at)
        if address is None:
            return None
        word = word_at(self.new, at)
        if word & 0x9F000000 != 0x90000000:
            return None
        return fields.read_word(PAGE, word, address, 0, 0)

    def learn(self, g, actual, is_wrong):
        """6.11"""
        r = g.reference
        if is_wrong:
            if g.source != STRONG and not (r.kind == IN_PAGE and g.page is None):
                self.targets.learn(r.target, actual)
        elif g.page_differs:
            self.targets.learn(r.target, g.page + (g.value & 0xFFF) & MASK64)
        if r.kind in LINES and (is_wrong or not g.known):
            self.targets.learn(r.target, actual)
            self.lines.learn(r.target, actual)

    def write(self, g, place, target):
        r = g.reference
        fields.write(r.kind, self.new, place, g.address, g.base, r.shift, target)

    def read(self, g, place):
        """What the field of the new file says (last paragraph of 6.11)."""
        r = g.reference
        if r.kind == IN_PAGE:
            page = g.value & ~0xFFF if g.page is None else g.page
            return page + ((word_at(self.new, place) >> 10 & 0xFFF) << (r.shift & 7)) & MASK64
        target = fields.read(r.kind, self.new, place, g.address, g.base, r.shift)
        return target + (g.value & 0xFFF) & MASK64 if r.kind == PAGE else target
