"""Section 2: the stream, parts, matches, and how a part is made of pieces."""

from typing import NamedTuple

import bidiff
import derived
import frames
from address_map import AddressMap
from code import CodeScan, make_window
from fast import Fast, Lanes
from gaps import Destinations, Literals, popular
from layout import DERIVED, FIND_FUNCTION, FUNCTIONS8, FUNCTIONS12, PAGE_DIGESTS, Region, read_layouts
from matches import Copying, Hits
from primitives import MASK64, Counters, Number, PatchError, RangeCoder, signed
from tables import scan_tables
from targets import Guesser, Lines, TargetNumbers, Targets, targets_of


class Sizes(NamedTuple):
    literals: int
    flags: int
    values: int
    places: int
    substitutions: int


SIZES = {"balanced": Sizes(12, 12, 11, 10, 12), "small": Sizes(15, 13, 14, 12, 12), "fast": None}


def decode(old, body, to_size, memory):
    if max(len(old), to_size) > 2**31 - 1:
        raise PatchError("a file is too large")
    all_frames = frames.split(body)
    content = frames.unpack(all_frames[:1], 1 << 17)
    coder = RangeCoder(content)
    level = read_level(coder)
    lanes = None
    if level == "fast":
        coder = RangeCoder(content[:-1])
        read_level(coder)
        if not 10 <= content[-1] <= 27 or len(all_frames) < 2:
            raise PatchError("no lanes, or a wrong window of them")
        lanes = Lanes(frames.unpack(all_frames[1:], 1 << content[-1]))
    elif len(all_frames) > 1:
        raise PatchError("something is behind the frame")
    new = bytearray()
    for piece in parts(coder, len(old), to_size):
        old_piece = old[piece.start : piece.start + piece.old_length]
        if piece.plain:
            new += plain_part(coder, level, old_piece, piece.new_length, memory)
        else:
            new += Part(coder, level, lanes, old_piece, piece.new_length).make()
    if not coder.is_at_end() or lanes and not lanes.is_at_end():
        raise PatchError("something is left of the stream")
    return new


def read_level(coder):
    if coder.bit(60854):
        return "balanced"
    return "small" if coder.bit(32768) else "fast"


class Piece(NamedTuple):
    start: int
    old_length: int
    new_length: int
    plain: int


def parts(coder, from_size, to_size):
    several = Counters(coder, 1, 60)
    plain = Counters(coder, 1, 60)
    numbers = Number(coder, 3)
    if not several.bit():
        yield Piece(0, from_size, to_size, 0)
        return
    left = to_size
    count = 0
    while count == 0 or left > 0:
        count += 1
        start, old_length, new_length = (numbers.number(k) for k in range(3))
        is_plain = plain.bit()
        if start + old_length > from_size or not 1 <= new_length <= left or count > 16:
            raise PatchError("a part is out of bounds")
        left -= new_length
        yield Piece(start, old_length, new_length, is_plain)


def stored(coder):
    return coder.raw_bytes(Number(coder, 1).number(0))


def plain_part(coder, level, old, new_size, memory):
    if level == "fast":
        raise PatchError("a plain part at level fast")
    return bidiff.decode(old, stored(coder), new_size, memory - (4 << 20))


class Match(NamedTuple):
    old: int
    new: int
    length: int

    @property
    def diagonal(self):
        return self.old - self.new


EXACT, NEAR, FAR = range(3)


def read_matches(coder, old_size, new_size):
    """2.11"""
    gaps, lengths, near = (Number(coder, 32) for _ in range(3))
    far = Number(coder, 2)
    is_far = Counters(coder, 36, 200)
    is_near = Counters(coder, 36, 200)
    places = Counters(coder, 64, 200)
    recent = [0] * 16
    new = old_end = last_length = last = before = 0
    matches = []
    while True:
        gap = gaps.number(last * 8 + min(max(last_length.bit_length() - 2, 0), 7))
        if gap == new_size - new:
            return matches
        if gap > new_size - new:
            raise PatchError("a gap is too long")
        new += gap
        t = int(gap > 0)
        context = (last * 3 + before) * 4 + min(gap.bit_length(), 3)
        bits = min(gap.bit_length(), 7)
        if is_far.bit(context):
            kind = FAR
            diagonal = far.signed(t) + old_end - new
        else:
            kind = is_near.bit(context)
            place = places.tree(4, (kind * 2 + t) * 16)
            diagonal = recent[place]
            if kind == NEAR:
                diagonal += near.signed(min(place, 3) * 8 + bits)
        diagonal = signed(diagonal)
        length = lengths.number(kind * 8 + bits)
        old = signed(new + diagonal)
        if not 0 <= old <= old_size or not 1 <= length <= old_size - old or length > new_size - new:
            raise PatchError("a match is out of bounds")
        del recent[recent.index(diagonal) if diagonal in recent else 15]
        recent.insert(0, diagonal)
        matches.append(Match(old, new, length))
        new += length
        old_end = old + length
        last_length = length
        before, last = last, kind


class DerivedRegion(NamedTuple):
    region: Region
    parameters: tuple

    @property
    def offset(self):
        return self.region.offset


def read_derived(coder, layout):
    """2.10"""
    flag = Counters(coder, 1, 60)
    numbers = Number(coder, 2)
    found = []
    for region in layout.regions:
        if region.content not in DERIVED or not flag.bit():
            continue
        parameters = (0, 0)
        if region.content in (FUNCTIONS12, FUNCTIONS8, PAGE_DIGESTS):
            first = region.offset - numbers.signed(0) & MASK64
            parameters = (first, numbers.number(1))
            derived.check_parameters(region, parameters)
        found.append(DerivedRegion(region, parameters))
    for content in (PAGE_DIGESTS, FIND_FUNCTION):
        if sum(d.region.content == content for d in found) > 1:
            raise PatchError("more than one derived region of a content that may be derived once")
    for d in found:
        derived.check(d.region, layout)
    return found


