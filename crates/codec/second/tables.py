"""Section 4: references of the old file's tables."""

from bisect import bisect_right

import code as exe_code
import fields
from fields import (ABSOLUTE64, BACKWARD32, BASED32, BEFORE_LINES, IMAGE32, LEB1, LENGTH32, LINE32, LINE_KEY,
                    LINE_LEB1, NO_LINE, RELATIVE32, RELATIVE64, SIZE, UNWIND24, Reference)
from layout import FUNCTIONS8, GO_LINES, UNWIND_DATA
from primitives import MASK64, lax_leb, signed, unzigzag

INFINITY = 1 << 100
INT = int.from_bytes


class Fail(Exception):
    """A scanner stops; no error of the patch."""


def fail_if(condition):
    if condition:
        raise Fail


def attempt(procedure, *arguments):
    """`try`: None where it fails."""
    try:
        return procedure(*arguments)
    except Fail:
        return None


def round_up(n, step):
    return -(-n // step) * step


def pack(a, low):
    """4.2: None for an address that a reference can't hold."""
    if a == 0:
        return 1 << 42
    if 0 <= a - (1 << 62) < (1 << 43) - 1:
        return (1 << 43) + a - (1 << 62)
    if a == BEFORE_LINES:
        return (1 << 44) - 1
    d = signed(a - low)
    return d % (1 << 43) if -(1 << 42) < d < 1 << 42 else None


def line_key(file, line):
    return LINE_KEY | (file & 0xFFFFFF) << 24 | line & 0xFFFFFF


def sorted_references(references, low):
    """In their order, without those that overlap one before."""

    def key(r):
        return r.at, r.kind, pack(r.target, low), pack(r.base, low), r.shift % 16

    kept = []
    end = 0
    for r in sorted(references, key=key):
        if r.at >= end:
            kept.append(r)
            end = r.at + SIZE[r.kind]
    return kept


def scan_tables(old, layout, code_scan):
    """All kept references of tables, data and jump tables."""
    scan = TableScan(old, layout)
    scan.all()
    tables = exe_code.jump_tables(old, layout, code_scan.taken, scan.fits)
    return sorted_references(scan.references + tables, layout.low)


class TableScan:
    def __init__(self, old, layout):
        self.old = old
        self.size = len(old)
        self.layout = layout
        self.references = []
        self.steps = 16 * len(old) + 4096
        self.lsdas = []
        self.infos = []
        self.described = set()
        self.text, self.types, self.types_end, self.contiguous_types, self.links, self.link_count, self.function_data = (
            layout.go or [0] * 7)

    # 4.2, 4.3: what scanners are made of

    def fits(self, a):
        return pack(a, self.layout.low) is not None

    def put(self, at, kind, target, base=0, shift=0):
        if self.fits(target) and self.fits(base):
            self.references.append(Reference(at, kind, target, base, shift))

    def step(self):
        if self.steps == 0:
            raise Fail
        self.steps -= 1

    def number(self, at, n):
        if at < 0 or at + n > self.size:
            raise Fail
        return INT(self.old[at : at + n], "little")

    def u8(self, at):
        return self.number(at, 1)

    def u16(self, at):
        return self.number(at, 2)

    def u32(self, at):
        return self.number(at, 4)

    def u64(self, at):
        return self.number(at, 8)

    def leb(self, at, end):
        found = lax_leb(self.old, at, end)
        if found is None:
            raise Fail
        return found

    def address(self, at):
        a = self.layout.address(at)
        if a is None:
            raise Fail
        return a

    def offset(self, a):
        o = self.layout.offset(a)
        if o is None:
            raise Fail
        return o

    def field(self, at, kind, base=0, shift=0):
        self.step()
        a = self.address(at)
        fail_if(at + SIZE[kind] > self.size)
        target = fields.read(kind, self.old, at, a, base, shift)
        self.put(at, kind, target, base, shift)
        return target

    def image(self, a):
        return self.layout.low < a < self.layout.high

    # 4.3: the order of scans

    def all(self):
        scans = {
            4: lambda r: self.frames(r, 4),
            5: lambda r: self.frames(r, 8),
            6: self.frame_index,
            7: self.functions_x86,
            8: self.functions_arm64,
            9: self.unwind,
            10: self.go_lines,
            11: self.relocations,
            12: self.pointers,
            14: lambda r: self.symbols(r, 24),
            15: lambda r: self.symbols(r, 16),
            16: self.pointers,
            22: self.chained,
        }
        go_lines = self.layout.first(GO_LINES)
        for region in self.layout.regions:
            if region.content in scans and (region.content != GO_LINES or region == go_lines):
                attempt(scans[region.content], region)
        self.unwind_data()
        attempt(self.go_types)
        self.exceptions()

    # 4.4 Pointers, relocations, symbols, chains

    def pointers(self, region):
        at = round_up(region.offset, 8)
        while at + 8 <= region.end:
            t = self.u64(at)
            if self.image(t):
                self.put(at, ABSOLUTE64, t)
            at += 8

    def relocations(self, region):
        at = region.offset
        while at + 24 <= region.end:
            place = self.u64(at)
            self.put(at, ABSOLUTE64, place)
            addend = self.u64(at + 16)
            if self.image(addend):
                self.put(at + 16, ABSOLUTE64, addend)
                if self.u64(at + 8) in (8, 1027):
                    o = self.layout.offset(place)
                    if o is not None and attempt(self.u64, o) == addend:
                        self.put(o, ABSOLUTE64, addend)
            at += 24

    def symbols(self, region, n):
        fail_if(not self.layout.bases)
        names = self.layout.bases[-1]
        at = region.offset
        while at + n <= region.end:
            if self.u32(at) != 0:
                self.field(at, BASED32, names)
            defined = 1 <= self.u16(at + 6) < 0xFF00 if n == 24 else self.u8(at + 5) != 0
            value = self.u64(at + 8)
            if defined and self.image(value):
                self.put(at + 8, ABSOLUTE64, value)
                if n == 24 and 1 <= self.u64(at + 16) < 1 << 20:
                    self.field(at + 16, LENGTH32, value)
            at += n

    def chained(self, region):
        base = self.layout.image_base
        at = round_up(region.offset, 8)
        expected = None
        while at + 8 <= region.end:
            w = self.u64(at)
            following = w >> 51 & 0xFFF
            if following != 0 or at == expected:
                t = base + (w & 0xFFFFFFFF) & MASK64
                if w >> 63:
                    expected = at + 4 * following
                elif w & (0x7FFF << 36) == 0 and self.image(t):
                    expected = at + 4 * following
                    self.put(at, IMAGE32, t, base)
            at += 8

    # 4.5 .eh_frame and its index

    def frames(self, region, n):
        at = region.offset
        while at + 8 <= region.end:
            self.step()
            length = self.u32(at)
            if length == 0:
                at += 4
                continue
            following = at + 4 + length
            fail_if(following > region.end or length < 12)
            if self.u32(at + 4) != 0:
                self.frame(at, following, n)
            at = following

    def frame(self, at, following, n):
        self.field(at + 4, BACKWARD32)
        data = at + 8 + 2 * n
        if data > following:
            return
        function = self.own(at + 8, n)
        self.field(at + 8 + n, LENGTH32, function)
        if data < following and n <= self.u8(data) < 128 and data + 1 + n <= following:
            self.lsdas.append((self.own(data + 1, n), function))

    def own(self, at, n):
        return self.field(at, RELATIVE32, 0, -4) if n == 4 else self.field(at, RELATIVE64)

    def frame_index(self, region):
        base = self.address(region.offset)
        self.field(region.offset + 4, RELATIVE32, 0, -4)
        at = region.offset + 12
        while at + 4 <= region.end:
            self.field(at, BASED32, base)
            at += 4

    # 4.6 Exception tables

    def exceptions(self):
        first_of = {}
        for table, function in sorted(self.lsdas):
            first_of.setdefault(table, function)
        lsdas = list(first_of.items())
        for i, (table, function) in enumerate(lsdas):
            at = self.layout.offset(table)
            if at is None:
                continue
            end = self.layout.offset(lsdas[i + 1][0]) if i + 1 < len(lsdas) else None
            if end is None or end <= at:
                end = at + 65536
            attempt(self.exception_table, at, min(end, self.size), function)

    def exception_table(self, at, end, function):
        self.step()
        fail_if(self.u8(at) != 0xFF)
        types = self.u8(at + 1)
        at += 2
        if types != 0xFF:
            _, at = self.leb(at, end)
        fail_if(at >= end or self.u8(at) != 1)
        length, at = self.leb(at + 1, end)
        end = min(at + length, end)
        while at < end:
            self.step()
            start, a1 = self.leb(at, end)
            length, a2 = self.leb(a1, end)
            pad, a3 = self.leb(a2, end)
            _, a4 = self.leb(a3, end)
            first = function + start & MASK64
            self.site(at, a1 - at, first, function)
            self.site(a1, a2 - a1, first + length & MASK64, first)
            if pad != 0:
                self.site(a2, a3 - a2, function + pad & MASK64, function)
            at = a4

    def site(self, at, n, target, base):
        if n <= 3:
            self.put(at, LEB1 - 1 + n, target, base)

    # 4.7 .pdata and unwind information of PE

    def functions_x86(self, region):
        base = self.layout.image_base
        at = region.offset
        while at + 12 <= region.end and self.u32(at) != 0:
            self.field(at, IMAGE32, base)
            self.field(at + 4, IMAGE32, base)
            self.infos.append(self.field(at + 8, IMAGE32, base))
            at += 12

    def functions_arm64(self, region):
        base = self.layout.image_base
        at = region.offset
        while at + 8 <= region.end and self.u32(at) != 0:
            self.field(at, IMAGE32, base)
            if self.u32(at + 4) & 3 == 0:
                self.infos.append(self.field(at + 4, IMAGE32, base))
            at += 8

    def unwind_data(self):
        self.data = self.layout.first(UNWIND_DATA)
        if self.data is None:
            return
        info = self.arm64_info if self.layout.first(FUNCTIONS8) else self.x86_info
        for a in sorted(set(self.infos)):
            at = attempt(self.inside, a)
            if at is not None:
                attempt(info, at)
        for at in sorted(self.described):
            attempt(self.cpp, at)

    def inside(self, a):
        o = self.offset(a)
        fail_if(o < self.data.offset or o + 4 > self.data.end)
        return o

    def ref(self, at):
        self.step()
        fail_if(at + 4 > self.data.end)
        v = self.u32(at)
        t = self.layout.image_base + v & MASK64
        fail_if(v == 0 or t >= self.layout.high)
        self.put(at, IMAGE32, t, self.layout.image_base)
        return t

    def x86_info(self, at):
        flags = self.u8(at) >> 3
        behind = at + 4 + 2 * round_up(self.u8(at + 2), 2)
        if flags & 4:
            for x in (0, 4, 8):
                self.ref(behind + x)
        elif flags & 3:
            self.handler(behind)

    def arm64_info(self, at):
        head = self.u32(at)
        if head >> 20 & 1 == 0:
            return
        second = self.u64(at) >> 32
        epilogues, codes, n = head >> 22 & 31, head >> 27, 4
        if epilogues == 0 and codes == 0:
            epilogues, codes, n = second & 0xFFFF, second >> 16 & 0xFF, 8
        if head >> 21 & 1:
            epilogues = 0
        self.handler(at + n + 4 * epilogues + 4 * codes)

    def handler(self, at):
        self.ref(at)
        o = self.inside(self.layout.image_base + self.u32(at + 4) & MASK64)
        if self.u32(o) & ~15 == 0x19930520:
            self.ref(at + 4)
            self.described.add(o)

    def cpp(self, at):
        states, tries, places = (min(self.u32(at + x), 100000) for x in (4, 12, 20))
        s = attempt(self.ref, at + 8)
        t = attempt(self.ref, at + 16)
        p = attempt(self.ref, at + 24)
        attempt(self.ref, at + 32)
        s, t, p = (None if a is None else attempt(self.inside, a) for a in (s, t, p))
        if s is not None:
            for i in range(states):
                self.step()
                attempt(self.ref, s + 8 * i + 4)
        if p is not None:
            for i in range(places):
                self.ref(p + 8 * i)
        if t is not None:
            for i in range(tries):
                self.try_block(t + 20 * i)

    def try_block(self, block):
        catches = self.u32(block + 12)
        h = attempt(self.ref, block + 16)
        h = None if h is None else attempt(self.inside, h)
        if h is None:
            return
        for k in range(min(catches, 1000)):
            self.step()
            attempt(self.ref, h + 20 * k + 4)
            attempt(self.ref, h + 20 * k + 12)

    # 4.8 __unwind_info

    def unwind(self, region):
        base = self.layout.image_base

        def within(x):
            fail_if(region.offset + x > max(region.end - 4, 0))
            return region.offset + x

        def number(x):
            return self.u32(within(x))

        personalities, count = number(12), number(16)
        for i in range(min(count, 16)):
            self.field(within(personalities + 4 * i), IMAGE32, base)
        index, count = number(20), number(24)
        first, last = INFINITY, 0
        for i in range(count):
            self.step()
            entry = index + 12 * i
            function = self.field(within(entry), IMAGE32, base)
            page, lsda = number(entry + 4), number(entry + 8)
            first, last = min(first, lsda), max(last, lsda)
            if page != 0:
                attempt(self.unwind_page, region, region.offset + page, function)
        for at in range(first, last, 8) if first < last else []:
            self.field(within(at), IMAGE32, base)
            self.field(within(at + 4), IMAGE32, base)

    def unwind_page(self, region, page, function):
        base = self.layout.image_base
        kind = self.u32(page)
        e = self.u32(page + 4)
        start = page + (e & 0xFFFF)
        for i in range(e >> 16):
            self.step()
            if kind == 2 and start + 8 * i + 8 <= region.end:
                self.field(start + 8 * i, IMAGE32, base)
            elif kind == 3 and start + 4 * i + 4 <= region.end:
                self.field(start + 4 * i, UNWIND24, function)
            else:
                raise Fail

    # 4.9 Go's line table

    def go_lines(self, region):
        base = self.address(region.offset)
        h = [self.u64(region.offset + 8)]
        count = h[0]
        self.put(region.offset + 24, ABSOLUTE64, self.u64(region.offset + 24))
        part = []
        for i in range(5):
            part.append(self.u64(region.offset + 32 + 8 * i))
            self.field(region.offset + 32 + 8 * i, BASED32, base)
        fail_if(any(p > region.length for p in part[1:]))
        self.go = GoTable(region, base, part)
        self.seen = set()
        go = self.go
        at = go.units
        while at + 4 <= go.files:
            self.unless(at, 0xFFFFFFFF, go.file_base)
            at += 4
        for n in range(count + 1):
            row = go.functions + 8 * n
            if row + 8 > go.end:
                break
            self.field(row, BASED32, self.text)
            if n < count:
                self.field(row + 4, BASED32, go.function_base)
                attempt(self.go_function, go.functions + self.u32(row + 4))

    def unless(self, at, none, base):
        self.step()
        if self.u32(at) != none:
            self.field(at, BASED32, base)

    def go_function(self, at):
        go = self.go
        fail_if(at > max(go.end - 44, 0))
        self.field(at, BASED32, self.text)
        self.field(at + 4, BASED32, go.names)
        for x in (16, 20, 24):
            self.unless(at + x, 0, go.table_base)
        unit = self.u32(at + 32)
        self.put(at + 32, BASED32, go.unit_base + 4 * unit & MASK64, go.unit_base, 2)
        n, m = self.u32(at + 28), self.u8(at + 43)
        fail_if(n > 4096 or at + 44 + 4 * (n + m) > go.end)
        for i in range(n):
            self.unless(at + 44 + 4 * i, 0, go.table_base)
        for i in range(n, n + m):
            self.unless(at + 44 + 4 * i, 0xFFFFFFFF, self.function_data)
        self.go_source(at, n, m, unit)

    def go_source(self, at, n, m, unit):
        tables = self.go.tables
        file_rows, line_rows = self.u32(at + 20), self.u32(at + 24)
        by_place = []
        if file_rows != 0:
            by_place = [(place, self.go_file(unit, value)) for _, _, value, place in self.go_rows(tables + file_rows)]
        if line_rows != 0 and tables + line_rows not in self.seen:
            self.seen.add(tables + line_rows)
            self.go_line_rows(tables + line_rows, by_place)
        first = self.u32(at + 36)
        if first != 0:
            self.put(at + 36, LINE32, line_key(file_at(by_place, 0), first))
        if n > 2 and m > 3 and self.function_data != 0:
            indices, tree = self.u32(at + 52), self.u32(at + 44 + 4 * n + 12)
            if indices != 0 and tree != 0xFFFFFFFF:
                o = self.offset(self.function_data + tree & MASK64)
                if o not in self.seen:
                    self.seen.add(o)
                    self.go_inlined(o, tables + indices, by_place)

    def go_line_rows(self, table, by_place):
        last, last_file, last_line = BEFORE_LINES, None, -1
        for at, size, value, place in self.go_rows(table):
            f = file_at(by_place, place)
            k = line_key(f, value)
            if (f != last_file or abs(value - last_line) > 2) and size <= 3:
                self.put(at, LINE_LEB1 - 1 + size, k, last)
            last, last_file, last_line = k, f, value

    def go_inlined(self, o, table, by_place):
        inlined = []
        for _, _, value, place in self.go_rows(table):
            if 0 <= value < 4096:
                while len(inlined) <= value:
                    inlined.append(NO_LINE)
                if inlined[value] == NO_LINE:
                    inlined[value] = file_at(by_place, place)
        for i, f in enumerate(inlined):
            self.field(o + 16 * i + 4, BASED32, self.go.names)
            self.put(o + 16 * i + 12, LINE32, line_key(f, self.u32(o + 16 * i + 12)))

    def go_file(self, unit, number):
        x = self.go.units + 4 * (unit + number)
        if number < 0 or x > max(self.go.files - 4, 0) or x + 4 > self.size:
            return NO_LINE
        return self.u32(x) & 0xFFFFFF

    def go_rows(self, at):
        """(place of the row, bytes of its value, value, from)"""
        value, place, rows = -1, 0, []
        while at < self.go.end:
            self.step()
            change, behind = self.leb(at, self.go.end)
            if change == 0 and rows:
                break
            value = signed(value + unzigzag(change))
            rows.append((at, behind - at, value, place))
            distance, at = self.leb(behind, self.go.end)
            if distance == 0:
                break
            place = min(place + distance, MASK64)
        return rows

    # 4.10 Go's types

    def go_types(self):
        start = self.layout.offset(self.types)
        if start is None or self.types == 0 or self.types_end <= self.types:
            return
        self.types_start = start
        self.types_stop = min(start + (self.types_end - self.types), self.size)
        self.stack = []
        self.seen_types = set()
        attempt(self.go_links)
        attempt(self.go_contiguous)
        while self.stack:
            t = self.stack.pop()
            self.step()
            if t not in self.seen_types:
                self.seen_types.add(t)
                attempt(self.go_type, t)

    def lead(self, t):
        if self.types <= t < self.types_end and t & 7 == 0 and t not in self.seen_types:
            self.stack.append(t)

    def go_links(self):
        at = self.offset(self.links)
        for i in range(self.link_count):
            self.lead(self.field(at + 4 * i, BASED32, self.types))

    def go_contiguous(self):
        end = min(self.types_start + self.contiguous_types, self.types_stop)
        at = self.types_start
        while at + 48 <= end:
            self.step()
            flags, kind, align = self.u8(at + 20), self.u8(at + 23) & 31, self.u8(at + 21)
            if kind == 0 or kind > 26 or flags > 63 or align == 0 or align > 64:
                at += 8
                continue
            self.lead(self.types + (at - self.types_start))
            more = 0
            if kind == 19:
                more = 8 * self.parameters(at)
            elif kind == 20:
                more = 8 * min(self.u64(at + 64), 4096)
            elif kind == 25:
                more = 24 * min(self.u64(at + 64), 65536)
            methods = 16 + 16 * self.u16(at + fixed_size(kind) + 4) if flags & 1 else 0
            at = round_up(at + fixed_size(kind) + more + methods, 8)

    def parameters(self, at):
        return self.u16(at + 48) + (self.u16(at + 50) & 0x7FFF)

    def distance(self, at, base):
        v = self.u32(at)
        return 0 if v in (0, 0xFFFFFFFF) else self.field(at, BASED32, base)

    def go_type(self, t):
        at = self.types_start + (t - self.types)
        fail_if(at > max(self.types_stop - 80, 0))
        flags, kind, align = self.u8(at + 20), self.u8(at + 23) & 31, self.u8(at + 21)
        fail_if(kind == 0 or kind > 26 or align > 64)
        self.distance(at + 40, self.types)
        self.lead(self.distance(at + 44, self.types))
        for x in {17: (48, 56), 18: (48,), 22: (48,), 23: (48,), 21: (48, 56, 64)}.get(kind, ()):
            self.lead(self.u64(at + x))
        if kind == 20:
            self.go_interface(at)
        elif kind == 25:
            self.go_struct(at)
        behind = at + fixed_size(kind)
        if flags & 1:
            self.go_methods(behind)
            behind += 16
        if kind == 19:
            for i in range(self.parameters(at)):
                if behind + 8 * i + 8 <= self.types_stop:
                    self.lead(self.u64(behind + 8 * i))

    def go_interface(self, at):
        m = self.layout.offset(self.u64(at + 56))
        count = min(self.u64(at + 64), 4096)
        for i in range(count if m is not None else 0):
            self.step()
            self.distance(m + 8 * i, self.types)
            self.lead(self.distance(m + 8 * i + 4, self.types))

    def go_struct(self, at):
        f = self.layout.offset(self.u64(at + 56))
        count = min(self.u64(at + 64), 65536)
        for i in range(count if f is not None else 0):
            self.step()
            self.lead(self.u64(f + 24 * i + 8))

    def go_methods(self, at):
        self.distance(at, self.types)
        count = self.u16(at + 4)
        first = at + self.u32(at + 8)
        fail_if(first >= self.types_stop)
        for i in range(count):
            m = first + 16 * i
            if m + 16 > self.types_stop:
                break
            self.distance(m, self.types)
            self.lead(self.distance(m + 4, self.types))
            self.distance(m + 8, self.text)
            self.distance(m + 12, self.text)


def fixed_size(kind):
    return {17: 72, 18: 64, 19: 56, 22: 56, 23: 56, 20: 80, 25: 80, 21: 112}.get(kind, 48)


def file_at(by_place, place):
    """The file of the last entry that begins at or before the place."""
    i = bisect_right(by_place, (place, INFINITY)) - 1
    return by_place[i][1] if i >= 0 else NO_LINE


class GoTable:
    def __init__(self, region, base, part):
        self.end = region.end
        self.units, self.files, self.tables, self.functions = (region.offset + p for p in part[1:])
        self.names, self.unit_base, self.file_base, self.table_base, self.function_base = (
            base + p & MASK64 for p in part)
