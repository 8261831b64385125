"""zstd frames: where each ends, what window it has, and its content by the command zstd."""

import subprocess

from primitives import PatchError


def split(data):
    """(frame, window) for each frame of the data."""
    frames = []
    at = 0
    while at < len(data):
        end, window = frame_end(data, at)
        frames.append((data[at:end], window))
        at = end
    return frames


def frame_end(data, at):
    if data[at : at + 4] != b"\x28\xb5\x2f\xfd":
        raise PatchError("no zstd frame where one begins")
    descriptor = byte(data, at + 4)
    single = descriptor >> 5 & 1
    at += 5
    window = None
    if not single:
        window_byte = byte(data, at)
        base = 1 << (10 + (window_byte >> 3))
        window = base + (base >> 3) * (window_byte & 7)
        at += 1
    if descriptor & 3:
        raise PatchError("a zstd frame with a dictionary")
    size_bytes = [single, 2, 4, 8][descriptor >> 6]
    size = int.from_bytes(data[at : at + size_bytes], "little") + (256 if size_bytes == 2 else 0)
    at += size_bytes
    last = 0
    while not last:
        head = byte(data, at) | byte(data, at + 1) << 8 | byte(data, at + 2) << 16
        last = head & 1
        at += 3 + (1 if head >> 1 & 3 == 1 else head >> 3)
    at += 4 * (descriptor >> 2 & 1)
    if at > len(data):
        raise PatchError("a zstd frame is cut off")
    return at, size if single else window


def byte(data, at):
    if at >= len(data):
        raise PatchError("a zstd frame is cut off")
    return data[at]


def unpack(frames, largest_window):
    for _, window in frames:
        if window > largest_window:
            raise PatchError("the window of a zstd frame is too large")
    command = ["zstd", "-d", "-c", "--long=31"]
    run = subprocess.run(command, input=b"".join(f for f, _ in frames), capture_output=True)
    if run.returncode != 0:
        raise PatchError("zstd: " + run.stderr.decode(errors="replace").strip())
    return run.stdout
