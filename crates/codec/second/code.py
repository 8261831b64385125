"""Section 3: instructions of x86-64 and arm64, and their references."""

from array import array
from bisect import bisect_left, bisect_right

from fields import (BASED32, BRANCH19, BRANCH26, CALL, DATA, IN_PAGE, JUMP, LEBS, NEAR, OTHER, PAGE, RELATIVE32, SIZE,
                    Reference, adr)
from layout import ARM64, X86
from primitives import MASK64, signed

START = 0x80
STRETCH = 32768
WINDOW = 16384

# 3.2 The automaton of x86-64

MODRM, JUMPS = 0x100, 0x200
Z, V = 0x10, 0x11  # sizes of an immediate operand that depend on prefixes


def forms_of_map_0():
    forms = [0] * 256
    for b in range(0x40):
        forms[b] = [MODRM, MODRM, MODRM, MODRM, 1, Z, 0, 0][b & 7]

    def put(form, *ranges):
        for first, last in ranges:
            forms[first : last + 1] = [form] * (last + 1 - first)

    put(MODRM, (0x63, 0x63), (0x84, 0x8F), (0xD0, 0xD3), (0xD8, 0xDF), (0xF6, 0xF7), (0xFE, 0xFF))
    put(MODRM | Z, (0x69, 0x69), (0x81, 0x81), (0xC7, 0xC7))
    put(MODRM | 1, (0x6B, 0x6B), (0x80, 0x80), (0x82, 0x83), (0xC0, 0xC1), (0xC6, 0xC6))
    put(Z, (0x68, 0x68), (0xA9, 0xA9))
    put(1, (0x6A, 0x6A), (0xA8, 0xA8), (0xB0, 0xB7), (0xCD, 0xCD), (0xD4, 0xD5), (0xE4, 0xE7))
    put(JUMPS | 1, (0x70, 0x7F), (0xE0, 0xE3), (0xEB, 0xEB))
    put(JUMPS | 4, (0xE8, 0xE9))
    put(8, (0xA0, 0xA3))
    put(V, (0xB8, 0xBF))
    put(2, (0xC2, 0xC2), (0xCA, 0xCA))
    put(3, (0xC8, 0xC8))
    return forms


def forms_of_map_1():
    forms = [MODRM] * 256
    for b in [5, 6, 8, 9, 0x0B, 0x0E, *range(0x30, 0x38), 0x77, 0xA0, 0xA1, 0xA2, 0xA8, 0xA9, 0xAA, *range(0xC8, 0xD0)]:
        forms[b] = 0
    for b in range(0x80, 0x90):
        forms[b] = JUMPS | 4
    for b in [0x70, 0x71, 0x72, 0x73, 0xA4, 0xAC, 0xBA, 0xC2, 0xC4, 0xC5, 0xC6]:
        forms[b] = MODRM | 1
    return forms


FORMS = [forms_of_map_0(), forms_of_map_1(), [MODRM] * 256, [MODRM | 1] * 256]
PREFIXES = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3, *range(0x40, 0x50)}