class Part:
    def __init__(self, coder, level, lanes, old, new_size):
        self.coder = coder
        self.old = old
        self.new = bytearray()
        self.new_size = new_size
        self.is_fast = level == "fast"
        self.lanes = lanes
        self.old_layout, self.new_layout = read_layouts(coder, len(old), new_size)
        self.derived = read_derived(coder, self.new_layout)
        self.matches = read_matches(coder, len(old), new_size)
        self.second = None if self.is_fast else RangeCoder(stored(coder))
        self.prepare(SIZES[level])

    def prepare(self, sizes):
        old, new = self.old_layout, self.new_layout
        self.map = AddressMap(self.matches, old, new)
        self.code_scan = CodeScan(self.old, old)
        self.tables = scan_tables(self.old, old, self.code_scan)
        self.table_places = [r.at for r in self.tables]
        numbers = TargetNumbers(targets_of(self.tables, self.code_scan, old), old, len(self.old))
        targets = Targets(numbers, self.map, old, new)
        guesser = Guesser(self.new, new, targets, Lines(numbers))
        if self.is_fast:
            self.fast = Fast(self, self.lanes, guesser)
            return
        calls = popular(self.coder, self.code_scan.calls, old, new, self.map, False)
        data = popular(self.coder, self.code_scan.data_targets, old, new, self.map, True)
        self.destinations = Destinations(self.coder, calls, data)
        hits = Hits(self.coder, sizes, guesser, targets, self.destinations)
        self.copying = Copying(self.coder, sizes, self, hits)
        gap_bytes = self.new_size - sum(m.length for m in self.matches)
        self.literals = Literals(self.second, self.old, self.new, new, sizes, gap_bytes)

    # 2.14

    def make(self):
        new = self.new
        matches = iter(enumerate(self.matches))
        number, match = next(matches, (None, None))
        waiting = list(self.derived)
        self.blank = []
        in_gap = False
        while len(new) < self.new_size:
            at = len(new)
            if self.is_fast:
                self.lanes.begin_piece(at)
            while waiting and waiting[0].offset < at:
                waiting.pop(0)
            gap_end = match.new if match else self.new_size
            if at < gap_end:
                if waiting and waiting[0].offset == at:
                    self.begin_region(waiting.pop(0), gap_end)
                    in_gap = False
                else:
                    end = min(gap_end, waiting[0].offset) if waiting else gap_end
                    self.gap(at, end, not in_gap)
                    in_gap = True
            else:
                self.window(number, match, at)
                in_gap = False
                if len(new) == match.new + match.length:
                    number, match = next(matches, (None, None))
            self.make_blank_regions()
        if self.is_fast:
            self.lanes.end_part(self.new_size)
        elif not self.second.is_at_end():
            raise PatchError("something is left of the literals")
        return new

    def gap(self, at, end, begins):
        if self.is_fast:
            self.fast.gap(at, end, begins)
            return
        if begins:
            self.literals.begin()
        self.new += bytes(min(end - at, 8192 + 3))
        behind, holes = self.literals.piece(at, end)
        del self.new[behind:]
        for hole in holes:
            self.destinations.fill(hole, self.new, self.new_layout)

    def window(self, number, match, at):
        done = at - match.new
        window = make_window(self.old, self.old_layout, self.code_scan, self.tables, self.table_places,
                             match.old + done, match.length - done, self.is_fast)
        if self.is_fast:
            self.fast.window(window, at, number, match.new)
            return
        if done == 0:
            self.copying.begin_match(number)
        self.literals.pass_window(window)
        self.copying.window(window, at)

    def is_ready(self, region):
        source = derived.source(region, self.new_layout)
        return source is None or source.end <= len(self.new)

    def begin_region(self, d, gap_end):
        region = d.region
        if region.end > gap_end:
            raise PatchError("a match lies in a region that is derived")
        if self.is_ready(region):
            self.new += self.derive(d)
        else:
            self.blank.append(d)
            self.new += bytes(region.length)

    def make_blank_regions(self):
        while True:
            d = next((d for d in self.blank if self.is_ready(d.region)), None)
            if d is None:
                return
            self.new[d.offset : d.region.end] = self.derive(d)
            self.blank.remove(d)

    def derive(self, d):
        if d.region.content == PAGE_DIGESTS and any(b.offset < d.parameters[0] for b in self.blank):
            raise PatchError("digests of pages that are blank")
        made = derived.make(d.region, d.parameters, self)
        if len(made) != d.region.length:
            raise PatchError("a derived region has another length")
        return made

    # 2.15

    def neighbour(self, number, offset, reach):
        """(offset of the new file or None, whether a match holds it)"""
        matches = self.matches
        best = 512
        found = None
        count = len(matches)
        for i in places_around(number, reach, count):
            old, new, length = matches[i]
            if offset >= old + length:
                d = offset - (old + length)
                if d < best:
                    best, found = d, new + length + d
            elif offset >= old:
                return new + offset - old, True
            else:
                d = old - offset
                if d < best and new >= d:
                    best, found = d, new - d
        return found, False

    def led(self, number, target, reach):
        """(address or None, whether by inside)"""
        offset = self.old_layout.offset(target)
        if offset is None:
            return None, False
        found, is_inside = self.neighbour(number, offset, reach)
        return None if found is None else self.new_layout.address(found), is_inside


def places_around(number, reach, count):
    yield number
    for s in range(1, reach + 1):
        if number + s < count:
            yield number + s
        if number - s >= 0:
            yield number - s