class Automaton:
    """Says of the byte that is next its class, and whether it begins an instruction."""

    def __init__(self):
        self.class_ = 0
        self.starts = True
        self.opcode = self.modrm = self.immediate = self.map = self.left = self.vex = 0
        self.short = self.wide = self.jump = self.relative = False

    def step(self, b):
        self.starts = False
        class_ = self.class_
        if class_ <= 1:
            self.begin(b)
        elif class_ == 4:
            self.take_modrm(b)
        elif class_ == 5:
            m = self.modrm >> 6
            self.displacement(1 if m == 1 else 4 if m == 2 or b & 7 == 5 else 0)
        elif class_ == 2:
            self.behind_0f(b)
        elif class_ == 3:
            self.operands(b)
        elif class_ == 17:
            self.in_vex(b)
        else:
            self.left -= 1
            if self.left > 0:
                self.class_ += 1
            elif class_ < 16:
                self.operand()
            else:
                self.end()

    def begin(self, b):
        if b == 0x66:
            self.short = True
            self.class_ = 1
        elif b & 0xF0 == 0x40:
            self.wide = b & 8 != 0
            self.class_ = 1
        elif b in PREFIXES:
            self.class_ = 1
        elif b == 0x0F:
            self.class_ = 2
        elif b == 0xC5:
            self.vex, self.map, self.class_ = 1, 1, 17
        elif b == 0xC4:
            self.vex, self.map, self.class_ = 2, 0, 17
        elif b == 0x62:
            self.vex, self.map, self.class_ = 3, 0, 17
        else:
            self.map = 0
            self.operands(b)

    def in_vex(self, b):
        if self.map == 0:
            self.map = max(b & 3, 1)
        self.vex -= 1
        if self.vex == 0:
            self.class_ = 3

    def behind_0f(self, b):
        if b == 0x38:
            self.map, self.class_ = 2, 3
        elif b == 0x3A:
            self.map, self.class_ = 3, 3
        else:
            self.map = 1
            self.operands(b)

    def operands(self, b):
        self.opcode = self.map << 8 | b
        form = FORMS[self.map][b]
        size = form & 0xFF
        if size >= Z:
            size = 8 if size == V and self.wide else 2 if self.short else 4
        self.immediate = size
        if form & JUMPS:
            self.jump = True
        if form & MODRM:
            self.class_ = 4
        else:
            self.modrm = 0
            self.operand()

    def take_modrm(self, b):
        self.modrm = b
        if b & 0x30 == 0:
            if self.opcode == 0xF6:
                self.immediate = 1
            elif self.opcode == 0xF7:
                self.immediate = 2 if self.short else 4
        mode = b >> 6
        if mode == 3:
            self.operand()
        elif b & 7 == 4:
            self.class_ = 5
        elif mode == 0 and b & 7 == 5:
            self.relative = True
            self.displacement(4)
        elif mode == 0:
            self.operand()
        else:
            self.displacement(1 if mode == 1 else 4)

    def displacement(self, n):
        self.left = n
        if n == 0:
            self.operand()
        else:
            self.class_ = 12 if self.relative else 6 if n == 1 else 8

    def operand(self):
        self.left = n = self.immediate
        if n == 0:
            self.end()
        elif self.jump:
            self.class_ = 16 if n == 1 else 20
        else:
            self.class_ = 18 if n == 1 else 24

    def end(self):
        self.class_ = 0
        self.starts = True
        self.short = self.wide = self.jump = self.relative = False
        self.map = 0


# 3.3 x86-64 code of the old file


class Shape:
    """What the first bytes of an instruction say of all of it."""

    def __init__(self, classes, field, shift, use, is_lea):
        self.classes = classes
        self.length = len(classes)
        self.field = field  # its place in the instruction, or None
        self.shift = shift
        self.use = use
        self.is_lea = is_lea


SHAPES = {}  # by the first 3, 4 or 7 bytes, where these say all
HEADS = (3, 4, 7)


def shape(data, at):
    """The instruction that begins at `at`; bytes behind the end of the data are 0."""
    for n in HEADS:
        known = SHAPES.get(data[at : at + n])
        if known:
            return known
    found, seen = read_shape(data, at)
    n = next((n for n in HEADS if n >= seen), None)
    if n and at + n <= len(data):
        SHAPES[data[at : at + n]] = found
    return found


def read_shape(data, at):
    """The shape, and how many bytes said it."""
    automaton = Automaton()
    classes = bytearray()
    field = None
    seen = 0
    size = len(data)
    while not automaton.starts or not classes:
        class_ = automaton.class_
        if class_ in (12, 20):
            field = len(classes)
        b = data[at + len(classes)] if at + len(classes) < size else 0
        classes.append(class_)
        if class_ < 6 or class_ == 17:
            seen = len(classes)
        if class_ == 1 and len(classes) == 7 and b in PREFIXES:
            break
        automaton.step(b)
    classes[0] |= START
    is_data = field is not None and classes[field] & 0x3F == 12
    use = DATA if is_data else CALL if automaton.opcode == 0xE8 else JUMP
    shift = automaton.immediate if is_data else 0
    return Shape(bytes(classes), field, shift, use, is_data and automaton.opcode == 0x8D), seen


def x86_field(data, shape_, at, address, begin):
    """The reference in the instruction at `at`; `address` is that of the offset `begin`."""
    field = at + shape_.field
    a = address + field - begin
    word = int.from_bytes(data[field : field + 4], "little")
    target = a + 4 + shape_.shift + signed(word, 32) & MASK64
    return Reference(field, RELATIVE32, target, 0, shape_.shift, shape_.use)


# 3.4 arm64: words that hold an address


def arm64_references(data, region, first, last, layout):
    """Those of a scan for the bytes first .. last - 1 of the region; they may begin before `first`."""
    begin = region.offset + max(0, ((first - region.offset) & ~3) - 256)
    end = min(last + 256, region.end)
    address = layout.address(begin) or 0
    count = max(end - begin, 0) // 4
    words = array("I", data[begin : begin + 4 * count])
    found = []
    pages = {}  # register: (place of the ADRP, its page, its number in `found`)
    taken = set()
    for i, w in enumerate(words):
        top = w >> 24
        if top & 0x7C == 0x14:
            a = address + 4 * i
            use = CALL if w >> 31 else JUMP
            found.append(Reference(begin + 4 * i, BRANCH26, a + (signed(w, 26) << 2) & MASK64, 0, 0, use))
            if use == CALL:
                for register in range(19):
                    pages.pop(register, None)
        elif top & 0x9F == 0x90:
            a = address + 4 * i
            page = (a & ~0xFFF) + (signed(adr(w), 21) << 12) & MASK64
            pages[w & 31] = (i, page, len(found))
            found.append(Reference(begin + 4 * i, PAGE, page, 0, 0, DATA))
        elif top & 0x9F == 0x10:
            a = address + 4 * i
            found.append(Reference(begin + 4 * i, NEAR, a + signed(adr(w), 21) & MASK64))
        elif w & 0xFF000010 == 0x54000000 or top & 0x7E == 0x34 or top & 0xBF == 0x18:
            a = address + 4 * i
            found.append(Reference(begin + 4 * i, BRANCH19, a + (signed(w >> 5, 19) << 2) & MASK64))
        elif w & 0xFFC00000 == 0x91000000 or top & 0x3B == 0x39:
            is_add = w & 0xFFC00000 == 0x91000000
            register = w >> 5 & 31
            if register in pages and i - pages[register][0] <= 64:
                place, page, number = pages[register]
                scale = 0 if is_add else 4 if w & 0x4800000 == 0x4800000 else w >> 30
                target = page + ((w >> 10 & 0xFFF) << scale) & MASK64
                found.append(Reference(begin + 4 * i, IN_PAGE, target, 0, scale, OTHER, i - place))
                if number not in taken:
                    taken.add(number)
                    found[number] = found[number]._replace(target=target)
            if is_add or w >> 26 & 1 == 0 and w >> 22 & 3 != 0:
                pages.pop(w & 31, None)
    return found


# 3.5 Scan of code


class CodeScan:
    def __init__(self, data, layout):
        self.data = data
        self.layout = layout
        self.named = set()
        self.calls = []
        self.data_targets = []
        self.taken = set()
        self.restart_points = []
        for region in layout.regions:
            if region.content == X86:
                self.scan_x86(region)
            elif region.content == ARM64:
                self.scan_arm64(region)

    def restart(self, offset):
        """The nearest restart point at or before the offset."""
        return self.restart_points[bisect_right(self.restart_points, offset) - 1]

    def scan_x86(self, region):
        data, layout = self.data, self.layout
        low, span = layout.low, (layout.high - layout.low) & MASK64
        at = region.offset
        block = -1
        while at < region.end:
            begin = at
            address = layout.address(begin) or 0
            end = min(begin + STRETCH, region.end)
            while at < end:
                if (at - region.offset) >> 6 != block:
                    block = (at - region.offset) >> 6
                    self.restart_points.append(at)
                s = shape(data, at)
                if s.field is not None:
                    reference = x86_field(data, s, at, address, begin)
                    distance = (reference.target - low) & MASK64
                    if distance < span:
                        self.name(reference, distance)
                        if s.is_lea:
                            self.taken.add(reference.target)
                at += s.length

    def scan_arm64(self, region):
        low = self.layout.low
        for first in range(region.offset, region.end, STRETCH):
            last = min(first + STRETCH, region.end)
            for reference in arm64_references(self.data, region, first, last, self.layout):
                if first <= reference.at < last:
                    self.name(reference, (reference.target - low) & MASK64)

    def name(self, reference, distance):
        self.named.add(reference.target)
        if distance < 1 << 32:
            if reference.use == CALL:
                self.calls.append(distance)
            elif reference.use == DATA:
                self.data_targets.append(distance)


# 3.6 Jump tables of x86-64


def jump_tables(data, layout, taken, fits):
    """`fits` says whether a reference can hold an address."""
    code = []
    for region in layout.regions:
        a = layout.address(region.offset)
        if region.content in (X86, ARM64) and a is not None:
            code.append((a, a + region.length))

    def is_code(a):
        return any(first <= a < last for first, last in code)

    found = []
    ordered = sorted(taken)
    for i, table in enumerate(ordered):
        start = layout.offset(table)
        if table & 3 or is_code(table) or start is None:
            continue
        end = layout.offset(ordered[i + 1]) if i + 1 < len(ordered) else None
        if end is None or end <= start:
            end = start + 4096
        end = min(end, len(data))
        entries = []
        for p in range(start, end - 3, 4):
            target = table + signed(int.from_bytes(data[p : p + 4], "little"), 32) & MASK64
            if layout.address(p) is None or not is_code(target):
                break
            if fits(target) and fits(table):
                entries.append(Reference(p, BASED32, target, table))
        if len(entries) > 1:
            found += entries
    return found


# 3.7 A window of a match


class Window:
    """`size` bytes of the old file from `start` on; `classes` is None at level fast."""

    def __init__(self, start, size):
        self.start = start
        self.size = size
        self.classes = None
        self.references = []


def make_window(old, layout, scan, tables, table_places, start, length, is_fast):
    """`tables`: references of tables, ascending; `table_places`: where they begin."""
    size = min(length, WINDOW)
    window = Window(start, size)
    if not is_fast:
        window.classes = data_classes(start, size)
    code = []
    for region in layout.regions_within(start, start + size):
        if region.content == X86:
            add_x86(window, code, old, layout, scan, region)
        elif region.content == ARM64:
            add_arm64(window, code, old, layout, region)
    window.references = merged(code, tables, bisect_left(table_places, start), start, start + size)
    if not is_fast:
        mark_lebs(window)
    if size < length:
        cut(window, is_fast)
    return window


def data_classes(start, size):
    pattern = bytes([32 | START, 33, 34, 35])
    offset = start & 3
    return bytearray((pattern * (size // 4 + 2))[offset : offset + size])


def add_x86(window, code, old, layout, scan, region):
    start, classes = window.start, window.classes
    first = max(region.offset, start)
    last = min(region.end, start + window.size)
    begin = at = scan.restart(first)
    address = layout.address(begin) or 0
    while at < last:
        s = shape(old, at)
        if classes is not None and at + s.length > first:
            a, b = max(at, first), min(at + s.length, last)
            classes[a - start : b - start] = s.classes[a - at : b - at]
        if s.field is not None and at + s.field >= first:
            reference = x86_field(old, s, at, address, begin)
            if layout.in_range(reference.target):
                code.append(reference)
        at += s.length


def add_arm64(window, code, old, layout, region):
    start, classes = window.start, window.classes
    first = max(region.offset, start)
    last = min(region.end, start + window.size)
    if classes is not None:
        pattern = bytes([48 | START, 49, 50, 51])
        offset = (first - region.offset) & 3
        n = last - first
        classes[first - start : last - start] = (pattern * (n // 4 + 2))[offset : offset + n]
    code += [r for r in arm64_references(old, region, first, last, layout) if r.at >= start]


def merged(code, tables, i, start, end):
    """References of code and of tables (from number i on), without those that overlap one before."""
    kept = []
    free = start

    def put(reference):
        nonlocal free
        after = reference.at + SIZE[reference.kind]
        if reference.at >= free and after <= end:
            kept.append(reference)
            free = after

    for reference in code:
        while i < len(tables) and tables[i].at < reference.at:
            put(tables[i])
            i += 1
        put(reference)
    while i < len(tables) and tables[i].at < end:
        put(tables[i])
        i += 1
    return kept


def mark_lebs(window):
    classes = window.classes
    for reference in window.references:
        if reference.kind in LEBS:
            first = reference.at - window.start
            behind = first + SIZE[reference.kind]
            for i in range(first, behind):
                classes[i] &= 0x3F
            classes[first] |= START
            if behind < window.size:
                classes[behind] |= START


def cut(window, is_fast):
    places = [r.at - window.start for r in window.references]
    if is_fast:
        n = bisect_left(places, WINDOW - 32)
        window.references = window.references[:n]
        end = window.references[-1].end - window.start if n else 0
        window.size = max(WINDOW - 32, end)
        return
    for at in range(WINDOW - 1, WINDOW - 129, -1):
        if window.classes[at] & START:
            n = bisect_left(places, at)
            if n == 0 or window.references[n - 1].end - window.start <= at:
                break
    else:
        return
    window.size = at
    del window.classes[at:]
    window.references = window.references[:n]
